/* SPDX-License-Identifier: MIT */
/*
 * The example `fuse` as a file system: the tree that it shows is that of its
 * source, over io_uring and over /dev/fuse, and it ends well however it ends.
 * And what the kernel answers to commands that are wrong.
 *
 * The example is compiled in, because a guest has nothing but test programs;
 * its server runs in a child. All is skipped without the right to mount, and
 * what needs the module's parameter where that is not set.
 */
int example_main(int argc, char **argv);
#define main example_main
#include "../examples/fuse.c"
#undef main

#include <sys/mman.h>
#include <sys/prctl.h>

#include "ended.h"
#include "tried.h"

#define LARGE (3U << 20)
#define MANY  300 /* names in one directory: more than one answer holds */

static char source[256], place[256];

struct service {
    pid_t pid;
    bool over_ring;
};

/*
 * A tree, and what it is compared with
 */

static void put(const char *name, size_t size, unsigned seed)
{
    char path[600];
    char *memory = malloc(size ? size : 1);
    int fd;

    snprintf(path, sizeof(path), "%s/%s", source, name);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525U + 1013904223U;
        memory[i] = (char)(seed >> 24);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0 || write(fd, memory, size) != (ssize_t)size)
        bail("cannot make %s: %s", path, strerror(errno));
    close(fd);
    free(memory);
}

static void below(char *path, size_t size, const char *directory, const char *name)
{
    if ((size_t)snprintf(path, size, "%s/%s", directory, name) >= size)
        bail("%s/%s is too long", directory, name);
}

static void make_tree(void)
{
    const char *scratch = getenv("TMPDIR");
    char path[600], other[600], name[64];
    struct timespec times[2] = {{1000000000, 1}, {1234567890, 987654321}};
    int fd;

    snprintf(source, sizeof(source), "%.200s/fuse-source-%d", scratch ? scratch : "/tmp",
             (int)getpid());
    snprintf(place, sizeof(place), "%.200s/fuse-place-%d", scratch ? scratch : "/tmp",
             (int)getpid());
    below(path, sizeof(path), source, "many");
    below(other, sizeof(other), source, "deep");
    if (mkdir(source, 0755) || mkdir(place, 0700) || mkdir(path, 0751) || mkdir(other, 0700))
        bail("cannot make %s: %s", source, strerror(errno));
    below(path, sizeof(path), source, "deep/deeper");
    if (mkdir(path, 01777))
        bail("cannot make %s: %s", path, strerror(errno));
    put("empty", 0, 0);
    put("small", 13, 1);
    put("large", LARGE + 777, 2);
    put("deep/deeper/page", 4096, 3);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "many/a-name-of-some-length-%d", i);
        put(name, (size_t)i, 4 + (unsigned)i);
    }
    below(path, sizeof(path), source, "sparse");
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0 || ftruncate(fd, 1 << 20) || pwrite(fd, "end", 3, (1 << 20) - 3) != 3)
        bail("cannot make %s: %s", path, strerror(errno));
    close(fd);
    below(path, sizeof(path), source, "small");
    below(other, sizeof(other), source, "deep/other-name");
    if (link(path, other) || utimensat(AT_FDCWD, path, times, 0))
        bail("cannot link %s: %s", path, strerror(errno));
    below(other, sizeof(other), source, "link");
    below(path, sizeof(path), source, "deep/nowhere");
    if (symlink("deep/deeper", other) || symlink("/no/such/file", path))
        bail("cannot link %s: %s", other, strerror(errno));
    below(path, sizeof(path), source, "pipe");
    if (mkfifo(path, 0600))
        bail("cannot make %s: %s", path, strerror(errno));
}

static void remove_tree(const char *directory)
{
    DIR *list = opendir(directory);
    struct dirent *entry;
    char path[1024];

    while (list && (entry = readdir(list))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        below(path, sizeof(path), directory, entry->d_name);
        if (unlink(path) < 0)
            remove_tree(path);
    }
    if (list)
        closedir(list);
    rmdir(directory);
}

