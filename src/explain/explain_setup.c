/* SPDX-License-Identifier: MIT */
/*
 * Explains why there is no ring: looks at the arguments, at what the kernel
 * has, and at what may forbid it, each at the moment of asking.
 */
#include "explain/explain.h"
#include "explain/world.h"
#include "ring/core.h"

#include <linux/resource.h>

/* Group ids of 32 bits; on some machines the first calls of that name had 16. */
#ifdef __NR_getgroups32
#define NR_GETGROUPS __NR_getgroups32
#define NR_GETEGID   __NR_getegid32
#else
#define NR_GETGROUPS __NR_getgroups
#define NR_GETEGID   __NR_getegid
#endif

/* The decimal number that a text starts with; -1 when there is none. */
static long number_in(const char *text)
{
    long value = -1;

    while (*text == ' ' || *text == '\t')
        text++;
    for (; *text >= '0' && *text <= '9'; text++)
        value = (value < 0 ? 0 : value * 10) + (*text - '0');
    return value;
}

/* The number in a file of /proc/sys; -1 when it cannot be read. */
static long sysctl(const char *path)
{
    char buf[32];

    return rota_read_file(path, buf, sizeof(buf)) > 0 ? number_in(buf) : -1;
}

/* The number behind a key of /proc/PID/status; -1 when it is not there. */
static long status_of(const struct rota_process *process, const char *key)
{
    char buf[4096];

    if (rota_read_proc(process, "status", -1, buf, sizeof(buf)) <= 0)
        return -1;
    for (const char *line = buf; *line;) {
        const char *p = line, *k = key;

        while (*k && *p == *k) {
            p++;
            k++;
        }
        if (!*k)
            return number_in(p);
        while (*line && *line != '\n')
            line++;
        if (*line)
            line++;
    }
    return -1;
}

static bool in_group(long group)
{
    uint32_t groups[256];
    long count = rota_syscall6(NR_GETGROUPS, 256, (long)groups, 0, 0, 0, 0);

    if (rota_syscall6(NR_GETEGID, 0, 0, 0, 0, 0, 0) == group)
        return true;
    for (long i = 0; i < count; i++) {
        if ((long)groups[i] == group)
            return true;
    }
    return false;
}

/* What the kernel says to a plain ring. */
static int try_plain(unsigned entries)
{
    struct io_uring_params params;
    int fd;

    rota_zero(&params, sizeof(params));
    fd = rota_sys_setup(entries, &params);
    if (fd >= 0)
        rota_kernel_real.close(fd);
    return fd < 0 ? fd : 0;
}

/* The least that can be asked. */
static int try_smallest(void)
{
    return try_plain(1);
}

/*
 * What forbids
 */

static void look_at_sysctl(struct rota_cause_list *list)
{
    long disabled = sysctl("/proc/sys/kernel/io_uring_disabled");
    long group;
    struct rota_cause_writer w;

    list->refusal = ROTA_REFUSED_SYSCTL;
    if (disabled == 2) {
        rota_cause_put(list, ROTA_CERTAIN,
                       "kernel.io_uring_disabled is 2: nobody may make a ring on this system",
                       "sysctl kernel.io_uring_disabled=0, or 1 and a group that may");
        return;
    }
    if (disabled != 1)
        return;
    group = sysctl("/proc/sys/kernel/io_uring_group");
    if (group >= 0 && !list->process && in_group(group))
        return;
    if (!rota_cause_add(list, list->process ? ROTA_LIKELY : ROTA_CERTAIN, &w))
        return;
    rota_text_put(&w.text, "kernel.io_uring_disabled is 1: only processes with CAP_SYS_ADMIN");
    if (group >= 0) {
        rota_text_put(&w.text, " or in group ");
        rota_text_decimal(&w.text, (uint64_t)group);
    }
    rota_text_put(&w.text, " may make a ring");
    rota_text_put(&w.remedy, group >= 0 ? "join that group (kernel.io_uring_group)"
                                        : "sysctl kernel.io_uring_group=GROUP, or "
                                          "kernel.io_uring_disabled=0");
}

