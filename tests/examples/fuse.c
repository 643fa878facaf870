/* SPDX-License-Identifier: MIT */
/*
 * A file system whose driver is this program: it shows a directory and all
 * below it at another place, for reading only.
 *
 *     fuse [--dev] SOURCE MOUNTPOINT
 *
 * It says how it serves, and does so until SIGINT, SIGTERM or somebody's
 * umount(8). It needs the right to mount.
 *
 * Requests come over io_uring where the kernel offers that (6.14, and the
 * parameter enable_uring of its module fuse), and over reads and writes of
 * /dev/fuse otherwise or with --dev. Over io_uring each processor has a queue,
 * and each queue a thread with a ring of large requests: a command offers
 * memory for one request, and completes when there is one; the command that
 * answers it fetches the next. What a file holds is read into that memory on
 * the same ring, so that a round is one system call, however many requests it
 * answers. What the kernel only tells (that it has forgotten something) comes
 * over /dev/fuse even then.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rota.h>
#include <rota/call.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse.h"

#define DEPTH      4U           /* requests of a queue that are served at a time */
#define MAX_BYTES  (128U << 10) /* of a request's or an answer's data */
#define MAX_PAGES  (MAX_BYTES / 4096U)
#define ROOM       (MAX_BYTES + 4096U) /* for one message of /dev/fuse */
#define MAX_QUEUES 1024U
#define VALID      1U /* seconds for which the kernel may believe what it was told */
#define BUCKETS    1024U

/* A file that the kernel knows; its address is its number. */
struct node {
    struct node *next;
    uint64_t lookups; /* that the kernel has not forgotten */
    dev_t device;
    ino_t number;
    int fd; /* opened with O_PATH */
};

struct tree {
    struct node root, *buckets[BUCKETS];
    pthread_mutex_t lock;
};

struct request {
    const struct fuse_in_header *head;
    const void *op;   /* the opcode's own structure */
    const char *name; /* what follows it */
    char *out;        /* room for the answer's data */
    uint32_t room;
};

/* An answer: its bytes or -errno; with `fd`, so many bytes are to be read from there. */
struct answer {
    int result, fd;
    uint64_t offset;
};

#define SILENCE INT32_MIN /* as a result: no answer is expected */

struct server {
    struct tree tree;
    const char *place;
    int dev;
    unsigned queues; /* 0: over /dev/fuse alone */
};

static const char *reason(int ret)
{
    return strerror(-ret);
}

/*
 * The tree
 */

static struct node **bucket_of(struct tree *tree, ino_t number)
{
    return &tree->buckets[number % BUCKETS];
}

static struct node *node_of(struct tree *tree, uint64_t id)
{
    return id == FUSE_ROOT_ID ? &tree->root : (struct node *)(uintptr_t)id;
}

/* The node of what `fd` has open, which it takes over; NULL: no memory. */
static struct node *remember(struct tree *tree, int fd, const struct stat *st)
{
    struct node **bucket = bucket_of(tree, st->st_ino), *node;

    pthread_mutex_lock(&tree->lock);
    for (node = *bucket; node; node = node->next) {
        if (node->number == st->st_ino && node->device == st->st_dev)
            break;
    }
    if (node) {
        close(fd);
        node->lookups++;
    } else if ((node = malloc(sizeof(*node)))) {
        *node = (struct node){*bucket, 1, st->st_dev, st->st_ino, fd};
        *bucket = node;
    } else {
        close(fd);
    }
    pthread_mutex_unlock(&tree->lock);
    return node;
}

static void forget(struct tree *tree, uint64_t id, uint64_t lookups)
{
    struct node *node = node_of(tree, id), **at;

    if (node == &tree->root)
        return;
    pthread_mutex_lock(&tree->lock);
    node->lookups -= lookups;
    if (!node->lookups) {
        for (at = bucket_of(tree, node->number); *at != node; at = &(*at)->next) {
        }
        *at = node->next;
        close(node->fd);
        free(node);
    }
    pthread_mutex_unlock(&tree->lock);
}

static void forget_all(struct tree *tree)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (tree->buckets[i])
            forget(tree, (uintptr_t)tree->buckets[i], tree->buckets[i]->lookups);
    }
}

