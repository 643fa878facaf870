/* SPDX-License-Identifier: MIT */
/* Zero-copy receive: set-up, data that arrive in the area, the refill ring, what is refused. */
#include "resource.h"

#include <net/if.h>
#include <netinet/in.h>

#define KIND (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32)

/* The refill ring on memory of our own: no device is needed for its arithmetic. */
static void test_refill(void)
{
    struct io_uring_zcrx_rqe rqes[4];
    unsigned char area[8192];
    uint32_t head = 0xfffffffe, tail = 0xfffffffe;
    struct rota_zcrx zcrx;
    uint64_t words[4] = {0, 0, 0, 0};
    struct io_uring_cqe *cqe = (struct io_uring_cqe *)(void *)words;
    struct io_uring_zcrx_cqe *data = (struct io_uring_zcrx_cqe *)(void *)&words[2];

    memset(&zcrx, 0, sizeof(zcrx));
    zcrx.rq.khead = &head;
    zcrx.rq.ktail = &tail;
    zcrx.rq.rq_tail = tail;
    zcrx.rq.ring_entries = 4;
    zcrx.rq.rqes = rqes;
    zcrx.area = area;
    zcrx.area_size = sizeof(area);
    zcrx.area_token = (uint64_t)3 << IORING_ZCRX_AREA_SHIFT;
    is_int(rota_zcrx_space(&zcrx), 4, "four pieces can be given back");
    for (unsigned i = 0; i < 4; i++) {
        cqe->res = (int)(100 + i);
        data->off = zcrx.area_token | (1000 + i);
        ok(rota_zcrx_data(&zcrx, cqe) == area + 1000 + i, "the data of piece %u", i);
        is_int(rota_zcrx_give(&zcrx, cqe), 0, "which goes back");
        is_int(tail, 0xfffffffeU + i + 1, "and is shown to the kernel");
        is_hex(rqes[(2 + i) % 4].off, data->off, "with its place");
        is_int(rqes[(2 + i) % 4].len, 100 + i, "and its size");
    }
    is_int(rota_zcrx_give(&zcrx, cqe), -ENOBUFS, "a fifth has to wait");
    is_int(rota_zcrx_space(&zcrx), 0, "there is no space");
    head += 2;
    is_int(rota_zcrx_space(&zcrx), 2, "until the kernel has taken two");
    is_int(rota_zcrx_give(&zcrx, cqe), 0, "then it goes");
    cqe->res = -ENOMEM;
    ok(!rota_zcrx_data(&zcrx, cqe), "a failure has no data");
    is_int(rota_zcrx_give(&zcrx, cqe), -EINVAL, "nor anything to give back");
    cqe->res = 100;
    data->off = zcrx.area_token | (8192 - 99);
    ok(!rota_zcrx_data(&zcrx, cqe), "data outside of the area are none");
    data->off = zcrx.area_token | 9000;
    ok(!rota_zcrx_data(&zcrx, cqe), "wherever they are");
}

/* Whether the kernel takes commands to an instance (6.19). */
static bool kernel_flushes(void)
{
    struct rota_caps caps;

    return !rota_caps_get(&caps, NULL) &&
           rota_caps_register(&caps, IORING_REGISTER_ZCRX_CTRL, NULL) == ROTA_YES;
}

static void test_refused(void)
{
    struct rota_zcrx_config config = {.rq_entries = 64, .area_size = 16 * 4096};
    struct rota_zcrx_config bad;
    struct footprint before = footprint();
    struct rota_zcrx zcrx;
    struct rota_ring ring;

    config.if_idx = if_nametoindex("lo");
    make_ring(&ring, 8, 0);
    is_int(rota_zcrx_init(&ring, &zcrx, &config), -EINVAL, "a ring of another kind");
    ok(!zcrx.area && !zcrx.rq.ring_ptr, "leaves nothing");
    rota_zcrx_exit(&zcrx);
    rota_queue_exit(&ring);
    make_fault_ring(&ring, 8, KIND);
    bad = config;
    bad.area_size = 0;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "no area");
    bad = config;
    bad.rq_entries = 0;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "no entries");
    bad.rq_entries = 32769;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "too many entries");
    bad = config;
    bad.flags = ZCRX_REG_IMPORT;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "an instance that exists");
    bad = config;
    bad.reserved[1] = 1;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "a reserved member");
    bad = config;
    bad.reserved0 = 1;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "another one");
    bad = config;
    bad.area_size = 16 * 4096 + 8;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "an area of no whole pages");
    bad = config;
    bad.area = (char *)&zcrx + (-(uintptr_t)&zcrx & 4095) + 8; /* not looked into */
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "an area that does not start on one");
    bad = config;
    bad.flags = 1U << 30;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -EINVAL, "a flag of the future");
    ok(!zcrx.area && !zcrx.rq.ring_ptr, "none leaves anything");
    is_int(rota_zcrx_flush(&ring, &zcrx), kernel_flushes() ? -ENXIO : -EINVAL,
           "there is no instance to flush");
    bad = config;
    bad.if_idx = 0x7ffffff0;
    is_int(rota_zcrx_init(&ring, &zcrx, &bad), -ENODEV, "no such device");
    is_int(rota_zcrx_init(&ring, &zcrx, &config), -EOPNOTSUPP, "a device that cannot");
    for (int at = 1; at <= 3; at++) {
        arm_fault(at, -ENOMEM);
        is_int(rota_zcrx_init(&ring, &zcrx, &config), -ENOMEM, "call %d fails", at);
        ok(disarm_fault() && !zcrx.area, "which leaves nothing");
    }
    rota_queue_exit(&ring);
    is_clean(before, "instances that were refused");
}

