/* SPDX-License-Identifier: MIT */
/*
 * Readiness: one epoll, in which a descriptor is armed for what its requests
 * wait for, in one of three ways.
 *
 * Multishots leave it armed for the level. Polls arm it for one event. All
 * others try before they wait, so that they need to hear of a change only: for
 * them it is armed for edges, and stays so when nobody waits, which makes a
 * wait cost nothing. But a number may be another file's by then, of which
 * epoll knows nothing. So that is trusted only of a number that was the same
 * file for some calls in a row; who waits for long without such a call is
 * looked after (emulate_files_check), and where that finds another file, more
 * calls are asked for from then on.
 */
#include "emulate/emulate.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "emulate/inside.h"

#define ALWAYS ((uint32_t)(EPOLLERR | EPOLLHUP))

static struct emulate_file *known_file(const struct emulate_ring *ring, int fd)
{
    return fd >= 0 && (uint32_t)fd < ring->files_room ? ring->files[fd] : NULL;
}

static struct emulate_file *file_of(struct emulate_ring *ring, int fd)
{
    struct emulate_file *file = known_file(ring, fd);

    if (file || fd < 0)
        return file;
    if ((uint32_t)fd >= ring->files_room) {
        uint32_t room = ring->files_room ? ring->files_room : 64;
        struct emulate_file **files;

        while (room <= (uint32_t)fd)
            room *= 2;
        files = realloc(ring->files, room * sizeof(*files));
        if (!files)
            return NULL;
        for (uint32_t i = ring->files_room; i < room; i++)
            files[i] = NULL;
        ring->files = files;
        ring->files_room = room;
    }
    file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->fd = fd;
    emulate_list_init(&file->waiting);
    ring->files[fd] = file;
    return file;
}

static int control(struct emulate_ring *ring, struct emulate_file *file, int what, uint32_t events)
{
    struct epoll_event event = {.events = events};

    event.data.u64 = EMULATE_EVENT_FILE | (uint32_t)file->fd;
    return epoll_ctl(ring->ready_fd, what, file->fd, &event) < 0 ? -errno : 0;
}

/* How a file is armed, in emulate_file::want beside what for. One of LEVEL alone leaves no bit to epoll. */
#define LEVEL ((uint32_t)(1U << 26))
#define ONCE  ((uint32_t)EPOLLONESHOT)
#define EDGES ((uint32_t)EPOLLET)

/* Who waits for long without a call is looked after that many ns later, and once more. */
#define CHECK_AFTER UINT64_C(10000000)

/* emulate_file::stream */
enum {
    UNKNOWN,
    STREAM,
    OTHER,
};

static void set_armed(struct emulate_ring *ring, struct emulate_file *file, uint32_t mask)
{
    ring->edges -= (file->armed & EDGES) != 0;
    ring->edges += (mask & EDGES) != 0;
    file->armed = mask;
    file->empty = false; /* a call tells of what is there */
}

static void is_checked(struct emulate_file *file)
{
    if (!file->unchecked)
        return;
    file->unchecked = false;
    emulate_list_del(&file->node);
}

/* Under the number there may be another file from now on. */
static void is_another(struct emulate_file *file)
{
    file->steady = 0;
    file->ended = false;
    file->stream = UNKNOWN;
}

static void disarm(struct emulate_ring *ring, struct emulate_file *file)
{
    /* A forked child shares the epoll: what the parent waits for stays. */
    if (file->added && ring->forks == emulate_forks)
        (void)control(ring, file, EPOLL_CTL_DEL, 0);
    file->added = false;
    is_another(file);
    set_armed(ring, file, 0);
    is_checked(file);
}

static uint32_t wanted(const struct emulate_ring *ring, const struct emulate_request *request)
{
    if (request->flags & EMULATE_REQ_MULTISHOT)
        return request->events & EDGES ? request->events : request->events | LEVEL;
    /* A registered eventfd tells of what happens, which is to be nothing where nobody waits. */
    if (request->way->events && ring->notify_fd < 0)
        return request->events | EDGES | (request->events & EPOLLIN ? (uint32_t)EPOLLRDHUP : 0);
    return request->events | ONCE;
}

