/* SPDX-License-Identifier: MIT */
/*
 * The ring explains itself: requests and completions as text, what is wrong
 * with a request before it is sent, and what an error means after it came.
 *
 *     char text[1024];
 *     struct rota_finding finding;
 *
 *     rota_sqe_format(sqe, 0, text, sizeof(text));
 *     puts(text);             RECV(fd=5, addr=0x7ffd1000, len=64, msg_flags=0)
 *     if (rota_sqe_check(&ring, NULL, sqe, &finding, 1) > 0)
 *         puts(finding.text); RECV: off/addr2 must be 0 (is 0x10)
 *     ...
 *     rota_explain(&ring, NULL, sqe, cqe->res, text, sizeof(text));
 *     puts(text);
 *
 * All of it advises; nothing here changes or blocks a request. Nothing
 * allocates, and no function needs libc. Functions that write text take a
 * buffer and its size like snprintf: they never write beyond it, always
 * terminate it (unless its size is 0), and return the length that the whole
 * text needs without its end. Any thread may call them at any time, except
 * where a ring is given: then the rules of rota/ring.h hold.
 */
#ifndef ROTA_EXPLAIN_H
#define ROTA_EXPLAIN_H

#include <rota/caps.h>
#include <rota/config.h>
#include <rota/info.h>
#include <rota/names.h>
#include <rota/ring.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/*
 * Another process, for those who look at its requests from outside: tracers,
 * debuggers, supervisors. Where a function takes one, descriptors, paths,
 * limits and memory are looked at there, with the rights that ptrace(2) needs
 * to read it; what may not be seen is left out of the answer. NULL stands for
 * the calling process.
 */
struct rota_process {
    int32_t pid;         /* the process */
    int32_t tid;         /* the thread that sent the request; 0: not known */
    uint32_t flags;      /* ROTA_PROCESS_* */
    uint32_t data_shown; /* bytes of data that ROTA_FORMAT_FOLLOW shows; 0: 32 */
    int32_t ring_fd;     /* with ROTA_PROCESS_RING: its descriptor of the requests' ring */
};

/* Its pointers have 32 bits. */
#define ROTA_PROCESS_32BIT (1U << 0)
/* One of its seccomp filters is the caller's own, which denies nothing. */
#define ROTA_PROCESS_FILTERED (1U << 1)
/*
 * `ring_fd` is set: what a slot of the ring's file table holds tells what a
 * command means that is sent to it, as far as /proc shows the table.
 */
#define ROTA_PROCESS_RING (1U << 2)

/*
 * Text
 */

/*
 * Options of the format functions.
 */

/*
 * Follow addresses: print the string, vector, socket address, time or message
 * header that a field points to, and the first bytes of data to be sent. The
 * memory is read through process_vm_readv(2) on the own process, so that an
 * address that leads nowhere is printed as a number and does no harm. Only for
 * requests of this process (rota_process_sqe_format() is for others), and
 * before their memory is reused.
 */
#define ROTA_FORMAT_FOLLOW (1U << 0)
/* The entry is a large one: 128 bytes of SQE, 32 bytes of CQE. */
#define ROTA_FORMAT_BIG (1U << 1)

/*
 * rota_sqe_format - a request as text, like strace prints a system call.
 *
 * sqe       64 bytes, with ROTA_FORMAT_BIG 128; any bytes will do
 * options   ROTA_FORMAT_*
 *
 * Fields that the opcode reads stand in parentheses, flags by their names and
 * unknown bits in hexadecimal; then what is common to all requests; then,
 * after "not read:", bytes that are set although the opcode does not read
 * them. Returns the length of the whole text; -EINVAL when `sqe` is NULL.
 */
ROTA_API int rota_sqe_format(const struct io_uring_sqe *sqe, unsigned options, char *buf,
                             size_t size);

/* The same of a request of another process: ROTA_FORMAT_FOLLOW reads its memory. */
ROTA_API int rota_process_sqe_format(const struct rota_process *process,
                                     const struct io_uring_sqe *sqe, unsigned options, char *buf,
                                     size_t size);

/*
 * rota_cqe_format - a completion as text.
 *
 * sqe   the request that it answers, or NULL when that is not known
 *
 * Returns as rota_sqe_format(), -EINVAL when `cqe` is NULL.
 */
ROTA_API int rota_cqe_format(const struct io_uring_cqe *cqe, const struct io_uring_sqe *sqe,
                             unsigned options, char *buf, size_t size);

/*
 * rota_params_format - what goes into io_uring_setup(2), or comes out of it, as text.
 *
 * Returns as rota_sqe_format(), -EINVAL when `params` is NULL.
 */