static void tell_attributes(const struct stat *st, struct fuse_attr *to)
{
    memset(to, 0, sizeof(*to));
    to->ino = st->st_ino;
    to->size = (uint64_t)st->st_size;
    to->blocks = (uint64_t)st->st_blocks;
    to->atime = (uint64_t)st->st_atim.tv_sec;
    to->mtime = (uint64_t)st->st_mtim.tv_sec;
    to->ctime = (uint64_t)st->st_ctim.tv_sec;
    to->atimensec = (uint32_t)st->st_atim.tv_nsec;
    to->mtimensec = (uint32_t)st->st_mtim.tv_nsec;
    to->ctimensec = (uint32_t)st->st_ctim.tv_nsec;
    to->mode = st->st_mode;
    to->nlink = (uint32_t)st->st_nlink;
    to->uid = st->st_uid;
    to->gid = st->st_gid;
    to->rdev = (uint32_t)st->st_rdev;
    to->blksize = (uint32_t)st->st_blksize;
}

/*
 * Requests: each function writes its answer's data, and returns its bytes or -errno.
 */

static int lookup(struct tree *tree, struct node *in, const struct request *r)
{
    struct fuse_entry_out *out = (struct fuse_entry_out *)(void *)r->out;
    struct node *node;
    struct stat st;
    int fd = openat(in->fd, r->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0) {
        int ret = -errno;

        close(fd);
        return ret;
    }
    node = remember(tree, fd, &st);
    if (!node)
        return -ENOMEM;
    memset(out, 0, sizeof(*out));
    out->nodeid = (uintptr_t)node;
    out->entry_valid = out->attr_valid = VALID;
    tell_attributes(&st, &out->attr);
    return sizeof(*out);
}

static int get_attributes(const struct node *node, const struct request *r)
{
    struct fuse_attr_out *out = (struct fuse_attr_out *)(void *)r->out;
    struct stat st;

    if (fstatat(node->fd, "", &st, AT_EMPTY_PATH) < 0)
        return -errno;
    memset(out, 0, sizeof(*out));
    out->attr_valid = VALID;
    tell_attributes(&st, &out->attr);
    return sizeof(*out);
}

static int read_link(const struct node *node, const struct request *r)
{
    ssize_t got = readlinkat(node->fd, "", r->out, r->room);

    return got < 0 ? -errno : (int)got;
}

static int open_again(const struct node *node, int flags)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", node->fd);
    flags = open(path, flags | O_RDONLY | O_CLOEXEC);
    return flags < 0 ? -errno : flags;
}

static int opened(const struct request *r, uint64_t handle)
{
    struct fuse_open_out *out = (struct fuse_open_out *)(void *)r->out;

    memset(out, 0, sizeof(*out));
    out->fh = handle;
    return sizeof(*out);
}