/* What epoll is told: one event is right for all who wait, whatever they are. */
static uint32_t mask_of(uint32_t want)
{
    uint32_t how = want & (LEVEL | ONCE | EDGES), events = want & ~(LEVEL | ONCE | EDGES);

    return how == EDGES ? events | EDGES : how == LEVEL ? events : events | ONCE;
}

static bool covers(uint32_t armed, uint32_t mask)
{
    if (armed & mask & EDGES)
        return !(mask & ~armed);
    return armed == mask && !(mask & ONCE);
}

static int arm(struct emulate_ring *ring, struct emulate_file *file)
{
    uint32_t mask = mask_of(file->want);
    int ret = file->added ? control(ring, file, EPOLL_CTL_MOD, mask) : -ENOENT;

    if (ret)
        is_another(file);
    else
        file->steady++;
    if (ret == -ENOENT)
        ret = control(ring, file, EPOLL_CTL_ADD, mask);
    if (ret == -EEXIST)
        ret = control(ring, file, EPOLL_CTL_MOD, mask);
    file->added = !ret;
    set_armed(ring, file, ret ? 0 : mask);
    is_checked(file);
    return ret;
}

/* Leaves it to what epoll has, and sees to it that it is looked at when that takes long. */
static void trust(struct emulate_ring *ring, struct emulate_file *file)
{
    file->since = ring->checks;
    if (!file->unchecked) {
        file->unchecked = true;
        emulate_list_add(&file->node, &ring->unchecked);
    }
    if (ring->check_at == UINT64_MAX) {
        ring->check_at = emulate_now(CLOCK_MONOTONIC) + CHECK_AFTER;
        ring->timers_changed = true;
    }
}

static bool is_trusted(const struct emulate_ring *ring, const struct emulate_file *file)
{
    return (file->armed & EDGES) && file->steady >= ring->steady_enough;
}

/* Is what epoll has all that the request needs? */
static bool needs_no_call(const struct emulate_ring *ring, const struct emulate_file *file,
                          const struct emulate_request *request, bool again, bool tried)
{
    if (!covers(file->armed, mask_of(file->want)))
        return false;
    if (request->flags & EMULATE_REQ_MULTISHOT)
        return again;
    return tried && is_trusted(ring, file);
}

int emulate_wait_ready(struct emulate_ring *ring, struct emulate_request *request, bool tried)
{
    struct emulate_file *file = file_of(ring, request->fd);
    bool again = request->file && request->file == file;
    int ret = 0;

    if (!file)
        return request->fd < 0 ? -EBADF : -ENOMEM;
    if (!request->events)
        request->events = request->way->events;
    request->file = file;
    request->state = EMULATE_WAITING;
    if (emulate_list_empty(&file->waiting))
        file->want = 0;
    file->want |= wanted(ring, request);
    emulate_list_add(&request->node, &file->waiting);
    if (!needs_no_call(ring, file, request, again, tried))
        ret = arm(ring, file);
    else if (!(request->flags & EMULATE_REQ_MULTISHOT))
        trust(ring, file);
    if (ret < 0) {
        emulate_unwait(ring, request);
        /* Who waits for what had the number before hears of it soon. */
        if (!emulate_list_empty(&file->waiting))
            trust(ring, file);
    }
    return ret;
}

void emulate_files_check(struct emulate_ring *ring)
{
    struct emulate_list *link, *next;

    ring->check_at = UINT64_MAX;
    ring->checks++;
    for (link = ring->unchecked.next; link != &ring->unchecked; link = next) {
        struct emulate_file *file = EMULATE_ELEMENT(link, struct emulate_file, node);

        next = link->next;
        if (emulate_list_empty(&file->waiting)) {
            is_checked(file);
        } else if (ring->checks - file->since > 1) {
            int ret = arm(ring, file);

            /* Another file: to trust in numbers does not pay here. */
            if (!file->steady && ring->steady_enough < UINT32_MAX / 2)
                ring->steady_enough *= 2;
            /* Whoever tries again finds out what is wrong. That may change the list: from the start. */
            if (ret < 0) {
                emulate_files_event(ring, file->fd, EPOLLIN | EPOLLOUT | ALWAYS);
                next = ring->unchecked.next;
            }
        }
    }
    if (!emulate_list_empty(&ring->unchecked)) {
        ring->check_at = emulate_now(CLOCK_MONOTONIC) + CHECK_AFTER;
        ring->timers_changed = true;
    }
}

