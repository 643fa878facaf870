/* SPDX-License-Identifier: MIT */
/* `rota doctor`: what a program gets that can stand on the emulated kernel. */
#include "tool/doctor.h"

#include <rota.h>
#include <rota/emulate.h>

/* A ring that does something; 0 or -errno. */
static int try_emulated(void)
{
    struct rota_config config;
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    int ret;

    rota_config_single_owner(&config);
    config.kernel = &rota_kernel_emulated;
    ret = rota_init(&ring, 4, &config);
    if (ret < 0)
        return ret;
    sqe = rota_get_sqe(&ring);
    if (sqe)
        rota_prep_nop(sqe);
    ret = rota_submit_and_wait(&ring, 1);
    rota_queue_exit(&ring);
    return ret < 0 ? ret : 0;
}

void check_emulated(struct checks *checks, const struct first_look *look, int ret)
{
    struct check *check = add_check(checks, "emulated kernel", VERDICT_OK);
    int emulated = try_emulated();

    if (emulated < 0) {
        const char *name = rota_error_name(emulated);

        check->verdict = VERDICT_NOTE;
        say(check, "does not work here: %s", name ? name : "an unknown error");
    } else if (look->killed) {
        say(check, "works here for programs that name it as their kernel; where io_uring kills the "
                   "process nobody gets to a fallback");
    } else if (ret < 0) {
        say(check, "works here: programs that fall back on it run, more slowly; all others get no "
                   "ring");
        advise(check, "In a program: rota_config_fall_back(&config, &rota_kernel_emulated). One of "
                      "liburing's: pkg-config rota-liburing-emulated.");
    } else {
        say(check, "works here, and is taken only by programs that name it as their kernel");
    }
}
