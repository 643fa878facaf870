/* SPDX-License-Identifier: MIT */
/*
 * Each system call fails once. What makes, registers, maps, resizes, starts or
 * waits is run again and again on the real kernel, and each time the next of
 * its calls is refused: the reason comes back as it is, nothing stays mapped or
 * open, and the next attempt succeeds as if there had been none before.
 */
#include "support.h"

#include <rota/buf_ring.h>
#include <rota/file_table.h>
#include <rota/region.h>

#include <stdlib.h>
#include <string.h>

static struct rota_kernel kernel;
static int error;        /* with which the call fails */
static unsigned calls;   /* of this run */
static unsigned refused; /* which of them fails; 0: none */
static struct rota_ring ring;
static int reason; /* the first that a run was told */
static bool whole; /* nothing was half done */

/* What is mapped and open. */
static struct mapping {
    void *address;
    size_t size;
} mappings[32];
static unsigned open_fds;

static bool fails(void)
{
    return ++calls == refused;
}

static int try_setup(uint32_t entries, struct io_uring_params *params)
{
    int fd = fails() ? error : rota_kernel_real.setup(entries, params);

    if (fd >= 0 && !(params->flags & IORING_SETUP_REGISTERED_FD_ONLY))
        open_fds++;
    return fd;
}

static int try_enter(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                     size_t size)
{
    return fails() ? error : rota_kernel_real.enter(fd, submit, wait_nr, flags, arg, size);
}

static int try_register(int fd, uint32_t opcode, const void *arg, uint32_t nr)
{
    /* What gives back does not run out of anything. */
    switch (opcode) {
    case IORING_UNREGISTER_BUFFERS:
    case IORING_UNREGISTER_FILES:
    case IORING_UNREGISTER_RING_FDS:
    case IORING_UNREGISTER_PBUF_RING:
        return rota_kernel_real.reg(fd, opcode, arg, nr);
    default:
        return fails() ? error : rota_kernel_real.reg(fd, opcode, arg, nr);
    }
}

static int try_map(size_t size, int fd, uint64_t offset, void **address)
{
    int ret = fails() ? error : rota_kernel_real.map(size, fd, offset, address);
    unsigned i = 0;

    if (ret < 0)
        return ret;
    while (mappings[i].size)
        i++;
    mappings[i].address = *address;
    mappings[i].size = size;
    return ret;
}

static int count_unmap(void *address, size_t size)
{
    unsigned i = 0;

    while (i < 32 && (mappings[i].address != address || mappings[i].size != size))
        i++;
    if (i == 32)
        bail("%zu bytes are unmapped that were not mapped", size);
    mappings[i].size = 0;
    return rota_kernel_real.unmap(address, size);
}

static int count_close(int fd)
{
    open_fds--;
    return rota_kernel_real.close(fd);
}

/* Whether an attempt has succeeded; the first reason why not is remembered. */
static bool went(int ret)
{
    if (ret < 0 && !reason)
        reason = ret;
    return ret >= 0;
}

static bool make(uint32_t flags)
{
    struct rota_config config;

    rota_config_plain(&config);
    config.required_flags = flags;
    config.kernel = &kernel;
    return went(rota_init(&ring, 8, &config)) || went(rota_init(&ring, 8, &config));
}

/*
 * The runs. Each makes what it is about, twice where the first attempt has
 * failed, and leaves nothing.
 */

static void run_rings(void)
{
    struct io_uring_params params;
    struct rota_config config;

    rota_config_single_owner(&config);
    config.kernel = &kernel;
    if (!went(rota_init(&ring, 8, &config)))
        whole &= went(rota_init(&ring, 8, &config));
    rota_queue_exit(&ring);

    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_CQSIZE;
    params.cq_entries = 8;
    if (!went(rota_queue_init_on(2, &ring, &params, &kernel)))
        whole &= went(rota_queue_init_on(2, &ring, &params, &kernel));
    rota_queue_exit(&ring);
}

static void run_own_memory(void)
{
    const size_t size = 4 * ROTA_MEMORY_ALIGN;
    struct io_uring_params params;
    void *memory = aligned_alloc(ROTA_MEMORY_ALIGN, size);

    if (!memory)
        bail("no memory");
    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_NO_MMAP;
    if (!went(rota_queue_init_on(2, &ring, &params, &kernel)))
        whole &= went(rota_queue_init_on(2, &ring, &params, &kernel));
    rota_queue_exit(&ring);
    memset(&params, 0, sizeof(params));
    if (!went(rota_queue_init_mem_on(2, &ring, &params, memory, size, &kernel)))
        whole &= went(rota_queue_init_mem_on(2, &ring, &params, memory, size, &kernel));
    rota_queue_exit(&ring);
    free(memory);
}