static long seccomp_mode(const struct rota_process *process)
{
    long mode = status_of(process, "Seccomp:");

    /* A tracer's filter forbids nothing; kernels before 5.9 do not tell how many there are. */
    if (mode == 2 && process && (process->flags & ROTA_PROCESS_FILTERED) &&
        status_of(process, "Seccomp_filters:") <= 1)
        mode = 0;
    return mode;
}

void rota_situation_seccomp(struct rota_cause_list *list)
{
    if (seccomp_mode(list->process) == 2)
        rota_cause_put(list, ROTA_LIKELY,
                       "a seccomp filter is set on this thread, and may deny the call",
                       "allow io_uring_setup, io_uring_enter and io_uring_register in the profile "
                       "(podman, docker: --security-opt seccomp=FILE)");
}

static void look_at_seccomp(struct rota_cause_list *list, int ret)
{
    long mode = seccomp_mode(list->process);

    list->refusal = mode > 0 ? ROTA_REFUSED_SECCOMP : ROTA_REFUSED_NO_IO_URING;
    if (mode == 2)
        rota_cause_put(list, ROTA_LIKELY,
                       "a seccomp filter is set on this thread; container runtimes deny io_uring "
                       "with one",
                       "allow io_uring_setup, io_uring_enter and io_uring_register in the profile "
                       "(podman, docker: --security-opt seccomp=FILE)");
    else if (mode == 1)
        rota_cause_put(list, ROTA_CERTAIN, "the thread is in strict seccomp mode", NULL);
    else if (ret == -ENOSYS && !mode)
        rota_cause_put(list, ROTA_CERTAIN,
                       "the kernel has no io_uring: it is older than 5.1, or was built without "
                       "CONFIG_IO_URING",
                       "use another kernel");
}

static void forbidden(struct rota_cause_list *list, const struct io_uring_params *p, int ret)
{
    if (ret == -EPERM)
        look_at_sysctl(list);
    look_at_seccomp(list, ret);
    list->refusal = ROTA_REFUSED_PRIVILEGE;
    if (ret == -EPERM && p && (p->flags & IORING_SETUP_SQPOLL))
        rota_cause_put(list, ROTA_POSSIBLE,
                       "IORING_SETUP_SQPOLL needs CAP_SYS_ADMIN before 5.11, and that or "
                       "CAP_SYS_NICE before 5.13",
                       "leave it out, or give the program the capability");
    list->refusal = ROTA_REFUSED_SECURITY_MODULE;
    if (ret != -ENOSYS)
        rota_cause_put(list, ROTA_POSSIBLE,
                       "a security module such as SELinux forbids io_uring to this process",
                       "look for a denial in the audit log");
}

/*
 * What does not fit
 */

static void from_check(struct rota_cause_list *list, unsigned entries,
                       const struct io_uring_params *p, int ret)
{
    struct rota_finding findings[6];
    struct rota_caps caps;
    int count;

    (void)rota_caps_get(&caps, NULL);
    count = rota_params_check(entries, p, &caps, findings, 6);
    for (int i = 0; i < count && i < 6; i++) {
        if (findings[i].error == ret)
            rota_cause_put(list, ROTA_CERTAIN, findings[i].text, NULL);
    }
}

static void look_at_shared_ring(struct rota_cause_list *list, const struct io_uring_params *p,
                                int ret)
{
    enum rota_file_kind kind;
    struct rota_ring_view view;

    if (!(p->flags & IORING_SETUP_ATTACH_WQ))
        return;
    list->refusal = ROTA_REFUSED_SHARED_RING;
    kind = rota_file_kind(list->process, (int)p->wq_fd);
    if (kind == ROTA_FILE_RING) {
        rota_view_ring(list->process, (int)p->wq_fd, ROTA_RING_WHOLE, 0, &view);
        if (ret == -EINVAL && (p->flags & IORING_SETUP_SQPOLL) && view.polled == ROTA_NO)
            rota_cause_put(list, ROTA_CERTAIN,
                           "the ring in wq_fd has no polling thread to share, as "
                           "IORING_SETUP_SQPOLL asks for",
                           "name a ring with IORING_SETUP_SQPOLL, or leave one of the two flags "
                           "out");
        return;
    }
    if (kind == ROTA_FILE_CLOSED)
        rota_cause_put(list, ROTA_CERTAIN, "wq_fd is not an open descriptor", NULL);
    else if (kind != ROTA_FILE_OTHER && kind != ROTA_FILE_UNKNOWN)
        rota_cause_put(list, ROTA_CERTAIN, "wq_fd is no ring", NULL);
    else
        rota_cause_put(list, ret == -EINVAL ? ROTA_LIKELY : ROTA_POSSIBLE,
                       "wq_fd is no ring, or for IORING_SETUP_SQPOLL one without a polling thread",
                       NULL);
}

