/* SPDX-License-Identifier: MIT */
/* Explains what a submit, a wait or a register call returned. */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/resource.h>

/* Whether `owner` is another thread than the one that asks, or sent the request. */
static enum rota_answer other_thread(const struct rota_cause_list *list, int owner)
{
    int self = rota_thread_id(list->process);

    if (!self || !owner)
        return ROTA_UNKNOWN;
    return self != owner ? ROTA_YES : ROTA_NO;
}

/* How a call names its ring. */
enum name {
    BY_DESCRIPTOR,
    BY_INDEX,
};

/* Of io_uring_enter(2); the others take the descriptor as long as there is one. */
static enum name name_of(const struct rota_ring *ring)
{
    return ring->int_flags & ROTA_INT_REGISTERED_FD ? BY_INDEX : BY_DESCRIPTOR;
}

/* The ring is entered by an index that only the thread has which registered it. */
static void look_at_index(struct rota_cause_list *list, const struct rota_ring *ring)
{
    enum rota_answer other = other_thread(list, ring->index_owner);

    if (other == ROTA_NO)
        return;
    rota_cause_put(list, other == ROTA_YES ? ROTA_CERTAIN : ROTA_LIKELY,
                   "the ring's descriptor is registered with the thread that made it, and this is "
                   "another one",
                   "use a ring per thread, or make it without ROTA_REGISTER_RING_FD");
}

/* The number was closed, and belongs to another file now. */
static void look_at_descriptor(struct rota_cause_list *list, const struct rota_ring *ring)
{
    enum rota_file_kind kind = rota_file_kind(list->process, ring->ring_fd);
    struct rota_cause_writer w;

    /* The ring of another kernel has a descriptor of another kind. */
    if (ring->kernel || ring->ring_fd < 0 || kind == ROTA_FILE_CLOSED ||
        kind == ROTA_FILE_UNKNOWN || kind == ROTA_FILE_RING ||
        !rota_cause_add(list, ROTA_CERTAIN, &w))
        return;
    rota_text_put(&w.text, "the ring's descriptor ");
    rota_text_signed(&w.text, ring->ring_fd);
    rota_text_all(&w.text, " is ", rota_file_kind_name(kind),
                  " now: it was closed by somebody else, and the number given anew", NULL);
    rota_text_put(&w.remedy, "look for a close of a wrong number");
}

/*
 * The ring is not what the caller thinks: torn down, closed, another thread's,
 * disabled. `named` says how the call named it.
 */
static void look_at_ring(struct rota_cause_list *list, const struct rota_ring *ring, int ret,
                         enum name named)
{
    struct rota_finding finding;

    if (ret == -EBADF && rota_is_dead(ring))
        rota_cause_put(list, ROTA_CERTAIN, "the ring was torn down, or never made", NULL);
    else if (ret == -EBADF && ring->ring_fd >= 0 &&
             rota_file_kind(list->process, ring->ring_fd) == ROTA_FILE_CLOSED)
        rota_cause_put(list, ROTA_CERTAIN, "the ring's descriptor was closed by somebody else",
                       "look for a close of a wrong number");
    else if (named == BY_INDEX && (ret == -EBADF || ret == -EINVAL))
        look_at_index(list, ring);
    if (ret == -EOPNOTSUPP && named == BY_DESCRIPTOR)
        look_at_descriptor(list, ring);
    if (ret == -EEXIST && rota_check_thread(list->process, ring, &finding, 1))
        rota_cause_put(list, ROTA_CERTAIN, finding.text,
                       "use the ring from its own thread only, or make it with "
                       "rota_config_shared()");
    else if (ret == -EEXIST && (ring->flags & IORING_SETUP_SINGLE_ISSUER) &&
             other_thread(list, ring->owner) == ROTA_UNKNOWN)
        rota_cause_put(list, ROTA_LIKELY, "a SINGLE_ISSUER ring is used from another thread",
                       "use the ring from its own thread only");
    /* A ring without the flag was never disabled. */
    if (ret == -EBADFD && (ring->flags & IORING_SETUP_R_DISABLED))
        rota_cause_put(list, ROTA_CERTAIN,
                       "the ring was made with IORING_SETUP_R_DISABLED and is not enabled",
                       "call rota_enable_rings()");
}

/* Descriptors among which an epoll set is looked for. */
#define DESCRIPTORS_SEEN 1024