static void run_index(void)
{
    if (!make(0))
        return;
    if (!went(rota_register_ring_fd(&ring)))
        whole &= went(rota_register_ring_fd(&ring));
    whole &= rota_call_nop(&ring) == 0 || reason;
    whole &= rota_unregister_ring_fd(&ring) == 1;
    rota_queue_exit(&ring);
}

static void run_resize(void)
{
    struct io_uring_params p, before;

    if (!make(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
        return;
    memset(&p, 0, sizeof(p));
    p.sq_entries = 16;
    before = p;
    if (!went(rota_resize_rings(&ring, &p))) {
        whole &= memcmp(&p, &before, sizeof(p)) == 0;
        if (reason == -ENOTRECOVERABLE)
            reason = error; /* a mapping, for which there is no way back */
        else
            whole &= ring.sq.ring_entries == 8 && went(rota_resize_rings(&ring, &p));
    }
    whole &= ring.sq.ring_entries == 16 || reason;
    rota_queue_exit(&ring);
}

static void make_buffers(uint16_t flags, uint32_t options)
{
    struct rota_buffers_config config = {
        .count = 5, .size = 4096, .group = 3, .flags = flags, .options = options};
    struct rota_buffers buffers;
    struct io_uring_buf_ring *br;
    int err;

    if (!make(0))
        return;
    if (!went(rota_buffers_init(&ring, &buffers, &config))) {
        whole &= !buffers.count && !buffers.memory && !buffers.br;
        whole &= went(rota_buffers_init(&ring, &buffers, &config));
    }
    rota_buffers_exit(&ring, &buffers);
    br = rota_setup_buf_ring(&ring, 8, 4, flags, &err);
    if (!went(err)) {
        br = rota_setup_buf_ring(&ring, 8, 4, flags, &err);
        whole &= went(err);
    }
    whole &= rota_free_buf_ring(&ring, br, 8, 4) == 0;
    rota_queue_exit(&ring);
}

static void run_buffers(void)
{
    make_buffers(0, ROTA_BUFFERS_HUGE);
}

static void run_kernel_buffers(void)
{
    make_buffers(IOU_PBUF_RING_MMAP, 0);
}

static void run_files(void)
{
    struct rota_file_table table;
    uint64_t map[1];
    int slot;

    if (!make(0))
        return;
    if (!went(rota_file_table_init(&ring, &table, 8, map)))
        whole &= !table.slots && went(rota_file_table_init(&ring, &table, 8, map));
    slot = rota_file_table_install(&ring, &table, 0);
    if (!went(slot)) {
        whole &= rota_file_table_free(&table) == 8;
        slot = rota_file_table_install(&ring, &table, 0);
    }
    whole &= slot == 0 && rota_file_table_free(&table) == 7;
    if (!went(rota_file_table_update(&ring, &table, 0, 1)))
        whole &= went(rota_file_table_update(&ring, &table, 0, 1));
    if (!went(rota_file_table_remove(&ring, &table, 0)))
        whole &=
            rota_file_table_is_used(&table, 0) && went(rota_file_table_remove(&ring, &table, 0));
    whole &= table.used == 0 && rota_file_table_free(&table) == 8;
    rota_file_table_exit(&ring, &table);
    rota_queue_exit(&ring);
}

static void run_shared_files(void)
{
    struct rota_file_table table;
    uint64_t map[1];

    if (!make(0))
        return;
    if (!went(rota_file_table_init(&ring, &table, 8, map)))
        whole &= went(rota_file_table_init(&ring, &table, 8, map));
    if (!went(rota_file_table_leave_to_kernel(&ring, &table, 3)))
        whole &= table.own == 8 && went(rota_file_table_leave_to_kernel(&ring, &table, 3));
    whole &= table.own == 5;
    rota_file_table_exit(&ring, &table);
    rota_queue_exit(&ring);
}

static void run_regions(void)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        unsigned flags = kind ? ROTA_REGION_KERNEL : 0;
        struct rota_region region;
        bool registered;

        if (!make(IORING_SETUP_R_DISABLED))
            return;
        if (!went(rota_region_init(&ring, &region, 4096, flags))) {
            int ret = rota_region_init(&ring, &region, 4096, flags);

            /* The kernel's memory stays when it could not be mapped; the header says so. */
            registered = flags && ret == -EBUSY;
            whole &= registered || ret == 0;
        }
        rota_queue_exit(&ring);
        rota_region_exit(&ring, &region);
    }
}

static unsigned results;

static void count_result(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    results += !rota_op_active(op);
}