static int open_file(const struct node *node, const struct request *r)
{
    const struct fuse_open_in *in = r->op;
    int fd;

    if ((in->flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    fd = open_again(node, 0);
    return fd < 0 ? fd : opened(r, (uint64_t)fd);
}

static int open_directory(const struct node *node, const struct request *r)
{
    int fd = open_again(node, O_DIRECTORY);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (fd < 0)
        return fd;
    if (!directory) {
        close(fd);
        return -ENOMEM;
    }
    return opened(r, (uintptr_t)directory);
}

static int read_directory(const struct request *r)
{
    const struct fuse_read_in *in = r->op;
    DIR *directory = (DIR *)(uintptr_t)in->fh;
    uint32_t size = in->size < r->room ? in->size : r->room, used = 0;
    struct dirent *entry;

    seekdir(directory, (long)in->offset);
    while ((errno = 0, entry = readdir(directory))) {
        struct fuse_dirent *out = (struct fuse_dirent *)(void *)(r->out + used);
        uint32_t length = (uint32_t)strlen(entry->d_name);
        uint32_t bytes = (uint32_t)FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);

        if (used + bytes > size) /* the next request's offset leads here */
            break;
        memset(out, 0, bytes);
        out->ino = entry->d_ino;
        out->off = (uint64_t)telldir(directory);
        out->namelen = length;
        out->type = entry->d_type;
        memcpy(out->name, entry->d_name, length);
        used += bytes;
    }
    return !entry && errno && !used ? -errno : (int)used;
}

static int tell_space(const struct node *node, const struct request *r)
{
    struct fuse_statfs_out *out = (struct fuse_statfs_out *)(void *)r->out;
    struct statvfs st;
    int fd = open_again(node, 0), ret = fd;

    if (fd < 0)
        return fd;
    ret = fstatvfs(fd, &st) < 0 ? -errno : (int)sizeof(*out);
    close(fd);
    if (ret < 0)
        return ret;
    memset(out, 0, sizeof(*out));
    out->st.blocks = st.f_blocks;
    out->st.bfree = st.f_bfree;
    out->st.bavail = st.f_bavail;
    out->st.files = st.f_files;
    out->st.ffree = st.f_ffree;
    out->st.bsize = (uint32_t)st.f_bsize;
    out->st.namelen = (uint32_t)st.f_namemax;
    out->st.frsize = (uint32_t)st.f_frsize;
    return ret;
}

static int forget_many(struct tree *tree, const struct request *r)
{
    const struct fuse_batch_forget_in *in = r->op;
    const struct fuse_forget_one *one = (const struct fuse_forget_one *)(const void *)(in + 1);

    for (uint32_t i = 0; i < in->count; i++)
        forget(tree, one[i].nodeid, one[i].nlookup);
    return SILENCE;
}

static struct answer serve(struct tree *tree, const struct request *r)
{
    struct node *node = node_of(tree, r->head->nodeid);
    struct answer answer = {.fd = -1};

    switch (r->head->opcode) {
    case FUSE_LOOKUP:
        answer.result = lookup(tree, node, r);
        break;
    case FUSE_FORGET:
        forget(tree, r->head->nodeid, ((const struct fuse_forget_in *)r->op)->nlookup);
        answer.result = SILENCE;
        break;
    case FUSE_BATCH_FORGET:
        answer.result = forget_many(tree, r);
        break;
    case FUSE_INTERRUPT: /* nothing here takes long enough */
        answer.result = SILENCE;
        break;
    case FUSE_GETATTR:
        answer.result = get_attributes(node, r);
        break;
    case FUSE_READLINK:
        answer.result = read_link(node, r);
        break;
    case FUSE_OPEN:
        answer.result = open_file(node, r);
        break;
    case FUSE_READ: {
        const struct fuse_read_in *in = r->op;

        answer.fd = (int)in->fh;
        answer.offset = in->offset;
        answer.result = (int)(in->size < r->room ? in->size : r->room);
        break;
    }
    case FUSE_RELEASE:
        close((int)((const struct fuse_release_in *)r->op)->fh);
        break;
    case FUSE_OPENDIR:
        answer.result = open_directory(node, r);
        break;
    case FUSE_READDIR:
        answer.result = read_directory(r);
        break;
    case FUSE_RELEASEDIR:
        closedir((DIR *)(uintptr_t)((const struct fuse_release_in *)r->op)->fh);
        break;
    case FUSE_STATFS:
        answer.result = tell_space(node, r);
        break;
    default: /* what the kernel does without, or what would write */
        answer.result = -ENOSYS;
        break;
    }
    return answer;
}

static struct fuse_out_header out_header(const struct fuse_in_header *head, int result)
{
    struct fuse_out_header out = {
        .len = (uint32_t)sizeof(out) + (uint32_t)(result < 0 ? 0 : result),
        .error = result < 0 ? result : 0,
        .unique = head->unique,
    };

    return out;
}

/*
 * Over /dev/fuse: a message is a read, an answer a write.
 */

struct channel {
    struct server *server;
    pthread_t thread;
    struct rota_ring ring;
    char *in, *out;
    int error;
};

/* All that an answer needs; the bytes that a file has lie in `to`. */
static int read_all(struct rota_ring *ring, const struct answer *answer, char *to)
{
    int done = 0;

    while (done < answer->result) {
        int got = rota_call_read(ring, answer->fd, to + done, (unsigned)(answer->result - done),
                                 answer->offset + (unsigned)done);

        if (got < 0)
            return got;
        if (!got)
            break;
        done += got;
    }
    return done;
}

/* Answers go with the same system call that reads the next message. */
static void serve_messages(struct channel *c)
{
    struct server *s = c->server;
    ROTA_OP(reading);
    ROTA_OP(writing);
    int got = rota_call_read(&c->ring, s->dev, c->in, ROOM, UINT64_MAX);

    while (got >= 0 || got == -EINTR || got == -ENOENT || got == -EAGAIN) {
        struct answer answer = {.result = SILENCE};

        if (got >= (int)sizeof(struct fuse_in_header)) {
            const struct fuse_in_header *head = (const void *)c->in;
            char *data = c->out + sizeof(struct fuse_out_header);
            struct request r = {head, head + 1, (const char *)(head + 1), data, MAX_BYTES};

            answer = serve(&s->tree, &r);
            if (answer.fd >= 0)
                answer.result = read_all(&c->ring, &answer, data);
            if (answer.result != SILENCE) {
                struct fuse_out_header out = out_header(head, answer.result);

                memcpy(c->out, &out, sizeof(out));
                rota_start_write(&c->ring, &writing, s->dev, c->out, out.len, UINT64_MAX);
            }
        }
        rota_start_read(&c->ring, &reading, s->dev, c->in, ROOM, UINT64_MAX);
        if (answer.result != SILENCE)
            rota_await(&c->ring, &writing); /* ENOENT: who asked does not wait any more */
        got = rota_await(&c->ring, &reading);
    }
}

static void *serve_channel(void *argument)
{
    struct channel *c = argument;

    c->in = aligned_alloc(4096, ROOM);
    c->out = aligned_alloc(4096, ROOM);
    c->error = c->in && c->out ? rota_init(&c->ring, 4, NULL) : -ENOMEM;
    if (!c->error) {
        serve_messages(c);
        rota_queue_exit(&c->ring);
    }
    free(c->in);
    free(c->out);
    kill(getpid(), SIGTERM); /* nothing is mounted any more, whoever did it */
    return NULL;
}

/* The first message, in which both say what they can; how it is served from then on. */
static int greet(const struct server *s, bool dev)
{
    static char message[ROOM];
    const struct fuse_in_header *head = (const void *)message;
    const struct fuse_init_in *in = (const void *)(head + 1);
    struct {
        struct fuse_out_header head;
        struct fuse_init_out init;
    } out = {.init = {.major = FUSE_KERNEL_VERSION, .max_write = MAX_BYTES}};
    bool over_ring;

    if (read(s->dev, message, sizeof(message)) < 0)
        return -errno;
    if (head->opcode != FUSE_INIT || in->major != FUSE_KERNEL_VERSION || in->minor < 31)
        return -EPROTO;
    over_ring = !dev && in->minor >= 36 && in->flags & FUSE_INIT_EXT &&
                in->flags2 & (uint32_t)(FUSE_OVER_IO_URING >> 32);
    out.init.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor : FUSE_KERNEL_MINOR_VERSION;
    out.init.max_readahead = in->max_readahead;
    out.init.flags = in->flags & (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES);
    if (over_ring) {
        out.init.flags |= FUSE_INIT_EXT;
        out.init.flags2 = (uint32_t)(FUSE_OVER_IO_URING >> 32);
    }
    out.init.max_background = 32;
    out.init.congestion_threshold = 24;
    out.init.max_pages = MAX_PAGES;
    out.init.time_gran = 1;
    out.head = out_header(head, sizeof(out.init));
    return write(s->dev, &out, sizeof(out)) < 0 ? -errno : over_ring;
}

/*
 * Over io_uring: a queue for each processor.
 */

struct entry {
    struct fuse_uring_req_header *header;
    char *data;
    struct iovec vectors[2];
    struct answer answer; /* while a file is read for it */
    int done;
};

struct queue {
    struct server *server;
    pthread_t thread;
    unsigned id;
    struct rota_ring ring;
    struct entry entries[DEPTH];
    sem_t *offered;
    unsigned busy; /* commands that wait in the kernel, and reads */
    int error;     /* of its start */
    int ended;     /* of a command, later */
};

#define READING UINT64_C(0x100) /* in user_data: a read for the entry, not its command */

static struct io_uring_sqe *take(struct queue *q)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&q->ring);

    if (!sqe)
        abort(); /* there is room for a command and a read of each entry */
    q->busy++;
    return sqe;
}