/* An epoll set of the process that watches the ring; negative: none is seen. */
static int watching_set(const struct rota_cause_list *list, const struct rota_ring *ring)
{
    struct rota_lines lines;
    const char *line;

    for (int fd = 0; fd < DESCRIPTORS_SEEN; fd++) {
        bool watches = false;

        if (rota_file_kind(list->process, fd) != ROTA_FILE_EPOLL ||
            rota_lines_open(&lines, list->process, "fdinfo/", fd) < 0)
            continue;
        /* "tfd:        5 events: ..." for each descriptor in it */
        while ((line = rota_lines_next(&lines))) {
            int watched = 0;

            if (line[0] != 't' || line[1] != 'f' || line[2] != 'd' || line[3] != ':')
                continue;
            for (line += 4; *line == ' '; line++)
                ;
            for (; *line >= '0' && *line <= '9'; line++)
                watched = watched * 10 + (*line - '0');
            watches |= watched == ring->ring_fd;
        }
        rota_lines_close(&lines);
        if (watches)
            return fd;
    }
    return -1;
}

/* Who sleeps in an epoll set on such a ring is not woken. */
static void look_at_epoll(struct rota_cause_list *list, const struct rota_ring *ring)
{
    struct rota_cause_writer w;
    int set;

    if (!(ring->flags & IORING_SETUP_DEFER_TASKRUN) || ring->ring_fd < 0)
        return;
    set = watching_set(list, ring);
    if (set < 0 || !rota_cause_add(list, ROTA_LIKELY, &w))
        return;
    rota_text_put(&w.text, "the epoll set fd=");
    rota_text_signed(&w.text, set);
    rota_text_put(&w.text, " watches the ring, and a ring with IORING_SETUP_DEFER_TASKRUN does not "
                           "wake who sleeps there: its completions wait for the owner to enter "
                           "the kernel");
    rota_text_put(&w.remedy, "watch an eventfd given to rota_register_eventfd(), or make the ring "
                             "with rota_config_shared()");
}