/* Whether a list such as "0-3,8" has a number. */
static bool is_listed(const char *list, uint32_t number)
{
    while (*list >= '0' && *list <= '9') {
        long first = number_in(list), last = first;

        while (*list >= '0' && *list <= '9')
            list++;
        if (*list == '-') {
            last = number_in(++list);
            while (*list >= '0' && *list <= '9')
                list++;
        }
        if ((long)number >= first && (long)number <= last)
            return true;
        if (*list == ',')
            list++;
    }
    return false;
}

static void look_at_processor(struct rota_cause_list *list, uint32_t number)
{
    char online[1024];
    struct rota_cause_writer w;

    if (rota_read_file("/sys/devices/system/cpu/online", online, sizeof(online)) <= 0 ||
        is_listed(online, number)) {
        rota_cause_put(list, ROTA_POSSIBLE,
                       "sq_thread_cpu is no processor that this process may use", NULL);
        return;
    }
    if (!rota_cause_add(list, ROTA_CERTAIN, &w))
        return;
    rota_text_put(&w.text, "sq_thread_cpu=");
    rota_text_decimal(&w.text, number);
    rota_text_put(&w.text, " is no processor of this machine, whose are ");
    for (const char *p = online; *p && *p != '\n'; p++)
        rota_text_char(&w.text, *p);
}

static void invalid(struct rota_cause_list *list, unsigned entries, const struct io_uring_params *p,
                    int ret)
{
    list->refusal = ROTA_REFUSED_ARGUMENT;
    from_check(list, entries, p, -EINVAL);
    look_at_shared_ring(list, p, ret);
    list->refusal = ROTA_REFUSED_PROCESSOR;
    if (p->flags & IORING_SETUP_SQ_AFF)
        look_at_processor(list, p->sq_thread_cpu);
    list->refusal = ROTA_REFUSED_GIVEN_MEMORY;
    if (p->flags & IORING_SETUP_NO_MMAP)
        rota_cause_put(list, ROTA_POSSIBLE,
                       "the memory given is too small, or before 6.10 not contiguous",
                       "use one huge page");
}

/* Roughly what the queues of a ring take: requests, completions, indices. */
static uint64_t memory_of(unsigned entries)
{
    return 8192 + (uint64_t)entries * (64 + 2 * 16 + 4);
}

static void put_memlock(struct rota_cause_list *list, uint64_t limit, enum rota_certainty certainty)
{
    struct rota_cause_writer w;

    list->refusal = ROTA_REFUSED_MEMLOCK;
    if (!rota_cause_add(list, certainty, &w))
        return;
    rota_text_put(&w.text, "RLIMIT_MEMLOCK is ");
    rota_text_decimal(&w.text, limit);
    /* Seen to count on 6.16 to 7.1, and not on 6.1, 6.12, 7.2 and 7.3. */
    rota_text_put(&w.text, " bytes, and on kernels before 5.12 and some from 6.13 to 7.1 the "
                           "memory of rings counts against it, for all processes of the user");
    rota_text_put(&w.remedy, "ulimit -l, LimitMEMLOCK= of the service, or memlock in limits.conf");
}

static bool add_as(struct rota_cause_list *list, enum rota_refusal refusal,
                   enum rota_certainty certainty, struct rota_cause_writer *w)
{
    list->refusal = refusal;
    return rota_cause_add(list, certainty, w);
}