static void offer(struct queue *q, unsigned number)
{
    struct fuse_uring_cmd_req cmd = {.qid = (uint16_t)q->id};
    struct io_uring_sqe *sqe = take(q);

    rota_prep_fuse_register(sqe, 0, &cmd, q->entries[number].vectors, 2);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, number);
}

static void commit(struct queue *q, unsigned number, int result)
{
    struct entry *e = &q->entries[number];
    struct fuse_uring_ent_in_out *about = &e->header->ring_ent_in_out;
    struct fuse_uring_cmd_req cmd = {.qid = (uint16_t)q->id, .commit_id = about->commit_id};
    struct fuse_in_header head;
    struct fuse_out_header out;
    struct io_uring_sqe *sqe = take(q);

    memcpy(&head, e->header->in_out, sizeof(head));
    out = out_header(&head, result);
    memcpy(e->header->in_out, &out, sizeof(out));
    about->payload_sz = (uint32_t)(result < 0 ? 0 : result);
    rota_prep_fuse_commit_and_fetch(sqe, 0, &cmd);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, number);
}

static void read_more(struct queue *q, unsigned number)
{
    struct entry *e = &q->entries[number];
    struct io_uring_sqe *sqe = take(q);

    rota_prep_read(sqe, e->answer.fd, e->data + e->done, (unsigned)(e->answer.result - e->done),
                   e->answer.offset + (unsigned)e->done);
    rota_sqe_set_data64(sqe, READING | number);
}