static void make_connection(int pair[2])
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1) ||
        getsockname(fd, (struct sockaddr *)&address, &length) ||
        connect(pair[1], (struct sockaddr *)&address, sizeof(address)))
        bail("no connection: %s", strerror(errno));
    pair[0] = accept(fd, NULL, NULL);
    close(fd);
}

/* An instance without device receives by copying; everything else is as with one. */
static void test_receive(void)
{
    struct rota_zcrx_config config = {
        .rq_entries = 64, .area_size = 16 * 4096, .flags = ZCRX_REG_NODEV};
    struct footprint before = footprint();
    struct rota_zcrx zcrx;
    struct rota_ring ring;
    unsigned char sent[3000];
    unsigned long total = 0, wanted = 0;
    bool same = true, more = true;
    int pair[2], ret;

    make_ring(&ring, 64, KIND);
    ret = rota_zcrx_init(&ring, &zcrx, &config);
    if (ret == -EINVAL) {
        skip(1, "the kernel needs a device (7.1)");
        rota_queue_exit(&ring);
        return;
    }
    is_int(ret, 0, "an instance without a device");
    is_int(zcrx.rq.ring_entries, 64, "with the refill ring that was asked for");
    make_connection(pair);
    rota_prep_recv_zc(must_get_sqe(&ring), pair[0], 0, zcrx.id);
    submits(&ring, 1);
    /* More than the area holds, so that it has to come back. */
    for (unsigned round = 0; round < 200 && same && more; round++) {
        for (unsigned i = 0; i < sizeof(sent); i++)
            sent[i] = (unsigned char)(wanted + i * 7 + (wanted + i) / 251);
        must_send(pair[1], sent, sizeof(sent));
        wanted += sizeof(sent);
        for (unsigned got = 0; got < sizeof(sent) && same && more;) {
            struct __kernel_timespec limit = {10, 0};
            struct io_uring_cqe *cqe;
            const unsigned char *data;

            if (rota_wait_cqe_timeout(&ring, &cqe, &limit))
                bail("nothing arrives");
            more = rota_cqe_has_more(cqe);
            data = rota_zcrx_data(&zcrx, cqe);
            same = data && !memcmp(data, sent + got, (size_t)cqe->res);
            if (!same)
                diag("round %u: res %d, flags 0x%x", round, cqe->res, cqe->flags);
            if (data) {
                got += (unsigned)cqe->res;
                total += (unsigned)cqe->res;
                same = same && rota_zcrx_give(&zcrx, cqe) == 0;
            }
            rota_cqe_seen(&ring, cqe);
        }
        /* There is no device that would take in what was given back. */
        same = same && rota_zcrx_flush(&ring, &zcrx) == 0;
    }
    ok(same && more, "all data are as they were sent");
    is_int(total, 200 * sizeof(sent), "to the last byte");
    is_int(rota_zcrx_flush(&ring, &zcrx), 0, "the refill ring is flushed");
    is_int(rota_zcrx_space(&zcrx), 64, "and is empty then");
    close(pair[1]);
    {
        struct completion last = next_cqe(&ring);

        ok(last.res == 0 && !(last.flags & IORING_CQE_F_MORE), "the end of the stream");
    }
    close(pair[0]);
    rota_queue_exit(&ring);
    rota_zcrx_exit(&zcrx);
    is_clean(before, "zero-copy receive");
}

int main(void)
{
    struct rota_zcrx_config config = {.if_idx = 0x7ffffff0, .rq_entries = 64, .area_size = 65536};
    struct rota_zcrx zcrx;
    struct rota_ring ring;
    int ret = -EINVAL;

    test_refill();
    if (try_ring(&ring, 8, KIND)) {
        ret = rota_zcrx_init(&ring, &zcrx, &config);
        rota_queue_exit(&ring);
    }
    if (ret != -ENODEV) {
        skip(1, "no zero-copy receive here: %s (6.15, CONFIG_IO_URING_ZCRX, CAP_NET_ADMIN)",
             strerror(-ret));
        return done();
    }
    test_refused();
    test_receive();
    return done();
}
