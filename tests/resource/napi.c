/* SPDX-License-Identifier: MIT */
/* Busy polling of receive queues: settings, their return, and that waits still work. */
#include "resource.h"

int main(void)
{
    struct footprint before = footprint();
    struct io_uring_napi napi, old;
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    int pair[2], ret;

    make_ring(&ring, 8, 0);
    memset(&napi, 0, sizeof(napi));
    napi.busy_poll_to = 100;
    napi.prefer_busy_poll = 1;
    ret = rota_register_napi(&ring, &napi);
    if (ret == -EINVAL || ret == -EOPNOTSUPP)
        skip_all("no busy polling here (6.9, CONFIG_NET_RX_BUSY_POLL)");
    is_int(ret, 0, "100 microseconds, preferred");
    is_int(napi.busy_poll_to, 0, "there was none before");
    is_int(napi.prefer_busy_poll, 0, "nor a preference");
    memset(&napi, 0, sizeof(napi));
    napi.busy_poll_to = 50;
    is_int(rota_register_napi(&ring, &napi), 0, "50 microseconds");
    is_int(napi.busy_poll_to, 100, "there were 100 before");
    is_int(napi.prefer_busy_poll, 1, "preferred");

    make_pair(pair, SOCK_STREAM);
    sqe = must_get_sqe(&ring);
    rota_prep_poll_add(sqe, pair[0], POLLIN);
    submits(&ring, 1);
    must_send(pair[1], "x", 1);
    is_int(next_cqe(&ring).res, POLLIN, "a wait that polls finds its completion");

    memset(&old, 0, sizeof(old));
    is_int(rota_unregister_napi(&ring, &old), 0, "no polling any more");
    is_int(old.busy_poll_to, 50, "there were 50 before");
    is_int(old.prefer_busy_poll, 0, "not preferred");
    memset(&napi, 0, sizeof(napi));
    is_int(rota_register_napi(&ring, &napi), 0, "none again");
    is_int(napi.busy_poll_to, 0, "there was none before");
    is_int(rota_unregister_napi(&ring, NULL), 0, "the old settings need not be taken");
    memset(&napi, 0, sizeof(napi));
    napi.pad[0] = 1;
    is_int(rota_register_napi(&ring, &napi), -EINVAL, "what must be zero is not");
    rota_queue_exit(&ring);
    close(pair[0]);
    close(pair[1]);
    is_clean(before, "busy polling");
    return done();
}