static void begin(struct queue *q, unsigned number)
{
    struct entry *e = &q->entries[number];
    struct fuse_in_header head;
    struct request r = {&head, e->header->op_in, e->data, e->data, MAX_BYTES};

    memcpy(&head, e->header->in_out, sizeof(head));
    e->answer = serve(&q->server->tree, &r);
    e->done = 0;
    if (e->answer.fd >= 0 && e->answer.result > 0)
        read_more(q, number);
    else
        commit(q, number, e->answer.result == SILENCE ? 0 : e->answer.result);
}

/* The main thread has to know, because the other commands wait until it unmounts. */
static void fail(struct queue *q, int error)
{
    fprintf(stderr, "fuse: queue %u: %s\n", q->id, reason(error));
    q->ended = error;
    kill(getpid(), SIGTERM);
}

static void completed(struct queue *q, const struct io_uring_cqe *cqe)
{
    unsigned number = (unsigned)(cqe->user_data & (READING - 1));
    struct entry *e = &q->entries[number];

    q->busy--;
    if (!(cqe->user_data & READING)) {
        if (!cqe->res)
            begin(q, number);
        else if (cqe->res != -ENOTCONN && cqe->res != -ECONNABORTED) /* else it is unmounted */
            fail(q, cqe->res);
        return;
    }
    if (cqe->res > 0)
        e->done += cqe->res;
    if (cqe->res > 0 && e->done < e->answer.result)
        read_more(q, number);
    else
        commit(q, number, cqe->res < 0 ? cqe->res : e->done);
}

static int open_queue(struct queue *q)
{
    struct rota_config config;
    int ret;

    rota_config_single_owner(&config);
    config.required_flags |= IORING_SETUP_SQE128;
    ret = rota_init(&q->ring, 2 * DEPTH, &config);
    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < DEPTH; i++) {
        struct entry *e = &q->entries[i];

        e->header = aligned_alloc(4096, 4096);
        e->data = aligned_alloc(4096, MAX_BYTES);
        if (!e->header || !e->data)
            return -ENOMEM;
        e->vectors[0] = (struct iovec){e->header, sizeof(*e->header)};
        e->vectors[1] = (struct iovec){e->data, MAX_BYTES};
    }
    return rota_register_files(&q->ring, &q->server->dev, 1);
}

/* The memory belongs to the kernel until the ring is gone. */
static void close_queue(struct queue *q)
{
    rota_queue_exit(&q->ring);
    for (unsigned i = 0; i < DEPTH; i++) {
        free(q->entries[i].header);
        free(q->entries[i].data);
    }
}

static void *serve_queue(void *argument)
{
    struct queue *q = argument;
    cpu_set_t own;
    int ret;

    CPU_ZERO(&own);
    CPU_SET(q->id, &own);
    pthread_setaffinity_np(pthread_self(), sizeof(own), &own); /* a wish: it may be offline */
    ret = open_queue(q);
    for (unsigned i = 0; i < DEPTH && ret >= 0; i++)
        offer(q, i);
    if (ret >= 0)
        ret = rota_submit(&q->ring);
    q->error = ret < 0 ? ret : 0;
    sem_post(q->offered);
    while (ret >= 0 && q->busy) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        ret = rota_submit_and_wait(&q->ring, 1);
        if (ret == -EINTR)
            ret = 0;
        rota_for_each_cqe (&q->ring, head, cqe) {
            completed(q, cqe);
            seen++;
        }
        rota_cq_advance(&q->ring, seen);
    }
    if (ret < 0)
        fail(q, ret);
    close_queue(q);
    kill(getpid(), SIGTERM);
    return NULL;
}