ROTA_API int rota_params_format(const struct io_uring_params *params, char *buf, size_t size);

/*
 * Check
 */

enum rota_finding_code {
    ROTA_FINDING_NONE,
    ROTA_FINDING_OPCODE,    /* an opcode that this library does not know */
    ROTA_FINDING_MISSING,   /* this kernel lacks the opcode */
    ROTA_FINDING_SQE_FLAGS, /* IOSQE_* bits that there are not, or that exclude each other */
    ROTA_FINDING_REFUSED,   /* an IOSQE_* flag that the opcode refuses */
    ROTA_FINDING_REQUIRED,  /* an IOSQE_* flag that it needs */
    ROTA_FINDING_NOT_ZERO,  /* a field that must be zero is not */
    ROTA_FINDING_FLAGS,     /* a field has flags that the opcode does not take */
    ROTA_FINDING_CONFLICT,  /* flags that exclude or need each other */
    ROTA_FINDING_VALUE,     /* a field has a value that means nothing */
    ROTA_FINDING_TOO_NEW,   /* a flag or field that this kernel does not know yet */
    ROTA_FINDING_RULE,      /* a combination that the kernel refuses */
    ROTA_FINDING_RING,      /* the ring was not set up for it */
    ROTA_FINDING_THREAD,    /* the ring belongs to another thread */
    ROTA_FINDING_CHAIN,     /* it does not stand behind the request that it needs */
    ROTA_FINDING_ENTRIES,   /* set-up: sizes that no kernel takes */
};

/* When the kernel finds out. */
enum rota_stage {
    ROTA_STAGE_CALL,  /* the system call fails, for all requests */
    ROTA_STAGE_TAKE,  /* when it takes the request from the queue */
    ROTA_STAGE_ISSUE, /* when the request runs, if nothing else ends it before */
};

/* One thing that is wrong. */
struct rota_finding {
    uint8_t code;      /* enum rota_finding_code */
    uint8_t stage;     /* enum rota_stage */
    int16_t error;     /* the negative errno with which the kernel answers */
    uint8_t offset;    /* of the field in the SQE or in io_uring_params; 0xff: none */
    uint8_t size;      /* of the field */
    uint16_t since;    /* kernel that brings what is missing, or 0 */
    uint64_t value;    /* of the field as it is */
    const char *field; /* its name, or NULL */
    const struct rota_rule_info *rule; /* the rule of the table, or NULL */
    char text[232];                    /* a sentence: opcode, field, value and remedy */
};

/*
 * rota_sqe_check - what is wrong with a request.
 *
 * ring       where it is to be sent; NULL: rules on rings are left out
 * caps       what this kernel can do; NULL: as the newest kernel that the
 *            library knows
 * sqe        the request; only its own 64 bytes are looked at, no memory that
 *            it points to
 * findings   receives up to `max` findings, in the order in which the kernel
 *            would most likely meet them; may be NULL with `max` 0
 *
 * Returns how many things are wrong (it may be more than `max`), 0 for
 * nothing, -EINVAL when `sqe` is NULL or `findings` is NULL and `max` is not 0.
 *
 * The kernel answers with the error of one of the findings. That nothing is
 * found does not promise success: whether files are open, memory is mapped,
 * slots are filled or personalities are registered is not looked at.
 */
ROTA_API int rota_sqe_check(const struct rota_ring *ring, const struct rota_caps *caps,
                            const struct io_uring_sqe *sqe, struct rota_finding *findings,
                            unsigned max);

/*
 * rota_params_check - what is wrong with the arguments of io_uring_setup(2).
 *
 * entries   its first argument, or that of rota_init() and rota_queue_init*()
 *
 * As rota_sqe_check(), except that `offset` counts in struct io_uring_params;
 * -EINVAL when `params` is NULL.
 */
ROTA_API int rota_params_check(unsigned entries, const struct io_uring_params *params,
                               const struct rota_caps *caps, struct rota_finding *findings,
                               unsigned max);

/* What a check of the queue calls for each thing that is wrong. */
typedef void rota_check_report(void *arg, const struct rota_ring *ring,
                               const struct io_uring_sqe *sqe, const struct rota_finding *finding);

/*
 * rota_check_pending - checks every request that waits for the next submit.
 *
 * Each as rota_sqe_check() does, and also whether it stands behind the request
 * that it needs. Belongs to the submitting side. `report` gets each finding,
 * and `arg`; NULL only counts. A right request costs some 700 to 1800
 * instructions on x86-64, a fraction of a microsecond. Returns the number of
 * findings, -EINVAL when `ring` is NULL.
 */