static char *contents(const char *path, size_t size)
{
    char *memory = malloc(size + 1);
    size_t used = 0;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && used <= size && (got = read(fd, memory + used, size + 1 - used)) > 0)
        used += (size_t)got;
    if (fd >= 0)
        close(fd);
    if (got == 0 && used == size)
        return memory;
    free(memory);
    return NULL;
}

static bool same_data(const char *ours, const char *theirs, size_t size)
{
    char *a = contents(ours, size), *b = contents(theirs, size);
    bool same = a && b && !memcmp(a, b, size);

    free(a);
    free(b);
    return same;
}

static bool same_link(const char *ours, const char *theirs)
{
    char a[256], b[256];
    ssize_t first = readlink(ours, a, sizeof(a)), second = readlink(theirs, b, sizeof(b));

    return first > 0 && first == second && !memcmp(a, b, (size_t)first);
}

static bool same_attributes(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_nlink == b->st_nlink &&
           a->st_uid == b->st_uid && a->st_gid == b->st_gid && a->st_size == b->st_size &&
           a->st_blocks == b->st_blocks && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Files of `theirs` that differ from `ours` or are missing; counts what was seen. */
static int differing(const char *ours, const char *theirs, int *seen)
{
    DIR *list = opendir(ours);
    struct dirent *entry;
    int wrong = 0;

    if (!list)
        return 1;
    while ((entry = readdir(list))) {
        char a[1024], b[1024];
        struct stat first, second;
        bool same;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        below(a, sizeof(a), ours, entry->d_name);
        below(b, sizeof(b), theirs, entry->d_name);
        same = !lstat(a, &first) && !lstat(b, &second) && same_attributes(&first, &second);
        if (same && S_ISREG(first.st_mode))
            same = same_data(a, b, (size_t)first.st_size);
        if (same && S_ISLNK(first.st_mode))
            same = same_link(a, b);
        if (!same)
            diag("%s differs", b);
        wrong += !same;
        ++*seen;
        if (same && S_ISDIR(first.st_mode))
            wrong += differing(a, b, seen);
    }
    closedir(list);
    return wrong;
}

static int entries(const char *directory)
{
    DIR *list = opendir(directory);
    int count = 0;

    while (list && readdir(list))
        count++;
    if (list)
        closedir(list);
    return count;
}

/*
 * The server
 */

static bool start_service(struct service *s, bool dev)
{
    char *arguments[] = {"fuse", dev ? "--dev" : source, dev ? source : place, dev ? place : NULL,
                         NULL};
    char line[300];
    size_t used = 0;
    int ends[2];

    if (pipe(ends) < 0)
        return false;
    fflush(stdout);
    s->pid = fork();
    if (!s->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        exit(example_main(dev ? 4 : 3, arguments));
    }
    close(ends[1]);
    while (used < sizeof(line) - 1 && read(ends[0], line + used, 1) == 1 && line[used] != '\n')
        used++;
    close(ends[0]);
    line[used] = '\0';
    s->over_ring = strstr(line, ": over io_uring");
    if (used)
        return true;
    waitpid(s->pid, NULL, 0);
    return false;
}

static bool is_mounted(void)
{
    char line[1024];
    FILE *file = fopen("/proc/self/mounts", "r");
    bool found = false;

    while (file && fgets(line, sizeof(line), file))
        found |= strstr(line, place) != NULL;
    if (file)
        fclose(file);
    return found;
}

/* Every processor's own process compares the whole tree. */
static int by_all_processors(void)
{
    int wrong = 0, started = 0;
    pid_t children[8];

    fflush(stdout);
    for (unsigned i = 0; i < processors() && i < 8; i++) {
        pid_t pid = fork();

        if (!pid) {
            cpu_set_t own;
            int seen = 0;

            CPU_ZERO(&own);
            CPU_SET(i, &own);
            sched_setaffinity(0, sizeof(own), &own);
            _exit(differing(source, place, &seen) ? 1 : 0);
        }
        children[started++] = pid;
    }
    for (int i = 0; i < started; i++) {
        int status = 1;

        waitpid(children[i], &status, 0);
        wrong += status != 0;
    }
    return wrong;
}

static void by_mapping(const char *name)
{
    char path[600];
    char *memory, *wanted;
    int fd;

    below(path, sizeof(path), source, "large");
    wanted = contents(path, LARGE + 777);
    below(path, sizeof(path), place, "large");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    memory = mmap(NULL, LARGE, PROT_READ, MAP_PRIVATE, fd, 0);
    ok(wanted && memory != MAP_FAILED && !memcmp(memory, wanted, LARGE), "%s: a file is mapped",
       name);
    if (memory != MAP_FAILED)
        munmap(memory, LARGE);
    free(wanted);
    close(fd);
}

/* One way: the whole tree, what must be refused, and an end by a signal. */
static void way(bool dev)
{
    const char *name = dev ? "over /dev/fuse" : "over io_uring";
    char path[600];
    struct statvfs space, own;
    struct service s;
    int seen = 0;

    if (!start_service(&s, dev)) {
        ok(false, "%s: it is mounted", name);
        return;
    }
    if (!dev && !s.over_ring) {
        kill(s.pid, SIGTERM);
        is_int(program_ended(s.pid), 0, "SIGTERM ends what was mounted");
        skip(10, "this kernel does not offer FUSE_OVER_IO_URING");
        return;
    }
    ok(dev != s.over_ring, "%s: so it says", name);
    is_int(differing(source, place, &seen), 0, "%s: the tree is its source's", name);
    ok(seen > MANY, "%s: %d files of it", name, seen);
    below(path, sizeof(path), place, "many");
    is_int(entries(path), MANY + 2, "%s: a directory has no name twice", name);
    is_int(by_all_processors(), 0, "%s: on every processor", name);
    by_mapping(name);
    below(path, sizeof(path), place, "small");
    ok(open(path, O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS, "%s: nothing is written", name);
    below(path, sizeof(path), place, "nothing");
    ok(open(path, O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT, "%s: what is not there is not",
       name);
    ok(!statvfs(place, &space) && !statvfs(source, &own) && space.f_blocks == own.f_blocks,
       "%s: the space is told", name);
    kill(s.pid, SIGTERM);
    is_int(program_ended(s.pid), 0, "%s: SIGTERM ends it", name);
    ok(!is_mounted(), "%s: and nothing is mounted", name);
}

/* Ends while somebody has a file open. */
static void ends(bool dev)
{
    const char *name = dev ? "over /dev/fuse" : "over io_uring";
    static char memory[4096];
    char path[600];
    struct service s;
    int fd;

    below(path, sizeof(path), place, "large");
    if (!start_service(&s, dev))
        return; /* said before */
    if (dev == s.over_ring) {
        kill(s.pid, SIGTERM);
        program_ended(s.pid);
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    is_int(read(fd, memory, sizeof(memory)), sizeof(memory), "%s: a file is read", name);
    kill(s.pid, SIGKILL);
    is_int(program_ended(s.pid), 128 + SIGKILL, "%s: the server is killed", name);
    ok(pread(fd, memory, sizeof(memory), 2 << 20) < 0, "%s: reads fail and do not hang", name);
    close(fd);
    is_int(umount2(place, MNT_DETACH), 0, "%s: it is unmounted", name);
    if (!start_service(&s, dev)) {
        ok(false, "%s: it is mounted again", name);
        return;
    }
    is_int(umount2(place, 0), 0, "%s: somebody else unmounts it", name);
    is_int(program_ended(s.pid), 0, "%s: and it ends", name);
    if (!start_service(&s, dev)) {
        ok(false, "%s: it is mounted once more", name);
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    kill(s.pid, SIGINT);
    is_int(program_ended(s.pid), 0, "%s: SIGINT ends it under an open file", name);
    ok(pread(fd, memory, sizeof(memory), 2 << 20) < 0, "%s: whose reads fail", name);
    close(fd);
}

static void nothing_there(void)
{
    pid_t pid;
    int status = 0;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        freopen("/dev/null", "w", stderr);
        exit(example_main(3, (char *[]){"fuse", "/no/such/directory", place, NULL}));
    }
    waitpid(pid, &status, 0);
    is_int(WEXITSTATUS(status), 1, "a source that is not there is refused");
    ok(!is_mounted(), "before anything is mounted");
}

/*
 * Commands by themselves, each kind on a mount of its own: newer kernels have
 * done with rings for good after a registration that is refused.
 */

static int open_ring(struct rota_ring *ring, bool large)
{
    struct rota_config config;

    rota_config_single_owner(&config);
    if (large)
        config.required_flags |= IORING_SETUP_SQE128;
    return rota_init(ring, 8, &config);
}

static bool set_parameter(char value)
{
    int fd = open("/sys/module/fuse/parameters/enable_uring", O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, &value, 1) == 1;

    if (fd >= 0)
        close(fd);
    return done;
}

/* A mount that has greeted, or not yet. */
static void fresh(struct server *s, bool greeted, bool dev)
{
    int ret;

    memset(s, 0, sizeof(*s));
    s->place = place;
    ret = mount_it(s, source);
    if (ret >= 0 && greeted)
        ret = greet(s, dev);
    if (ret < 0)
        bail("cannot mount: %s", reason(ret));
}

static void gone(struct server *s)
{
    umount2(s->place, MNT_FORCE | MNT_DETACH);
    close(s->dev);
    close(s->tree.root.fd);
}

static void too_early(struct rota_ring *ring, const struct iovec *vectors)
{
    struct fuse_uring_cmd_req cmd = {.qid = 0};
    struct server s;

    fresh(&s, false, false);
    refuses(fuse, EAGAIN, rota_call_fuse_register(ring, s.dev, &cmd, vectors, 2));
    gone(&s);
    if (getenv("ROTA_KNOWN_KERNEL") && set_parameter('N')) { /* a guest is nobody else's */
        fresh(&s, true, true);
        refuses(fuse, EOPNOTSUPP, rota_call_fuse_register(ring, s.dev, &cmd, vectors, 2));
        set_parameter('Y');
        gone(&s);
    } else {
        skip(1, "the parameter of this machine's module stays as it is");
    }
}

/* A request of 64 bytes, and what is said of it. */
static void too_small(void)
{
    union {
        struct io_uring_sqe sqe;
        char room[128];
    } large;
    struct fuse_uring_cmd_req cmd = {.qid = 0};
    struct rota_ring ring;
    struct server s;
    char text[512];
    int ret;

    if (open_ring(&ring, false) < 0)
        bail("no ring");
    fresh(&s, true, false);
    ret = rota_call_uring_cmd(&ring, FUSE_IO_URING_CMD_REGISTER, s.dev);
    is_int(ret, -EINVAL, "a small request has no room for a command");
    memset(&large, 0, sizeof(large));
    rota_prep_fuse_register(&large.sqe, s.dev, &cmd, NULL, 2);
    rota_explain(&ring, NULL, &large.sqe, ret, text, sizeof(text));
    ok(strstr(text, "needs an SQE of 128 bytes"), "as the explanation says: %s", text);
    gone(&s);
    rota_queue_exit(&ring);
}

/* Registrations that are refused, and an entry that waits until the end. */
static void registrations(struct rota_ring *ring, struct iovec *vectors)
{
    struct fuse_uring_cmd_req cmd = {.qid = 0};
    struct server s;
    ROTA_OP(waiting);
    int ret;

    for (unsigned nr = 1; nr <= 3; nr += 2) {
        fresh(&s, true, false);
        refuses(FUSE_IO_URING_CMD_REGISTER, EINVAL,
                rota_call_fuse_register(ring, s.dev, &cmd, vectors, nr));
        gone(&s);
    }
    vectors[1].iov_len = 4096;
    fresh(&s, true, false);
    refuses(FUSE_IO_URING_CMD_REGISTER, EINVAL,
            rota_call_fuse_register(ring, s.dev, &cmd, vectors, 2));
    vectors[1].iov_len = MAX_BYTES;
    gone(&s);
    fresh(&s, true, false);
    rota_start_fuse_register(ring, &waiting, s.dev, &cmd, vectors, 2);
    rota_submit(ring);
    cmd.commit_id = 12345;
    refuses(FUSE_IO_URING_CMD_COMMIT_AND_FETCH, ENOENT,
            rota_call_fuse_commit_and_fetch(ring, s.dev, &cmd));
    cmd.commit_id = 0;
    ok(rota_op_active(&waiting), "an entry waits for a request");
    gone(&s);
    refuses(fuse, ENOTCONN, rota_await(ring, &waiting));
    fresh(&s, true, false);
    umount2(place, MNT_FORCE | MNT_DETACH);
    ret = rota_call_fuse_register(ring, s.dev, &cmd, vectors, 2);
    ok(ret == -ENOTCONN || ret == -ECONNABORTED, "what is unmounted has no queues: %s",
       reason(ret));
    gone(&s);
}

/* What fuse_uring_cmd_req has since 7.3, which older headers lack. */
struct pool_of_fuse {
    uint64_t flags, commit_id;
    uint16_t qid;
    uint8_t padding[6];
    uint64_t uaddr;
    uint32_t len, reserved;
};

static void pools(struct rota_ring *ring, const struct iovec *vectors)
{
    union {
        struct pool_of_fuse pool;
        struct fuse_uring_cmd_req plain;
    } cmd = {.pool = {.qid = 0}};
    struct iovec header[2] = {vectors[0], {NULL, 0}};
    struct server s;
    ROTA_OP(waiting);
    int ret;

    fresh(&s, true, false);
    ret = rota_call_fuse_add_queue(ring, s.dev, &cmd.plain);
    if (ret == -EINVAL) {
        skip(7, "this kernel has no FUSE_IO_URING_CMD_ADD_QUEUE (7.3)");
        gone(&s);
        return;
    }
    does(FUSE_IO_URING_CMD_ADD_QUEUE, ret == 0);
    ret = rota_call_fuse_add_queue(ring, s.dev, &cmd.plain);
    refuses(FUSE_IO_URING_CMD_ADD_QUEUE, EEXIST, ret);
    cmd.plain.qid = UINT16_MAX;
    refuses(FUSE_IO_URING_CMD_ADD_QUEUE, EINVAL, rota_call_fuse_add_queue(ring, s.dev, &cmd.plain));
    cmd.plain.qid = 0;
    cmd.pool.uaddr = (uintptr_t)vectors[1].iov_base;
    cmd.pool.len = 4096;
    refuses(FUSE_IO_URING_CMD_ADD_BUFPOOL, EINVAL,
            rota_call_fuse_add_bufpool(ring, s.dev, &cmd.plain));
    cmd.pool.len = MAX_BYTES;
    does(FUSE_IO_URING_CMD_ADD_BUFPOOL, rota_call_fuse_add_bufpool(ring, s.dev, &cmd.plain) == 0);
    cmd.pool.uaddr = 0;
    cmd.pool.len = 0;
    rota_start_fuse_register(ring, &waiting, s.dev, &cmd.plain, header, 2);
    rota_submit(ring);
    ok(rota_op_active(&waiting), "an entry with a header alone takes its data from the pool");
    gone(&s);
    refuses(fuse, ENOTCONN, rota_await(ring, &waiting));
}

static void by_themselves(void)
{
    static struct fuse_uring_req_header header;
    struct iovec vectors[3] = {{&header, sizeof(header)}, {NULL, MAX_BYTES}, {NULL, 0}};
    struct rota_ring ring;

    vectors[1].iov_base = malloc(MAX_BYTES);
    if (!vectors[1].iov_base || open_ring(&ring, true) < 0)
        bail("no memory or no ring");
    too_early(&ring, vectors);
    too_small();
    registrations(&ring, vectors);
    pools(&ring, vectors);
    rota_queue_exit(&ring);
    free(vectors[1].iov_base);
}

int main(void)
{
    struct server s = {.dev = -1, .place = place};
    int ret, offered;

    make_tree();
    ret = mount_it(&s, source);
    if (ret < 0) {
        remove_tree(source);
        rmdir(place);
        skip_all("a file system of one's own cannot be mounted: %s", reason(ret));
    }
    offered = greet(&s, false);
    umount2(place, MNT_FORCE | MNT_DETACH);
    close(s.dev);
    close(s.tree.root.fd);
    way(true);
    way(false);
    ends(true);
    ends(false);
    nothing_there();

    if (offered > 0)
        by_themselves();
    else
        skip(10, "this kernel does not offer FUSE_OVER_IO_URING");
    remove_tree(source);
    rmdir(place);
    return done();
}