/* Processors that there may be, such as "0-3": the kernel has a queue for each. */
static unsigned processors(void)
{
    FILE *file = fopen("/sys/devices/system/cpu/possible", "r");
    unsigned number, last = 0;
    char between;

    while (file && fscanf(file, "%u", &number) == 1) {
        last = number;
        if (fscanf(file, "%c", &between) != 1)
            break;
    }
    if (file)
        fclose(file);
    return last < MAX_QUEUES ? last + 1 : MAX_QUEUES;
}

/*
 * From mount to umount
 */

/* Nobody's request is served before every queue has offered memory. */
static int start_queues(struct server *s, struct queue *queues, unsigned *started)
{
    sem_t offered;
    int ret = 0;

    sem_init(&offered, 0, 0);
    for (*started = 0; *started < s->queues && !ret; ++*started) {
        struct queue *q = &queues[*started];

        q->server = s;
        q->id = *started;
        q->offered = &offered;
        ret = -pthread_create(&q->thread, NULL, serve_queue, q);
        if (ret)
            break;
        while (sem_wait(&offered) < 0) {
        }
        ret = q->error;
    }
    sem_destroy(&offered);
    return ret;
}

static int mount_it(struct server *s, const char *source)
{
    char data[100];
    struct stat st;
    struct rlimit files;

    if (!getrlimit(RLIMIT_NOFILE, &files)) { /* the kernel may know many files at a time */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    pthread_mutex_init(&s->tree.lock, NULL);
    s->tree.root.fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->tree.root.fd < 0 || fstatat(s->tree.root.fd, "", &st, AT_EMPTY_PATH) < 0)
        return -errno;
    s->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (s->dev < 0)
        return -errno;
    snprintf(data, sizeof(data), "fd=%d,rootmode=%o,user_id=0,group_id=0,allow_other", s->dev,
             st.st_mode & (unsigned)S_IFMT);
    return mount("rota", s->place, "fuse.rota", MS_RDONLY | MS_NOSUID | MS_NODEV, data) < 0 ? -errno
                                                                                            : 0;
}

static int run(struct server *s, bool dev, const sigset_t *ends)
{
    static struct queue queues[MAX_QUEUES];
    struct channel c = {.server = s};
    unsigned started = 0;
    int signal_number, over_ring = greet(s, dev);
    int ret = over_ring < 0 ? over_ring : -pthread_create(&c.thread, NULL, serve_channel, &c);

    if (ret < 0) {
        umount2(s->place, MNT_DETACH);
        return ret;
    }
    if (over_ring) {
        s->queues = processors();
        ret = start_queues(s, queues, &started);
    }
    if (ret >= 0) {
        if (over_ring)
            printf("%s: over io_uring, %u queues\n", s->place, s->queues);
        else
            printf("%s: over /dev/fuse\n", s->place);
        fflush(stdout);
        sigwait(ends, &signal_number);
    }
    umount2(s->place, MNT_FORCE | MNT_DETACH); /* ends what waits in the kernel */
    for (unsigned i = 0; i < started; i++) {
        pthread_join(queues[i].thread, NULL);
        ret = queues[i].ended ? queues[i].ended : ret;
    }
    pthread_join(c.thread, NULL);
    return c.error ? c.error : ret;
}

int main(int argc, char **argv)
{
    static struct server s;
    bool dev = argc > 1 && !strcmp(argv[1], "--dev");
    sigset_t ends;
    int ret;

    if (argc != 3 + dev) {
        fprintf(stderr, "usage: fuse [--dev] SOURCE MOUNTPOINT\n");
        return 2;
    }
    s.place = argv[2 + dev];
    s.dev = -1;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    ret = mount_it(&s, argv[1 + dev]);
    if (ret >= 0)
        ret = run(&s, dev, &ends);
    if (ret < 0)
        fprintf(stderr, "fuse: %s: %s\n", s.place, reason(ret));
    if (s.dev >= 0)
        close(s.dev);
    forget_all(&s.tree);
    if (s.tree.root.fd >= 0)
        close(s.tree.root.fd);
    return ret < 0;
}