ROTA_API int rota_check_pending(const struct rota_ring *ring, const struct rota_caps *caps,
                                rota_check_report *report, void *arg);

/* Writes what was found as one line to descriptor 2. A rota_check_report; the others are not looked at. */
ROTA_API void rota_check_print(void *arg, const struct rota_ring *ring,
                               const struct io_uring_sqe *sqe, const struct rota_finding *finding);

/*
 * A program that is compiled with -DROTA_CHECK has every submit checked: the
 * submitting calls of rota/ring.h, those of batches included, call
 * rota_check_pending() first, which reports to rota_check_print(), or with
 * -DROTA_CHECK=NAME to the function NAME, a rota_check_report that the program
 * defines (`arg` is NULL). Nothing is held back. Without it nothing is compiled
 * in. What the handles of rota/op.h submit by themselves is not checked.
 */
#if defined(ROTA_CHECK)
#if ROTA_CHECK + 0 == 1
#undef ROTA_CHECK
#define ROTA_CHECK rota_check_print
#endif
extern rota_check_report ROTA_CHECK;

static inline int rota_checked_submit(struct rota_ring *ring)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit(ring);
}

static inline int rota_checked_submit_and_wait(struct rota_ring *ring, unsigned wait_nr)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit_and_wait(ring, wait_nr);
}

static inline int rota_checked_submit_and_wait_timeout(struct rota_ring *ring,
                                                       struct io_uring_cqe **cqe_ptr,
                                                       unsigned wait_nr,
                                                       const struct __kernel_timespec *ts,
                                                       const void *sigmask)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit_and_wait_timeout(ring, cqe_ptr, wait_nr, ts, sigmask);
}

static inline int rota_checked_submit_and_wait_min_timeout(struct rota_ring *ring,
                                                           struct io_uring_cqe **cqe_ptr,
                                                           unsigned wait_nr,
                                                           const struct __kernel_timespec *ts,
                                                           unsigned min_wait, const void *sigmask)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit_and_wait_min_timeout(ring, cqe_ptr, wait_nr, ts, min_wait, sigmask);
}

static inline int rota_checked_submit_and_wait_until(struct rota_ring *ring,
                                                     struct io_uring_cqe **cqe_ptr,
                                                     unsigned wait_nr,
                                                     const struct __kernel_timespec *deadline,
                                                     const void *sigmask)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit_and_wait_until(ring, cqe_ptr, wait_nr, deadline, sigmask);
}

static inline int rota_checked_submit_and_wait_reg(struct rota_ring *ring,
                                                   struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                                                   int reg_index)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit_and_wait_reg(ring, cqe_ptr, wait_nr, reg_index);
}

static inline int rota_checked_submit_and_get_events(struct rota_ring *ring)
{
    (void)rota_check_pending(ring, NULL, ROTA_CHECK, NULL);
    return rota_submit_and_get_events(ring);
}

static inline int rota_checked_batch_flush(struct rota_batch *batch)
{
    rota_batch_commit(batch);
    return rota_checked_submit(batch->ring);
}

static inline int rota_checked_batch_flush_and_wait(struct rota_batch *batch, unsigned wait_nr)
{
    rota_batch_commit(batch);
    return rota_checked_submit_and_wait(batch->ring, wait_nr);
}

/* With ROTA_DEBUG they are macros already, which the functions above have gone through. */
#undef rota_submit
#undef rota_submit_and_wait
#undef rota_submit_and_wait_timeout
#undef rota_submit_and_wait_min_timeout
#undef rota_submit_and_wait_until
#undef rota_submit_and_wait_reg
#undef rota_submit_and_get_events
#define rota_submit                      rota_checked_submit
#define rota_submit_and_wait             rota_checked_submit_and_wait
#define rota_submit_and_wait_timeout     rota_checked_submit_and_wait_timeout
#define rota_submit_and_wait_min_timeout rota_checked_submit_and_wait_min_timeout
#define rota_submit_and_wait_until       rota_checked_submit_and_wait_until
#define rota_submit_and_wait_reg         rota_checked_submit_and_wait_reg
#define rota_submit_and_get_events       rota_checked_submit_and_get_events
#define rota_batch_flush                 rota_checked_batch_flush
#define rota_batch_flush_and_wait        rota_checked_batch_flush_and_wait
#endif

/*
 * Explain
 */

/* How sure a cause is. */
enum rota_certainty {
    ROTA_POSSIBLE, /* it would give this error; whether it is so cannot be seen */
    ROTA_LIKELY,   /* it would, and what can be seen fits */
    ROTA_CERTAIN,  /* it was looked at just now, and is so */
};