static bool has_overflow(const struct rota_ring *ring)
{
    return ring->sq.kflags && (rota_load_relaxed(ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW);
}

/* Busy: with a chain that is not to be cut, or with completions that have no room. */
static void look_at_room(struct rota_cause_list *list, const struct rota_ring *ring, int ret)
{
    if (ret == -EBUSY && (ring->calls.mode & ROTA_CALLS_CHAIN))
        rota_cause_put(list, ROTA_CERTAIN, "a chain of handles is open, and a submit would cut it",
                       "call rota_chain_end() or rota_chain_drop() before");
    else
        rota_cause_put(list, has_overflow(ring) ? ROTA_CERTAIN : ROTA_LIKELY,
                       "the completion queue is full and completions wait in the kernel",
                       "reap before submitting more, or make a larger completion queue");
}

/*
 * Requests that nobody has submitted: peeks and waits do not. SQPOLL takes those
 * that it was shown in its own time.
 */
static bool look_at_queue(struct rota_cause_list *list, const struct rota_ring *ring,
                          enum rota_certainty certainty)
{
    unsigned waiting = ring->sq.khead ? rota_sq_tail(ring) - rota_sq_unseen(ring) : 0;
    struct rota_cause_writer w;

    if (!waiting)
        return false;
    if (!rota_cause_add(list, certainty, &w))
        return true;
    rota_text_decimal(&w.text, waiting);
    rota_text_put(&w.text, waiting == 1 ? " request stands" : " requests stand");
    rota_text_put(&w.text, " in the queue and nothing has submitted what is there");
    rota_text_put(&w.remedy, "call rota_submit() or rota_submit_and_wait(): peeks and waits alone "
                             "do not submit");
    return true;
}

static int enter_causes(const struct rota_process *process, const struct rota_ring *ring, int ret,
                        struct rota_cause *causes, unsigned max)
{
    struct rota_cause_list list = {causes, max, 0, process, ROTA_REFUSED_UNKNOWN};

    if (ret >= 0)
        return 0;
    look_at_ring(&list, ring, ret, name_of(ring));
    switch (ret) {
    case -EBUSY:
    case -EOVERFLOW:
        look_at_room(&list, ring, ret);
        break;
    case -EBADR:
        rota_cause_put(&list, ROTA_LIKELY,
                       "completions were dropped because the kernel had no memory to keep them",
                       "reap more often, or make a larger completion queue");
        break;
    case -EAGAIN:
        /* A submit without memory leaves its requests in the queue, too. */
        if (look_at_queue(&list, ring, ROTA_LIKELY))
            rota_cause_put(&list, ROTA_POSSIBLE, "the kernel has no memory for more requests now",
                           "reap completions, then submit again");
        else
            rota_cause_put(&list, ROTA_LIKELY, "no completion is ready, as a peek answers", NULL);
        look_at_epoll(&list, ring);
        break;
    case -EBADF:
        if (!list.count)
            rota_cause_put(&list, ROTA_LIKELY, "the ring's descriptor is closed", NULL);
        break;
    case -EINTR:
        rota_cause_put(&list, ROTA_CERTAIN, "a signal arrived during the wait",
                       "wait again; rota_init() does so by itself unless "
                       "ROTA_WAIT_INTERRUPTIBLE is set");
        break;
    case -ETIME:
        if (!look_at_queue(&list, ring, ROTA_CERTAIN))
            rota_situation_stall(&list, ring);
        look_at_epoll(&list, ring);
        if (!list.count)
            rota_cause_put(&list, ROTA_CERTAIN, "the time given for the wait is over", NULL);
        break;
    case -EOPNOTSUPP:
        if (!(ring->features & IORING_FEAT_EXT_ARG))
            rota_cause_put(&list, ROTA_CERTAIN,
                           "a wait with a timeout needs IORING_FEAT_EXT_ARG (5.11)",
                           "wait without a timeout, or send a TIMEOUT request");
        break;
    case -EOWNERDEAD:
        rota_cause_put(&list, ring->flags & IORING_SETUP_SQPOLL ? ROTA_LIKELY : ROTA_POSSIBLE,
                       "the polling thread has ended, as it does when its process calls execve(2) "
                       "or ends",
                       "make a new ring");
        break;
    case -EFAULT:
        rota_cause_put(&list, ROTA_LIKELY,
                       "the time or the signal mask given for the wait is not readable memory",
                       NULL);
        break;
    case -EINVAL:
        rota_cause_put(&list, ROTA_POSSIBLE,
                       "the kernel lacks a flag of the call, or the minimum time or registered "
                       "arguments of a wait",
                       NULL);
        break;
    case -ENXIO:
        rota_cause_put(&list, ROTA_LIKELY, "the ring is being torn down", NULL);
        break;
    default:
        break;
    }
    /* A filter can answer with any error. */
    if (!list.count)
        rota_situation_seccomp(&list);
    return (int)list.count;
}

int rota_enter_causes(const struct rota_ring *ring, int ret, struct rota_cause *causes,
                      unsigned max)
{
    if (!ring || (max && !causes))
        return -EINVAL;
    return enter_causes(NULL, ring, ret, causes, max);
}

static int explain_submit(const struct rota_process *process, const struct rota_ring *ring, int ret,
                          char *buf, size_t size)
{
    struct rota_cause causes[ROTA_MAX_CAUSES];
    struct rota_text text;

    if (!ring)
        return -EINVAL;
    rota_text_start(&text, buf, size);
    rota_answer_text(&text, "submit or wait", ret);
    if (ret >= 0) {
        rota_text_put(&text, " is no error: so many requests were taken");
        return rota_text_result(&text);
    }
    rota_cause_text(&text, causes, enter_causes(process, ring, ret, causes, ROTA_MAX_CAUSES));
    return rota_text_result(&text);
}

int rota_explain_submit(const struct rota_ring *ring, int ret, char *buf, size_t size)
{
    return explain_submit(NULL, ring, ret, buf, size);
}

int rota_process_explain_submit(const struct rota_process *process, const struct rota_ring *ring,
                                int ret, char *buf, size_t size)
{
    return process ? explain_submit(process, ring, ret, buf, size) : -EINVAL;
}

/*
 * Register calls
 */

static bool row_speaks(const struct rota_register_info *info, int ret)
{
    return info && rota_row_speaks(info->errors, ret);
}

/* True when the call is not for such a ring; a row says so where the kernel has an errno for that. */
static bool look_at_kind(struct rota_cause_list *list, const struct rota_ring *ring,
                         const struct rota_register_info *info)
{
    unsigned before = list->count;
    struct rota_cause_writer w;

    if (row_speaks(info, -EBADFD))
        return false;

    if ((ring->flags & info->needs) != info->needs && rota_cause_add(list, ROTA_CERTAIN, &w)) {
        rota_text_all(&w.text, rota_word(info->name), " needs a ring with ", NULL);
        rota_text_group(&w.text, "setup", info->needs & ~ring->flags);
    }
    if ((ring->flags & info->refuses) && rota_cause_add(list, ROTA_CERTAIN, &w)) {
        rota_text_all(&w.text, rota_word(info->name), " is refused on a ring with ", NULL);
        rota_text_group(&w.text, "setup", ring->flags & info->refuses);
    }
    return list->count != before;
}

/* True when the kernel lacks the call. */
static bool look_at_kernel(struct rota_cause_list *list, const struct rota_caps *caps,
                           const struct rota_register_info *info, unsigned opcode)
{
    struct rota_cause_writer w;

    if (!caps || rota_caps_register(caps, opcode, NULL) != ROTA_NO)
        return false;
    if (!rota_cause_add(list, ROTA_CERTAIN, &w))
        return true;
    rota_text_all(&w.text, "this kernel has no ", rota_word(info->name), " (first in ", NULL);
    rota_text_kernel(&w.text, info->since);
    rota_text_char(&w.text, ')');
    return true;
}

static bool looks_at_something(const struct rota_error_info *error)
{
    return error->looks.count || error->when.count || error->element.count;
}

/* What an error of the row says. */
static void put_error(const struct rota_subject *s, const struct rota_error_info *error,
                      enum rota_certainty certainty)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(s->list, certainty, &w))
        return;
    rota_cause_sentence(&w.text, error,
                        s->res == -EMFILE || s->res == -ENOMEM ||
                            (s->call->call && looks_at_something(error)));
    rota_call_evidence(&w.text, s, error);
    rota_limit_text(&w.text, s->list->process, s->res);
    rota_text_put(&w.remedy, rota_word(error->remedy));
}