static void no_memory(struct rota_cause_list *list, unsigned entries)
{
    uint64_t limit = rota_limit(list->process, RLIMIT_MEMLOCK);
    /* What another process may do is not tried out here. */
    bool try = !list->process;
    bool small_works = try && !try_smallest();
    bool limited = limit != UINT64_MAX && limit < memory_of(entries);
    struct rota_cause_writer w;

    /* Where the limit can be the reason it comes before the size. */
    if (limited)
        put_memlock(list, limit, ROTA_LIKELY);

    if (small_works && !try_plain(entries)) {
        list->refusal = ROTA_REFUSED_GIVEN_MEMORY;
        /* rota_init() says the same when rota_config::memory_size is too small. */
        if (rota_cause_add(list, ROTA_LIKELY, &w)) {
            rota_text_put(&w.text, "a plain ring with ");
            rota_text_decimal(&w.text, entries);
            rota_text_put(&w.text, entries == 1 ? " entry" : " entries");
            rota_text_put(&w.text, " can be made here now: the memory given for the queues is too "
                                   "small, other flags or sizes take more, or the lack is over");
            rota_text_put(&w.remedy, "give what rota_config_memory_size() or "
                                     "rota_memory_size_params() tells");
        }
    } else if (small_works && entries > 1 &&
               add_as(list, ROTA_REFUSED_SIZE, limited ? ROTA_LIKELY : ROTA_CERTAIN, &w)) {
        rota_text_put(&w.text, "a ring with 1 entry can be made here, one with ");
        rota_text_decimal(&w.text, entries);
        rota_text_put(&w.text, limited ? " cannot" : " cannot: it is too large");
        rota_text_put(&w.remedy, "ask for fewer entries; many requests can be in flight on a "
                                 "small ring");
    }
    if (limit != UINT64_MAX && !limited)
        put_memlock(list, limit, try && !small_works ? ROTA_LIKELY : ROTA_POSSIBLE);
    list->refusal = ROTA_REFUSED_NO_MEMORY;
    rota_cause_put(list, ROTA_POSSIBLE, "the system or the control group has no memory left", NULL);
}

static void no_descriptor(struct rota_cause_list *list, int ret)
{
    list->refusal = ROTA_REFUSED_NO_DESCRIPTOR;
    if (ret == -ENFILE || !rota_limit_descriptors(list, "close some, or raise RLIMIT_NOFILE"))
        rota_cause_put(list, ROTA_LIKELY, "the system has no descriptor left", "raise fs.file-max");
}

static int causes_of(const struct rota_process *process, unsigned entries,
                     const struct io_uring_params *params, int ret, struct rota_cause *causes,
                     unsigned max)
{
    struct rota_cause_list list = {causes, max, 0, process, ROTA_REFUSED_UNKNOWN};
    struct io_uring_params plain;

    if (!params) {
        rota_zero(&plain, sizeof(plain));
        params = &plain;
    }
    switch (ret) {
    case -EPERM:
    case -EACCES:
    case -ENOSYS:
        forbidden(&list, params, ret);
        break;
    case -EINVAL:
    case -EOVERFLOW:
        invalid(&list, entries, params, ret);
        break;
    case -EBADF:
    case -ENXIO:
        look_at_shared_ring(&list, params, ret);
        break;
    case -ENOMEM:
        no_memory(&list, entries);
        break;
    case -EMFILE:
    case -ENFILE:
        no_descriptor(&list, ret);
        break;
    case -EFAULT:
        list.refusal = params->flags & IORING_SETUP_NO_MMAP ? ROTA_REFUSED_GIVEN_MEMORY
                                                            : ROTA_REFUSED_ARGUMENT;
        from_check(&list, entries, params, ret);
        if (rota_cause_known(&list, ROTA_CERTAIN))
            break;
        rota_cause_put(&list, ROTA_LIKELY,
                       params->flags & IORING_SETUP_NO_MMAP
                           ? "the memory given for the queues is not mapped, or too small"
                           : "the parameters are not in memory of this process",
                       NULL);
        break;
    case -EPROTO:
        list.refusal = ROTA_REFUSED_ANSWER;
        rota_cause_put(&list, ROTA_LIKELY,
                       "the kernel answered with sizes or offsets that make no sense", NULL);
        break;
    default:
        break;
    }
    /* A filter can answer with any error. */
    if (ret < 0 && !list.count)
        look_at_seccomp(&list, ret);
    list.refusal = ROTA_REFUSED_CONFIG;
    /* Of rota_config, only what becomes part of `params` has been looked at. */
    if (ret == -EINVAL && !process && !rota_cause_known(&list, ROTA_CERTAIN))
        rota_cause_put(&list, ROTA_POSSIBLE,
                       "of a rota_config, an option is unknown, a reserved member is not 0, or the "
                       "memory does not start at a multiple of ROTA_MEMORY_ALIGN",
                       "fill it with rota_config_plain() or another of its kind first");
    return (int)list.count;
}