/* Why there is no ring: what a program may decide by. Numbers stay as they are. */
enum rota_refusal {
    ROTA_REFUSED_UNKNOWN,         /* nothing was refused, or it cannot be seen why */
    ROTA_REFUSED_NO_IO_URING,     /* the kernel has none: before 5.1, or built without */
    ROTA_REFUSED_SYSCTL,          /* kernel.io_uring_disabled */
    ROTA_REFUSED_SECCOMP,         /* a filter, as container runtimes set one */
    ROTA_REFUSED_PRIVILEGE,       /* an old kernel wants a capability for SQPOLL */
    ROTA_REFUSED_SECURITY_MODULE, /* SELinux and the like */
    ROTA_REFUSED_ARGUMENT,        /* entries or flags that this kernel does not take so */
    ROTA_REFUSED_SHARED_RING,     /* `wq_fd` is none, or none that can be shared so */
    ROTA_REFUSED_PROCESSOR,       /* `sq_thread_cpu` may not be used */
    ROTA_REFUSED_GIVEN_MEMORY,    /* the caller's own for the queues is too small or not there */
    ROTA_REFUSED_MEMLOCK,         /* RLIMIT_MEMLOCK */
    ROTA_REFUSED_SIZE,            /* a smaller ring can be made */
    ROTA_REFUSED_NO_MEMORY,       /* the system or the control group has none left */
    ROTA_REFUSED_NO_DESCRIPTOR,   /* RLIMIT_NOFILE, or fs.file-max */
    ROTA_REFUSED_ANSWER,          /* the kernel's answer made no sense */
    ROTA_REFUSED_CONFIG,          /* a member of rota_config that does not become a parameter */
};

/* One reason for an error. */
struct rota_cause {
    uint8_t certainty; /* enum rota_certainty */
    uint8_t refusal;   /* enum rota_refusal; of a set-up, else ROTA_REFUSED_UNKNOWN */
    char text[272];    /* what is the case */
    char remedy[200];  /* what to do about it; may be empty */
};

/* No question of an error at hand has more answers. */
#define ROTA_MAX_CAUSES 12

/*
 * The causes of an error, the surest first. Each function stores up to `max`
 * of them and returns how many it stored; 0 when `ret` is no error. -EINVAL
 * when a pointer that must be there is NULL: the request, the ring of
 * rota_enter_causes(), or `causes` when `max` is not 0.
 *
 * rota_request_causes: of the result `res` of the request `sqe`. `ring` and
 *     `caps` may be NULL. The descriptors, paths and addresses of the request
 *     are looked at in the calling process as they are now, so call it soon.
 * rota_setup_causes: of what io_uring_setup(2), rota_init() or
 *     rota_queue_init*() returned. `params` NULL stands for a plain ring.
 * rota_enter_causes: of what a submit, a wait or a peek on `ring` returned.
 * rota_register_causes: of what a register call on `ring` returned; `ring`
 *     NULL for a call without one.
 */
ROTA_API int rota_request_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                                 const struct io_uring_sqe *sqe, int res, struct rota_cause *causes,
                                 unsigned max);
ROTA_API int rota_setup_causes(unsigned entries, const struct io_uring_params *params, int ret,
                               struct rota_cause *causes, unsigned max);
ROTA_API int rota_enter_causes(const struct rota_ring *ring, int ret, struct rota_cause *causes,
                               unsigned max);
ROTA_API int rota_register_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                                  unsigned opcode, int ret, struct rota_cause *causes,
                                  unsigned max);

/* A register call as it was made. */
struct rota_register_call {
    uint32_t opcode;  /* without IORING_REGISTER_USE_REGISTERED_RING */
    uint32_t nr_args; /* the last argument of io_uring_register(2) */
    uint64_t arg;     /* the one before it, as a number */
};

/*
 * rota_register_call_causes - rota_register_causes() of a call whose arguments
 * are known: its count, the structure and the array behind its argument are
 * looked at as they are now, and what they disprove is not listed. -EINVAL also
 * when `call` is NULL.
 */
ROTA_API int rota_register_call_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                                       const struct rota_register_call *call, int ret,
                                       struct rota_cause *causes, unsigned max);

/*
 * rota_setup_refusal - the surest of the causes of rota_setup_causes() as a
 * number, for what a program does about it: another way to do I/O, a smaller
 * ring, a message. rota_explain_setup() has the words. The arguments are those of
 * rota_setup_causes(); it makes up to two rings on trial, and lets them go.
 * ROTA_REFUSED_UNKNOWN when `ret` is no error, or none that set-up is known for.
 */
