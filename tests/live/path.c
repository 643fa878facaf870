/* SPDX-License-Identifier: MIT */
/* Scenarios of paths: opening, attributes, names, links and extended attributes. */
#define _GNU_SOURCE
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SLOTS          4U
#define BENEATH        0x08 /* RESOLVE_BENEATH of linux/openat2.h, absent from older headers */
#define CACHED         0x20 /* RESOLVE_CACHED */
#define ATTRIBUTE      "user.rota"
#define ATTRIBUTE_TEXT "gear"

/* What openat2 reads, laid out as struct open_how: flags, mode, resolve. The
 * fourth word of the last one is beyond the structure. */
static const uint64_t hows[7][4] = {
    {O_RDONLY, 0, 0, 0},
    {O_RDONLY, 0, BENEATH, 0},
    {O_RDONLY | O_CLOEXEC, 0, 0, 0},
    {O_RDONLY, 0, 0, 1},
    {O_RDWR | O_CREAT, 0600, CACHED, 0},
    {O_RDONLY, 0600, 0, 0},
    {O_RDONLY | O_DIRECTORY, 0, 0, 0},
};

static struct statx attributes;
static char lost[160];

/* A ring, a scratch directory with a file in it, and the names of both. */
static int path_start(struct live *l)
{
    int ret;

    l->fd = l->fd2 = l->dfd = -1;
    l->empty = "";
    l->proc_path = "/proc/version";
    l->how = (const struct open_how *)hows[0];
    l->beneath = (const struct open_how *)hows[1];
    l->cloexec = (const struct open_how *)hows[2];
    l->long_how = (const struct open_how *)hows[3];
    l->cached = (const struct open_how *)hows[4];
    l->how_mode = (const struct open_how *)hows[5];
    l->how_directory = (const struct open_how *)hows[6];
    memset(&attributes, 0, sizeof(attributes));
    l->statxbuf = &attributes;
    l->xname = ATTRIBUTE;
    l->xname2 = "user.absent";
    l->xname3 = "nowhere.rota";
    l->xvalue = ATTRIBUTE_TEXT;
    ret = live_ring_open(l);
    if (!ret)
        ret = live_file_open(l);
    if (ret < 0)
        return ret;
    l->name = strrchr(l->path, '/') + 1;
    l->name2 = strrchr(l->path2, '/') + 1;
    (void)snprintf(lost, sizeof(lost), "%s/below", l->path2);
    l->lost = lost;
    l->dfd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return l->dfd < 0 ? -errno : 0;
}

static void path_finish(struct live *l)
{
    live_relax(l);
    live_ring_close(l);
    if (l->dfd >= 0)
        close(l->dfd);
    if (l->fd2 >= 0)
        close(l->fd2);
    l->dfd = l->fd2 = -1;
    live_file_close(l);
}

/* A table of which slot 0 is in use, so that slot 1 is the first free one. */
static int table_open(struct live *l, int in_slot_1)
{
    int table[SLOTS] = {-1, -1, -1, -1};

    l->slot = 1;
    l->slot_fd = 1;
    table[0] = l->dfd;
    table[1] = in_slot_1;
    return rota_register((unsigned)l->ring.ring_fd, IORING_REGISTER_FILES, table, SLOTS);
}