static void run_handles(void)
{
    struct rota_op ops[12], chain[2], stopped = ROTA_OP_INIT;
    unsigned wanted = 12;
    char byte;
    int pair[2], ret;

    if (!make(0))
        return;
    make_pair(pair);
    results = 0;
    for (unsigned i = 0; i < 12; i++) {
        rota_op_init(&ops[i]);
        rota_op_on_result(&ops[i], count_result);
        if (i % 4 == 0)
            rota_op_deadline(&ops[i], 3600ull * SEC);
        if (!went(rota_start_nop(&ring, &ops[i])))
            whole &= !rota_op_active(&ops[i]) && went(rota_start_nop(&ring, &ops[i]));
    }
    ret = rota_chain_begin(&ring, 3, IOSQE_IO_LINK);
    if (!went(ret))
        ret = rota_chain_begin(&ring, 3, IOSQE_IO_LINK);
    if (went(ret)) {
        for (unsigned i = 0; i < 2; i++) {
            rota_op_init(&chain[i]);
            rota_op_on_result(&chain[i], count_result);
        }
        rota_op_deadline(&chain[0], 3600ull * SEC);
        whole &= rota_start_nop(&ring, &chain[0]) == 0 && rota_start_nop(&ring, &chain[1]) == 0;
        whole &= rota_chain_end(&ring) == 0;
        wanted += 2;
    }
    if (!went(rota_call_nop(&ring)))
        whole &= went(rota_call_nop(&ring));
    if (!went(rota_start_recv(&ring, &stopped, pair[0], &byte, 1, 0)))
        whole &= went(rota_start_recv(&ring, &stopped, pair[0], &byte, 1, 0));
    if (!went(rota_poll(&ring)))
        whole &= went(rota_poll(&ring));
    for (unsigned i = 0; rota_op_active(&stopped) && i < 3; i++) {
        ret = rota_op_cancel(&ring, &stopped);
        if (ret != -ECANCELED)
            went(ret);
    }
    whole &= stopped.res == -ECANCELED;
    if (!went(rota_run(&ring)))
        whole &= went(rota_run(&ring));
    whole &= results == wanted && !rota_in_flight(&ring) && !ring.calls.cancels;
    whole &= !rota_cq_ready(&ring) && !rota_sq_ready(&ring);
    rota_queue_exit(&ring);
    close_pair(pair);
}

static void run(void (*what)(void), unsigned at)
{
    memset(mappings, 0, sizeof(mappings));
    open_fds = 0;
    calls = 0;
    reason = 0;
    whole = true;
    refused = at;
    what();
}

static void each_call(void (*what)(void), const char *name)
{
    static const int errors[] = {-EMFILE, -ENFILE, -ENOMEM, -EINTR, -EAGAIN};
    unsigned told, count;

    run(what, 0);
    if (reason) {
        skip(1, "%s: not here: %s", name, strerror(-reason));
        return;
    }
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        unsigned at = 0, bad = 0, strange = 0, left = 0;

        error = errors[i];
        told = 0;
        do {
            run(what, ++at);
            bad += !whole;
            strange += reason && reason != error;
            told += reason == error;
            left += open_fds != 0;
            for (unsigned j = 0; j < 32; j++)
                left += mappings[j].size != 0;
            if (bad || strange || left) {
                diag("%s, call %u: %s", name, at, strerror(-reason));
                break;
            }
        } while (calls >= at);
        count = at - 1;
        is_int(bad, 0, "%s, each of %u calls fails with %s: nothing is half done", name, count,
               strerror(-error));
        is_int(strange, 0, "%s: no other reason is told", name);
        is_int(left, 0, "%s: nothing stays mapped or open", name);
        ok(told > 0 || error == -EINTR, "%s: %u were told", name, told);
    }
}

int main(void)
{
    int ret;

    be_patient();
    ret = rota_init(&ring, 8, NULL);
    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    rota_queue_exit(&ring);
    kernel = rota_kernel_real;
    kernel.setup = try_setup;
    kernel.enter = try_enter;
    kernel.reg = try_register;
    kernel.map = try_map;
    kernel.unmap = count_unmap;
    kernel.close = count_close;
    each_call(run_rings, "rings");
    each_call(run_own_memory, "rings in memory of their own");
    each_call(run_index, "registered rings");
    each_call(run_resize, "resizing");
    each_call(run_buffers, "buffers");
    each_call(run_kernel_buffers, "buffers in the kernel's memory");
    each_call(run_files, "a file table");
    each_call(run_shared_files, "a file table with slots of the kernel's");
    each_call(run_regions, "regions");
    each_call(run_handles, "handles");
    return done();
}