ROTA_API enum rota_refusal rota_setup_refusal(unsigned entries,
                                              const struct io_uring_params *params, int ret);

/*
 * What the error `ret` can mean of a request of that opcode, or of that register
 * call, none of which is at hand: all that the table knows, as many as `max` and
 * no more looked at than what the kernel of `caps` has (NULL: the newest).
 * rota_any_causes() is for a request of which not even the opcode is known: first
 * what is the case most often, then what the table has of each opcode. Return as
 * the functions above; -EINVAL also for an opcode that the table lacks. More than
 * ROTA_MAX_CAUSES are possible.
 */
ROTA_API int rota_opcode_causes(const struct rota_caps *caps, unsigned opcode, int ret,
                                struct rota_cause *causes, unsigned max);
ROTA_API int rota_any_causes(int ret, struct rota_cause *causes, unsigned max);
ROTA_API int rota_call_causes(const struct rota_caps *caps, unsigned opcode, int ret,
                              struct rota_cause *causes, unsigned max);

/*
 * Causes as text: a line with what was answered, then a line for each cause,
 * the surest first, with its remedy.
 *
 *     RECV: -22 EINVAL: the kernel does not take a field, a flag or ...
 *      1. certain: RECV: off/addr2 must be 0 (is 0x10)
 *
 * A result that is no error is said to be none, with what it means. Return as
 * rota_sqe_format(), -EINVAL when the request, or the ring of
 * rota_explain_submit(), is NULL.
 */
ROTA_API int rota_explain(const struct rota_ring *ring, const struct rota_caps *caps,
                          const struct io_uring_sqe *sqe, int res, char *buf, size_t size);
ROTA_API int rota_explain_setup(unsigned entries, const struct io_uring_params *params, int ret,
                                char *buf, size_t size);
ROTA_API int rota_explain_submit(const struct rota_ring *ring, int ret, char *buf, size_t size);
ROTA_API int rota_explain_register(const struct rota_ring *ring, const struct rota_caps *caps,
                                   unsigned opcode, int ret, char *buf, size_t size);

/* rota_explain_register() of a call whose arguments are known; -EINVAL when `call` is NULL. */
ROTA_API int rota_explain_register_call(const struct rota_ring *ring, const struct rota_caps *caps,
                                        const struct rota_register_call *call, int ret, char *buf,
                                        size_t size);

/*
 * The same of what another process sent, called and got. `ring` may describe
 * its ring: a zeroed struct rota_ring of which `flags`, `features`, `ring_fd`
 * and `owner` were set; NULL: not known. Rings that are made on trial, to see
 * what is allowed, are made in the calling process, and therefore not made
 * here. -EINVAL also when `process`, or the register call, is NULL.
 */
ROTA_API int rota_process_explain(const struct rota_process *process, const struct rota_ring *ring,
                                  const struct rota_caps *caps, const struct io_uring_sqe *sqe,
                                  int res, char *buf, size_t size);
ROTA_API int rota_process_explain_setup(const struct rota_process *process, unsigned entries,
                                        const struct io_uring_params *params, int ret, char *buf,
                                        size_t size);
ROTA_API int rota_process_explain_submit(const struct rota_process *process,
                                         const struct rota_ring *ring, int ret, char *buf,
                                         size_t size);
ROTA_API int rota_process_explain_register(const struct rota_process *process,
                                           const struct rota_ring *ring,
                                           const struct rota_caps *caps,
                                           const struct rota_register_call *call, int ret,
                                           char *buf, size_t size);

/*
 * rota_ring_explain_kernel - what the ring stands on, and why.
 *
 * "the real kernel"; "the emulated kernel, because set-up on the kernel that was
 * asked for failed: -1 EPERM: ..."; "no kernel: the ring is torn down, or could
 * not be made". For a line of a program's log: what a ring stands on is never to
 * be a secret. rota_explain_setup() with rota_ring_fallback_error() looks for the
 * cause. Returns as rota_sqe_format(); -EINVAL when `ring` is NULL.
 */
ROTA_API int rota_ring_explain_kernel(const struct rota_ring *ring, char *buf, size_t size);

/*
 * rota_setup_explain - can a ring be made here, and if not, why?
 *
 * Makes a plain ring and takes it down. Where that fails, looks for the
 * reason: the sysctl kernel.io_uring_disabled and its group, seccomp, the
 * limits on locked memory and descriptors, a kernel without io_uring. Returns
 * as rota_sqe_format(); with `ret` not NULL stores there what the trial
 * returned.
 */
ROTA_API int rota_setup_explain(int *ret, char *buf, size_t size);

ROTA_END_DECLS

#endif /* ROTA_EXPLAIN_H */