int rota_setup_causes(unsigned entries, const struct io_uring_params *params, int ret,
                      struct rota_cause *causes, unsigned max)
{
    if (max && !causes)
        return -EINVAL;
    return causes_of(NULL, entries, params, ret, causes, max);
}

enum rota_refusal rota_setup_refusal(unsigned entries, const struct io_uring_params *params,
                                     int ret)
{
    struct rota_cause first;

    return causes_of(NULL, entries, params, ret, &first, 1) > 0 ? (enum rota_refusal)first.refusal
                                                                : ROTA_REFUSED_UNKNOWN;
}

static int explain(const struct rota_process *process, unsigned entries,
                   const struct io_uring_params *params, int ret, char *buf, size_t size)
{
    struct rota_cause causes[ROTA_MAX_CAUSES];
    struct rota_text text;

    rota_text_start(&text, buf, size);
    rota_answer_text(&text, "set-up", ret);
    if (ret >= 0) {
        rota_text_put(&text, " is no error");
        return rota_text_result(&text);
    }
    rota_cause_text(&text, causes,
                    causes_of(process, entries, params, ret, causes, ROTA_MAX_CAUSES));
    /* What the program itself can do about it, whoever forbids it. */
    if (!process && (ret == -EPERM || ret == -EACCES || ret == -ENOSYS))
        rota_text_put(&text, "\n    or fall back on the emulated kernel: "
                             "rota_config_fall_back(), <rota/emulate.h>");
    return rota_text_result(&text);
}

int rota_explain_setup(unsigned entries, const struct io_uring_params *params, int ret, char *buf,
                       size_t size)
{
    return explain(NULL, entries, params, ret, buf, size);
}

int rota_process_explain_setup(const struct rota_process *process, unsigned entries,
                               const struct io_uring_params *params, int ret, char *buf,
                               size_t size)
{
    return process ? explain(process, entries, params, ret, buf, size) : -EINVAL;
}

int rota_setup_explain(int *ret, char *buf, size_t size)
{
    struct rota_text text;
    int result = try_smallest();

    if (ret)
        *ret = result;
    if (result < 0)
        return rota_explain_setup(1, NULL, result, buf, size);
    rota_text_start(&text, buf, size);
    rota_text_put(&text, "a ring can be made here");
    return rota_text_result(&text);
}

int rota_ring_explain_kernel(const struct rota_ring *ring, char *buf, size_t size)
{
    static const char *const names[] = {
        [ROTA_KERNEL_OTHER] = "a kernel of the program's own",
        [ROTA_KERNEL_REAL] = "the real kernel",
        [ROTA_KERNEL_EMULATED] = "the emulated kernel",
    };
    struct rota_text text;
    unsigned kind;

    if (!ring)
        return -EINVAL;
    rota_text_start(&text, buf, size);
    if (rota_is_dead(ring)) {
        rota_text_put(&text, "no kernel: the ring is torn down, or could not be made");
        return rota_text_result(&text);
    }
    kind = rota_ring_kind(ring);
    rota_text_put(&text, kind < sizeof(names) / sizeof(names[0]) ? names[kind] : names[0]);
    if (rota_ring_fallback_error(ring))
        rota_answer_text(&text, ", because set-up on the kernel that was asked for failed",
                         rota_ring_fallback_error(ring));
    return rota_text_result(&text);
}