/*
 * What the row says of the error: the ring, and the call where it is known, are
 * looked at. What is certain comes first: of a known call it leaves no room for
 * what may be.
 */
static void from_row(struct rota_cause_list *list, const struct rota_ring *ring,
                     const struct rota_caps *caps, const struct rota_register_info *info, int ret,
                     const struct rota_call_view *view)
{
    static const enum rota_certainty passes[] = {ROTA_CERTAIN, ROTA_LIKELY};
    static const struct rota_op_info no_request;
    struct rota_subject s = {ring, caps, NULL, &no_request, ret, list, view, 0};

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < info->errors.count; i++) {
            const struct rota_error_info *error = &rota_errors(info->errors)[i];
            enum rota_answer holds = error->error == ret ? rota_row_holds(&s, error) : ROTA_NO;
            bool certain =
                error->sole || (holds == ROTA_YES && looks_at_something(error) && !error->partial);

            if (holds != ROTA_NO && certain == (passes[pass] == ROTA_CERTAIN))
                put_error(&s, error, passes[pass]);
        }
        if (view->call && rota_cause_known(list, ROTA_CERTAIN))
            return;
    }
}

/* `call` is NULL where no more than the opcode is known. */
static int register_causes(const struct rota_process *process, const struct rota_ring *ring,
                           const struct rota_caps *caps, unsigned opcode,
                           const struct rota_register_call *call, int ret,
                           struct rota_cause *causes, unsigned max)
{
    const struct rota_register_info *info = rota_register_opcode_info(opcode);
    struct rota_cause_list list = {causes, max, 0, process, ROTA_REFUSED_UNKNOWN};
    struct rota_call_view view;
    struct rota_cause_writer w;