/* Whether a path names the file of live_file_open. */
static int is_file(struct live *l, const char *path)
{
    struct stat ours, theirs;

    return !fstat(l->fd, &ours) && !lstat(path, &theirs) && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

static int is_absent(const char *path)
{
    struct stat st;

    return lstat(path, &st) && errno == ENOENT;
}

/* ---------------------------------------------------------------- opening */

static void path_open_check(struct live *l, int res)
{
    struct stat ours, theirs;

    if (fstat(l->fd, &ours) || fstat(res, &theirs) || ours.st_ino != theirs.st_ino ||
        ours.st_dev != theirs.st_dev)
        live_fail(l, "the descriptor is of another file");
    close(res);
}

const struct live_scenario live_path_open = {
    .name = "path_open",
    .open = path_start,
    .check = path_open_check,
    .close = path_finish,
};

static int path_exhausted_open(struct live *l)
{
    int ret = path_start(l);

    return ret < 0 ? ret : live_exhaust(l);
}

const struct live_scenario live_path_exhausted = {
    .name = "path_exhausted",
    .open = path_exhausted_open,
    .close = path_finish,
};

static int path_loop_open(struct live *l)
{
    int ret = path_start(l);

    return ret < 0 ? ret : symlink(l->path2, l->path2) ? -errno : 0;
}

const struct live_scenario live_path_loop = {
    .name = "path_loop",
    .open = path_loop_open,
    .close = path_finish,
};

static int path_open_slot_open(struct live *l)
{
    int ret = path_start(l);

    return ret < 0 ? ret : table_open(l, -1);
}

static void path_open_slot_check(struct live *l, int res)
{
    (void)res;
    if (live_slot_reads(&l->ring, l->slot))
        live_fail(l, "the slot does not hold the file");
}

const struct live_scenario live_path_open_slot = {
    .name = "path_open_slot",
    .open = path_open_slot_open,
    .check = path_open_slot_check,
    .close = path_finish,
};

/* Whether a worker thread of a ring sleeps in the open of a named pipe. */
static bool worker_waits(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    bool found = false;

    while (tasks && !found && (entry = readdir(tasks))) {
        char path[320], text[64] = "";
        FILE *file;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/wchan", entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        found = fgets(text, sizeof(text), file) &&
                (strstr(text, "wait_for_partner") || strstr(text, "fifo_open"));
        fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return found;
}

/* Patient until worker_waits() says so, or five seconds have passed. */
static bool worker_waits_comes(bool waits)
{
    for (int i = 0; i < 500; i++) {
        struct timespec pause = {.tv_nsec = 10000000};

        if (worker_waits() == waits)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static int open_in_flight_open(struct live *l)
{
    struct io_uring_sqe *sqe;
    int ret = path_start(l);

    if (ret < 0)
        return ret;
    if (mkfifo(l->path2, 0600))
        return -errno;
    /* The worker of an earlier ring that has not gone yet must not be taken for ours. */
    if (!worker_waits_comes(false))
        l->skip = "a worker of an earlier open does not end";
    l->target = 0x7a61;
    sqe = rota_get_sqe(&l->ring);
    rota_prep_openat(sqe, l->dfd, l->name2, O_RDONLY, 0);
    sqe->flags |= IOSQE_ASYNC;
    rota_sqe_set_data64(sqe, l->target);
    ret = rota_submit(&l->ring);
    if (ret < 0)
        return ret;
    if (!worker_waits_comes(true))
        l->skip = "the kernel does not tell (/proc/self/task/*/wchan) where its workers wait";
    return 0;
}

const struct live_scenario live_open_in_flight = {
    .name = "open_in_flight",
    .open = open_in_flight_open,
    .close = path_finish,
};

/* ------------------------------------------------------------- attributes */

static void path_statx_check(struct live *l, int res)
{
    struct stat st;

    (void)res;
    if (fstat(l->fd, &st) || attributes.stx_ino != st.st_ino ||
        attributes.stx_size != (uint64_t)st.st_size || attributes.stx_mode != st.st_mode)
        live_fail(l, "the attributes are of another file");
}

const struct live_scenario live_path_statx = {
    .name = "path_statx",
    .open = path_start,
    .check = path_statx_check,
    .close = path_finish,
};

static int xattr_open(struct live *l, int present)
{
    int ret = path_start(l);

    if (!ret)
        ret = table_open(l, l->fd);
    if (ret < 0)
        return ret;
    if (fsetxattr(l->fd, l->xname, l->xvalue, strlen(l->xvalue), 0)) {
        if (errno == ENOTSUP)
            l->skip = "the file system has no user attributes";
        return -errno;
    }
    if (!present && fremovexattr(l->fd, l->xname))
        return -errno;
    return 0;
}

static int xattr_set_open(struct live *l)
{
    return xattr_open(l, 0);
}

static void xattr_set_check(struct live *l, int res)
{
    char value[16];

    (void)res;
    if (getxattr(l->path, l->xname, value, sizeof(value)) != (ssize_t)strlen(l->xvalue) ||
        memcmp(value, l->xvalue, strlen(l->xvalue)))
        live_fail(l, "the file does not have the attribute");
}

const struct live_scenario live_xattr_set = {
    .name = "xattr_set",
    .open = xattr_set_open,
    .check = xattr_set_check,
    .close = path_finish,
};

static int xattr_get_open(struct live *l)
{
    return xattr_open(l, 1);
}

static void xattr_get_check(struct live *l, int res)
{
    (void)res;
    if (memcmp(l->xbuf, l->xvalue, strlen(l->xvalue)))
        live_fail(l, "another value arrived");
}

const struct live_scenario live_xattr_get = {
    .name = "xattr_get",
    .open = xattr_get_open,
    .check = xattr_get_check,
    .close = path_finish,
};

/* Only the size is asked for. */
const struct live_scenario live_xattr_size = {
    .name = "xattr_size",
    .open = xattr_get_open,
    .close = path_finish,
};

/* ------------------------------------------------------------------ names */

static int path_rename_open(struct live *l)
{
    char inner[96];
    int ret = path_start(l);

    if (ret < 0)
        return ret;
    (void)snprintf(l->dir2, sizeof(l->dir2), "%s/empty", l->dir);
    (void)snprintf(l->dir3, sizeof(l->dir3), "%s/full", l->dir);
    (void)snprintf(inner, sizeof(inner), "%s/inner", l->dir3);
    if (mkdir(l->dir2, 0700) || mkdir(l->dir3, 0700) || mkdir(inner, 0700))
        return -errno;
    return 0;
}

static void path_rename_check(struct live *l, int res)
{
    (void)res;
    if (!is_absent(l->path))
        live_fail(l, "the old name still exists");
    if (!is_file(l, l->path2))
        live_fail(l, "the new name is not of the file");
}

static void path_rename_close(struct live *l)
{
    char inner[96];

    (void)snprintf(inner, sizeof(inner), "%s/inner", l->dir3);
    (void)rmdir(inner);
    (void)rmdir(l->dir3);
    (void)rmdir(l->dir2);
    path_finish(l);
}

const struct live_scenario live_path_rename = {
    .name = "path_rename",
    .open = path_rename_open,
    .check = path_rename_check,
    .close = path_rename_close,
};

static int path_exchange_open(struct live *l)
{
    int ret = path_start(l);

    if (ret < 0)
        return ret;
    l->fd2 = open(l->path2, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return l->fd2 < 0 ? -errno : 0;
}

static void path_exchange_check(struct live *l, int res)
{
    struct stat second, st;

    (void)res;
    if (!is_file(l, l->path2) || fstat(l->fd2, &second) || lstat(l->path, &st) ||
        st.st_ino != second.st_ino)
        live_fail(l, "the names have not been swapped");
}

const struct live_scenario live_path_exchange = {
    .name = "path_exchange",
    .open = path_exchange_open,
    .check = path_exchange_check,
    .close = path_finish,
};

static void path_unlink_check(struct live *l, int res)
{
    (void)res;
    if (!is_absent(l->path))
        live_fail(l, "the name still exists");
}

const struct live_scenario live_path_unlink = {
    .name = "path_unlink",
    .open = path_start,
    .check = path_unlink_check,
    .close = path_finish,
};

static int path_rmdir_open(struct live *l)
{
    int ret = path_start(l);

    if (ret < 0)
        return ret;
    return mkdir(l->path2, 0700) ? -errno : 0;
}

static void path_rmdir_check(struct live *l, int res)
{
    (void)res;
    if (!is_absent(l->path2))
        live_fail(l, "the directory still exists");
}

static void path_dir_close(struct live *l)
{
    (void)rmdir(l->path2);
    path_finish(l);
}

const struct live_scenario live_path_rmdir = {
    .name = "path_rmdir",
    .open = path_rmdir_open,
    .check = path_rmdir_check,
    .close = path_dir_close,
};

static void path_mkdir_check(struct live *l, int res)
{
    struct stat st;

    (void)res;
    if (lstat(l->path2, &st) || !S_ISDIR(st.st_mode) || (st.st_mode & 0777) != 0700)
        live_fail(l, "the directory does not exist or has other permissions");
}

const struct live_scenario live_path_mkdir = {
    .name = "path_mkdir",
    .open = path_start,
    .check = path_mkdir_check,
    .close = path_dir_close,
};

static void path_symlink_check(struct live *l, int res)
{
    char text[sizeof(l->path) + 1] = "";

    (void)res;
    if (readlink(l->path2, text, sizeof(text) - 1) < 0 || strcmp(text, l->path))
        live_fail(l, "the link does not name the file");
}

const struct live_scenario live_path_symlink = {
    .name = "path_symlink",
    .open = path_start,
    .check = path_symlink_check,
    .close = path_finish,
};

static void path_link_check(struct live *l, int res)
{
    struct stat st;

    (void)res;
    if (!is_file(l, l->path) || !is_file(l, l->path2) || fstat(l->fd, &st) || st.st_nlink != 2)
        live_fail(l, "the file does not have both names");
}

const struct live_scenario live_path_link = {
    .name = "path_link",
    .open = path_start,
    .check = path_link_check,
    .close = path_finish,
};