void emulate_unwait(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_file *file = request->file;

    emulate_list_del(&request->node);
    request->state = EMULATE_NEW;
    /* Now, while it is open: later its number may be another file's. */
    if (file && file->armed && emulate_list_empty(&file->waiting))
        disarm(ring, file);
}

void emulate_files_event(struct emulate_ring *ring, int fd, uint32_t events)
{
    struct emulate_file *file = known_file(ring, fd);
    struct emulate_list *link, *next, due;
    bool idle;

    if (!file)
        return;
    idle = emulate_list_empty(&file->waiting);
    file->empty = false;
    file->ended |= (events & (EPOLLRDHUP | ALWAYS)) != 0;
    if (file->armed & ONCE)
        set_armed(ring, file, 0);
    /* Those that wait again come behind the others: each is tried once. */
    emulate_list_init(&due);
    file->want = 0;
    for (link = file->waiting.next; link != &file->waiting; link = next) {
        struct emulate_request *request = EMULATE_ELEMENT(link, struct emulate_request, node);

        next = link->next;
        if (!(events & (request->events | ALWAYS))) {
            file->want |= wanted(ring, request);
            continue;
        }
        emulate_list_del(link);
        emulate_list_add(link, &due);
    }
    while (!emulate_list_empty(&due)) {
        struct emulate_request *request = EMULATE_ELEMENT(due.next, struct emulate_request, node);

        emulate_list_del(&request->node);
        request->state = EMULATE_NEW;
        request->flags |= EMULATE_REQ_WAITED;
        if (request->way->event)
            request->way->event(ring, request, events);
        else
            emulate_retry(ring, request);
    }
    if (emulate_list_empty(&file->waiting)) {
        /*
         * Used up, or armed for edges and served, it costs nothing to leave it for the next
         * request. One that nobody waited for is not to wake us again.
         */
        if (file->armed && (idle || !(file->armed & EDGES)))
            disarm(ring, file);
    } else if (!covers(file->armed, mask_of(file->want)) && arm(ring, file) < 0) {
        trust(ring, file);
    }
}

/*
 * Of TCP a short receive means that no more had come. Of others it may be the bound of a message, and
 * where an event waits for more than a byte it would not be told of.
 */
static bool is_stream(int fd)
{
    int protocol = 0, least = 0;
    socklen_t size = sizeof(int);

    return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol == IPPROTO_TCP &&
           !getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, &size) && least <= 1;
}

void emulate_file_emptied(struct emulate_ring *ring, int fd)
{
    struct emulate_file *file = known_file(ring, fd);

    if (!file || !is_trusted(ring, file) || !(file->armed & EPOLLIN) || file->ended)
        return;
    if (file->stream == UNKNOWN)
        file->stream = is_stream(fd) ? STREAM : OTHER;
    file->empty = file->stream == STREAM;
}

bool emulate_file_is_empty(const struct emulate_ring *ring, int fd)
{
    const struct emulate_file *file = known_file(ring, fd);

    return file && file->empty;
}

void emulate_file_forget(struct emulate_ring *ring, int fd)
{
    struct emulate_file *file = known_file(ring, fd);

    if (file)
        disarm(ring, file);
}

void emulate_files_free(struct emulate_ring *ring)
{
    for (uint32_t i = 0; i < ring->files_room; i++)
        free(ring->files[i]);
    free(ring->files);
    ring->files = NULL;
    ring->files_room = 0;
    ring->edges = 0;
    emulate_list_init(&ring->unchecked);
    ring->check_at = UINT64_MAX;
}