    if (ret >= 0)
        return 0;
    rota_call_look_at(&view, process, ring, call);
    if (info && ret == -EINVAL && look_at_kernel(&list, caps, info, opcode))
        return (int)list.count;
    /* Where the call has a row for the error, that of a disabled ring means something else. */
    if (ring && !(ret == -EBADFD && row_speaks(info, ret)))
        look_at_ring(&list, ring, ret, ring->ring_fd < 0 ? name_of(ring) : BY_DESCRIPTOR);
    if (ret == -EINVAL) {
        /* The kernel looks at that in this order, and at nothing before. */
        if (rota_call_count_is_wrong(&view, &list) || rota_call_argument_is_wrong(&view, &list) ||
            (info && ring && look_at_kind(&list, ring, info)) || rota_call_musts(&view, &list))
            return (int)list.count;
    }
    if (ret == -EFAULT)
        (void)rota_call_memory_is_missing(&view, &list);
    if (info)
        from_row(&list, ring, caps, info, ret, &view);
    /* Of another process the ring may only not be known. */
    if (!ring && !process && info && !info->without_ring && (ret == -EBADF || ret == -EINVAL))
        rota_cause_put(&list, ROTA_CERTAIN, "the call needs a ring", NULL);
    if (ring && info && info->only_without_ring && ret == -EINVAL)
        rota_cause_put(&list, ROTA_CERTAIN, "the call is made without a ring, on descriptor -1",
                       NULL);
    if (ret == -EINVAL && info && (!call || !list.count) &&
        rota_cause_add(&list, ROTA_POSSIBLE, &w)) {
        rota_text_put(&w.text, "the argument or the count is not what the call takes; count: ");
        rota_text_put(&w.text, rota_word(info->nr_args));
    }
    if (ret == -EFAULT && !(call && rota_cause_known(&list, ROTA_CERTAIN)))
        rota_cause_put(&list, row_speaks(info, ret) ? ROTA_POSSIBLE : ROTA_LIKELY,
                       "the argument, or an address in it, is no memory of "
                       "this process",
                       NULL);
    if (ret == -ENOMEM && !row_speaks(info, ret) &&
        rota_limit(process, RLIMIT_MEMLOCK) != UINT64_MAX &&
        rota_cause_add(&list, ROTA_POSSIBLE, &w)) {
        rota_text_put(&w.text, "the process may lock ");
        rota_text_decimal(&w.text, rota_limit(process, RLIMIT_MEMLOCK));
        rota_text_put(&w.text, " bytes of memory");
        rota_text_put(&w.remedy, "raise RLIMIT_MEMLOCK");
    }
    if (ret == -EINVAL && !info)
        rota_cause_put(&list, ROTA_LIKELY, "the kernel has no call of that number", NULL);
    if (ret == -ENOMEM && !list.count)
        rota_cause_put(&list, ROTA_POSSIBLE, "the kernel has no memory for it now", NULL);
    if (ret == -EINTR)
        rota_cause_put(&list, ROTA_CERTAIN, "a signal arrived while the call waited",
                       "make the call again");
    /* Calls on a ring are refused so for nothing else. */
    if (ret == -EACCES)
        rota_cause_put(&list, ring ? ROTA_CERTAIN : ROTA_POSSIBLE,
                       "the ring has restrictions that forbid the call", NULL);
    if (!list.count)
        rota_situation_seccomp(&list);
    return (int)list.count;
}

int rota_register_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                         unsigned opcode, int ret, struct rota_cause *causes, unsigned max)
{
    if (max && !causes)
        return -EINVAL;
    return register_causes(NULL, ring, caps, opcode, NULL, ret, causes, max);
}

int rota_register_call_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                              const struct rota_register_call *call, int ret,
                              struct rota_cause *causes, unsigned max)
{
    if (!call || (max && !causes))
        return -EINVAL;
    return register_causes(NULL, ring, caps, call->opcode, call, ret, causes, max);
}

static int explain_register(const struct rota_process *process, const struct rota_ring *ring,
                            const struct rota_caps *caps, unsigned opcode,
                            const struct rota_register_call *call, int ret, char *buf, size_t size)
{
    const struct rota_register_info *info = rota_register_opcode_info(opcode);
    struct rota_cause causes[ROTA_MAX_CAUSES];
    struct rota_text text;

    rota_text_start(&text, buf, size);
    rota_answer_text(&text, info ? rota_word(info->name) : "an unknown register call", ret);
    if (ret >= 0) {
        rota_text_put(&text, " is no error");
        if (info && info->res.at)
            rota_text_all(&text, ": ", rota_word(info->res), NULL);
        return rota_text_result(&text);
    }
    rota_cause_text(
        &text, causes,
        register_causes(process, ring, caps, opcode, call, ret, causes, ROTA_MAX_CAUSES));
    return rota_text_result(&text);
}

int rota_explain_register(const struct rota_ring *ring, const struct rota_caps *caps,
                          unsigned opcode, int ret, char *buf, size_t size)
{
    return explain_register(NULL, ring, caps, opcode, NULL, ret, buf, size);
}

int rota_explain_register_call(const struct rota_ring *ring, const struct rota_caps *caps,
                               const struct rota_register_call *call, int ret, char *buf,
                               size_t size)
{
    return call ? explain_register(NULL, ring, caps, call->opcode, call, ret, buf, size) : -EINVAL;
}

int rota_process_explain_register(const struct rota_process *process, const struct rota_ring *ring,
                                  const struct rota_caps *caps,
                                  const struct rota_register_call *call, int ret, char *buf,
                                  size_t size)
{
    if (!process || !call)
        return -EINVAL;
    return explain_register(process, ring, caps, call->opcode, call, ret, buf, size);
}
