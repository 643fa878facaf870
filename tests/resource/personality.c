/* SPDX-License-Identifier: MIT */
/* Requests that run under an identity which their thread has given up since. */
#include "resource.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#define NOBODY 65534

static struct completion open_as(struct rota_ring *ring, const char *path, int personality)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);
    struct completion got;

    rota_prep_openat(sqe, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    sqe->personality = (uint16_t)personality;
    got = run_one(ring);
    if (got.res >= 0) {
        close(got.res);
        got.res = 0;
    }
    return got;
}

int main(void)
{
    struct footprint before = footprint();
    struct rota_ring ring;
    char path[32], file[48];
    int directory, id, id2, fd;

    if (geteuid())
        skip_all("needs root, whose identity it gives up");
    make_ring(&ring, 8, 0);
    directory = temporary_directory(path);
    snprintf(file, sizeof(file), "%s/secret", path);
    chmod(path, 0755);
    fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        bail("open: %s", strerror(errno));
    close(fd);

    id = rota_register_personality(&ring);
    ok(id > 0, "root has an id: %d", id);
    /* The thread alone changes, as far as files are concerned. */
    if (syscall(SYS_setresuid, -1, NOBODY, -1))
        bail("setresuid: %s", strerror(errno));
    id2 = rota_register_personality(&ring);
    ok(id2 > 0 && id2 != id, "nobody has another: %d", id2);
    is_int(open_as(&ring, file, 0).res, -EACCES, "nobody may not open the file");
    is_int(open_as(&ring, file, id).res, 0, "root may");
    is_int(open_as(&ring, file, id2).res, -EACCES, "nobody by its id may not");
    if (syscall(SYS_setresuid, -1, 0, -1))
        bail("setresuid: %s", strerror(errno));
    is_int(open_as(&ring, file, 0).res, 0, "root again may");
    is_int(open_as(&ring, file, id2).res, -EACCES, "nobody by its id still may not");
    is_int(rota_unregister_personality(&ring, id2), 0, "the id is forgotten");
    is_int(open_as(&ring, file, id2).res, -EINVAL, "and cannot be used any more");
    is_int(rota_unregister_personality(&ring, id2), -EINVAL, "nor forgotten again");
    is_int(open_as(&ring, file, id).res, 0, "the other one can");

    unlink(file);
    rmdir(path);
    close(directory);
    rota_queue_exit(&ring);
    is_clean(before, "personalities");
    return done();
}
