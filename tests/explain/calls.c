/* SPDX-License-Identifier: MIT */
/*
 * Register calls that are broken in one known way each: the running kernel
 * refuses them, and the explanation, which gets the call's arguments, names what
 * was broken as certain, and nothing else. The errors that the table leaves to
 * these breakages (`broken`) are provoked, each.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "trials.h"

#include <fcntl.h>
#include <rota/explain.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"

#define PAGE     4096u
#define FAR_AWAY 987
#define LARGE    (((size_t)1 << 30) + PAGE)

static struct rota_ring ring;
static const struct rota_ring *on = &ring; /* NULL: without one */
static struct rota_caps caps;
static unsigned char *room; /* three pages: to be written, to be read, and none */
static bool provoked[256], excused[256];
static bool is_large; /* there was room for a large buffer */

/* The rows that the breakage is to provoke, and whose cause the explanation begins with. */
static void look_for_rows(unsigned opcode, const char *breakage, int ret, const char *first)
{
    const struct rota_register_info *info = rota_register_opcode_info(opcode);

    for (unsigned i = 0; i < live_broken_call_count; i++) {
        const struct live_broken *row = &live_broken_calls[i];
        const struct rota_error_info *error;
        const char *cause;

        if (row->opcode != opcode || strcmp(row->breakage, breakage) != 0)
            continue;
        error = &rota_info_errors(info->errors)[row->error - 1];
        cause = rota_info_text(error->cause);
        excused[i] |= !first;
        provoked[i] |= first && error->error == ret && !strncmp(first, cause, strlen(cause) - 1);
    }
}

/* Makes the call; the first cause is certain, when `sure`, and has that text. */
static void gives(const char *breakage, unsigned opcode, const void *arg, unsigned nr_args,
                  int error, bool sure, const char *wanted)
{
    const struct rota_register_call call = {opcode, nr_args, (uintptr_t)arg};
    const char *name = rota_info_text(rota_register_opcode_info(opcode)->name);
    struct rota_cause causes[ROTA_MAX_CAUSES];
    bool false_ones = false;
    int ret, count;

    if (rota_caps_register(&caps, opcode, NULL) != ROTA_YES) {
        look_for_rows(opcode, breakage, 0, NULL);
        skip(1, "this kernel has no %s", name);
        return;
    }
    ret = rota_register(on ? (unsigned)on->ring_fd : (unsigned)-1, opcode, arg, nr_args);
    if (ret != error) {
        look_for_rows(opcode, breakage, 0, NULL);
        if (ret == -EPERM || ret == -EOPNOTSUPP || caps.kernel_from < ROTA_KERNEL(6, 18) ||
            caps.kernel_from >= ROTA_KERNEL(6, 19))
            skip(1, "this kernel answers %d to %s, %s", ret, name, breakage);
        else
            ok(0, "%s, %s: %d instead of %d", name, breakage, ret, error);
        return;
    }
    count = rota_register_call_causes(on, &caps, &call, ret, causes, ROTA_MAX_CAUSES);
    for (int i = 0; i < count; i++)
        false_ones |= (i && (sure || causes[i].certainty == ROTA_CERTAIN)) ||
                      (ret != -EFAULT && strstr(causes[i].text, "no memory of this process")) ||
                      (ret != -ENOMEM && strstr(causes[i].text, "may lock"));
    if (!ok(count > 0 && strstr(causes[0].text, wanted) && !false_ones &&
                (causes[0].certainty == ROTA_CERTAIN) == sure,
            "%s, %s: %s", name, breakage, wanted)) {
        char text[4096];

        rota_explain_register_call(on, &caps, &call, ret, text, sizeof(text));
        diag("%s", text);
    }
    if (count > 0)
        look_for_rows(opcode, breakage, ret, causes[0].text);
}

static void counts(void)
{
    static const struct iovec holes[257]; /* more than are looked at */
    static const struct iovec far_away[258] = {[257] = {NULL, 8}};
    struct io_uring_rsrc_register one = {.nr = 1};
    uint32_t limits[2] = {0, 0};
    int fd = eventfd(0, EFD_CLOEXEC);

    gives("count", IORING_REGISTER_EVENTFD, &fd, 2, -EINVAL, true,
          "the count (nr_args) is 2 and must be 1");
    gives("count", IORING_REGISTER_BUFFERS, holes, 20000, -EINVAL, true,
          "the count (nr_args) is 20000 and is from 1 to 16384");
    gives("far_away", IORING_REGISTER_BUFFERS, far_away, 258, -EFAULT, false,
          "A buffer has a length without an address, or the reverse");
    gives("count", IORING_REGISTER_IOWQ_MAX_WORKERS, limits, 3, -EINVAL, true,
          "the count (nr_args) is 3 and must be 2");
    gives("count", IORING_REGISTER_FILES2, &one, 8, -EINVAL, true,
          "the count (nr_args) is 8 and must be 32");
    gives("count", IORING_UNREGISTER_FILES, NULL, 1, -EINVAL, true,
          "the count (nr_args) is 1 and must be 0");
    close(fd);
}

static void files(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
    int closed[3] = {null, -1, FAR_AWAY}, rings[2] = {null, ring.ring_fd}, far_away = FAR_AWAY;
    uint64_t tags[2] = {1, 1};
    struct io_uring_rsrc_register reg = {.nr = 3, .data = (uintptr_t)closed};
    struct io_uring_rsrc_update2 update = {.nr = 1, .data = (uintptr_t)rings};
    struct io_uring_rsrc_update plain = {.data = (uintptr_t)&closed[2]};

    gives("closed", IORING_REGISTER_FILES, closed, 3, -EBADF, true,
          "A descriptor is neither open nor -1 (element 2 is 987)");
    gives("ring_among_files", IORING_REGISTER_FILES, rings, 2, -EBADF, true,
          "A descriptor is that of a ring (element 1 is ");
    gives("no_memory", IORING_REGISTER_FILES, room + 2 * PAGE, 2, -EFAULT, true, "the array=0x");
    gives("closed", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EBADF, true,
          "A descriptor is neither open nor -1 (element 2 is 987)");
    reg.nr = 2;
    reg.data = (uintptr_t)rings;
    gives("ring_among_files", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EBADF, true,
          "A descriptor is that of a ring (element 1 is ");
    reg.flags = 2;
    gives("unknown_flag", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EINVAL, true,
          "flags must be within IORING_RSRC_REGISTER_SPARSE (is 0x2)");
    reg.flags = 0;
    closed[0] = -1;
    reg.data = (uintptr_t)closed;
    reg.tags = (uintptr_t)tags;
    gives("hole_with_tag", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EINVAL, true,
          "An empty slot has a tag (element 0 is -1)");
    reg.flags = IORING_RSRC_REGISTER_SPARSE;
    reg.tags = 0;
    gives("array_of_none", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EINVAL, true,
          "IORING_RSRC_REGISTER_SPARSE is set, and there is an array");
    reg.flags = 0;
    reg.tags = (uintptr_t)(room + 2 * PAGE);
    closed[0] = null;
    gives("no_memory", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EFAULT, true,
          "the array of tags=0x");
    gives("no_memory", IORING_REGISTER_FILES2, room + 2 * PAGE, sizeof(reg), -EFAULT, true,
          "the argument=0x");

    closed[0] = null;
    if (rota_register_files(&ring, closed, 1))
        bail("no file can be registered");
    rings[0] = ring.ring_fd;
    gives("ring_among_files", IORING_REGISTER_FILES_UPDATE2, &update, sizeof(update), -EBADF, true,
          "A descriptor is that of a ring (element 0 is ");
    gives("closed", IORING_REGISTER_FILES_UPDATE, &plain, 1, -EBADF, true,
          "A descriptor is not open (element 0 is 987)");
    plain.data = (uintptr_t)rings;
    gives("ring_among_files", IORING_REGISTER_FILES_UPDATE, &plain, 1, -EBADF, true,
          "A descriptor is that of a ring (element 0 is ");
    gives("beyond", IORING_REGISTER_FILES_UPDATE, &plain, 7, -EINVAL, true,
          "The slots reach past the end of the table");
    plain.data = 0;
    gives("no_memory", IORING_REGISTER_FILES_UPDATE, &plain, 1, -EFAULT, true, "the array=0");
    update.offset = 1;
    gives("beyond", IORING_REGISTER_FILES_UPDATE2, &update, sizeof(update), -EINVAL, true,
          "The slots reach past the end of the table");
    /* A file may have a tag, and a hole none. */
    update.data = (uintptr_t)&closed[0];
    update.tags = (uintptr_t)tags;
    gives("beyond", IORING_REGISTER_FILES_UPDATE2, &update, sizeof(update), -EINVAL, true,
          "The slots reach past the end of the table");
    update.data = (uintptr_t)&closed[1];
    tags[0] = 0;
    gives("beyond", IORING_REGISTER_FILES_UPDATE2, &update, sizeof(update), -EINVAL, true,
          "The slots reach past the end of the table");
    tags[0] = 1;
    update.offset = 0;
    gives("hole_with_tag", IORING_REGISTER_FILES_UPDATE2, &update, sizeof(update), -EINVAL, true,
          "A slot that is emptied or left has a tag (element 0 is -1)");
    gives("beyond", IORING_REGISTER_FILE_ALLOC_RANGE,
          &(struct io_uring_file_index_range){.off = 1, .len = 1}, 0, -EINVAL, true,
          "The range reaches past the end of the file table");
    rota_unregister_files(&ring);

    gives("closed", IORING_REGISTER_EVENTFD, &far_away, 1, -EBADF, true,
          "The descriptor is not open (element 0 is 987)");
    gives("kind", IORING_REGISTER_EVENTFD, &null, 1, -EINVAL, true,
          "The descriptor is not an eventfd (element 0 is ");
    gives("kind", IORING_REGISTER_EVENTFD, room + 2 * PAGE, 1, -EFAULT, true, "the array=0x");
    close(event);
    close(null);
}

static void update_buffers(void)
{
    struct iovec vectors[2] = {{room, PAGE}, {room + PAGE, PAGE}};
    uint64_t tags[2] = {1, 1};
    struct io_uring_rsrc_update2 update = {.nr = 1, .data = (uintptr_t)(vectors + 1)};

    if (rota_caps_register(&caps, IORING_REGISTER_BUFFERS_UPDATE, NULL) != ROTA_YES ||
        rota_register_buffers(&ring, vectors, 1)) {
        skip(1, "no buffer can be registered");
        return;
    }
    gives("buffer_not_writable", IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update), -EFAULT,
          true, "A buffer is not all memory that may be written (element 0 is 4096 bytes at 0x");
    vectors[1].iov_base = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    vectors[1].iov_len = LARGE;
    if (vectors[1].iov_base != MAP_FAILED && caps.kernel_from < ROTA_KERNEL(7, 2))
        gives("large_buffer", IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update), -EFAULT,
              true, "A buffer is larger than 1 GiB (element 0 is 1073745920 bytes at 0x");
    else
        look_for_rows(IORING_REGISTER_BUFFERS_UPDATE, "large_buffer", 0, NULL);
#if UINTPTR_MAX > UINT32_MAX
    vectors[1].iov_len = ((size_t)1 << 40) + PAGE;
    if (caps.kernel_from >= ROTA_KERNEL(7, 2))
        gives("huge_buffer", IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update), -EINVAL, true,
              "A buffer is larger than 1 TiB (element 0 is 1099511631872 bytes at 0x");
    else
#endif
        look_for_rows(IORING_REGISTER_BUFFERS_UPDATE, "huge_buffer", 0, NULL);
    if (vectors[1].iov_base != MAP_FAILED)
        munmap(vectors[1].iov_base, LARGE);
    vectors[1] = (struct iovec){0};
    update.tags = (uintptr_t)tags;
    gives("hole_with_tag", IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update), -EINVAL, true,
          "A hole has a tag (element 0 is 0 bytes at 0)");
    /* A buffer may have a tag. */
    vectors[1] = (struct iovec){room, PAGE};
    update.offset = 1;
    gives("beyond", IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update), -EINVAL, true,
          "The entries reach past the end of the table");
    rota_unregister_buffers(&ring);
}

static void buffers(void)
{
    struct iovec vectors[2] = {{room, PAGE}, {room + PAGE, PAGE}};
    uint64_t tags[2] = {1, 1};
    struct io_uring_rsrc_register reg = {.nr = 2, .data = (uintptr_t)vectors};

    gives("buffer_not_writable", IORING_REGISTER_BUFFERS, vectors, 2, -EFAULT, true,
          "A buffer is not all memory that may be written (element 1 is 4096 bytes at 0x");
    gives("buffer_not_writable", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EFAULT, true,
          "A buffer is not all memory that may be written (element 1 is 4096 bytes at 0x");
    vectors[1] = (struct iovec){NULL, 8};
    gives("not_whole", IORING_REGISTER_BUFFERS, vectors, 2, -EFAULT, true,
          "A buffer has a length without an address, or the reverse (element 1 is 8 bytes at 0");
    vectors[1].iov_base = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    vectors[1].iov_len = LARGE;
    if (vectors[1].iov_base != MAP_FAILED && caps.kernel_from < ROTA_KERNEL(7, 2)) {
        gives("large_buffer", IORING_REGISTER_BUFFERS, vectors + 1, 1, -EFAULT, true,
              "A buffer is larger than 1 GiB (element 0 is 1073745920 bytes at 0x");
        reg.data = (uintptr_t)(vectors + 1);
        reg.nr = 1;
        gives("large_buffer", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EFAULT, true,
              "A buffer is larger than 1 GiB");
        munmap(vectors[1].iov_base, LARGE);
        is_large = true;
    }
    reg.nr = 0;
    gives("none_at_all", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EINVAL, true,
          "The number of buffers is 0 (nr=0)");
    reg.nr = 1;
    reg.flags = 4;
    gives("unknown_flag", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EINVAL, true,
          "flags must be within IORING_RSRC_REGISTER_SPARSE (is 0x4)");
    reg.flags = 0;
    vectors[0] = (struct iovec){NULL, 0};
    reg.data = (uintptr_t)vectors;
    reg.tags = (uintptr_t)tags;
    gives("hole_with_tag", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EINVAL, true,
          "A hole has a tag (element 0 is 0 bytes at 0)");
    reg.flags = IORING_RSRC_REGISTER_SPARSE;
    reg.tags = 0;
    gives("array_of_none", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EINVAL, true,
          "IORING_RSRC_REGISTER_SPARSE is set, and there is an array");
    update_buffers();
}

static void buffer_rings(void)
{
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)room, .ring_entries = 5, .bgid = 1};

    gives("no_power", IORING_REGISTER_PBUF_RING, &reg, 1, -EINVAL, true,
          "The number of entries is no power of two (ring_entries=5)");
    reg.ring_entries = 65536;
    gives("many_entries", IORING_REGISTER_PBUF_RING, &reg, 1, -EINVAL, true,
          "There are more than 32768 entries (ring_entries=65536)");
    reg.ring_entries = 8;
    reg.ring_addr = (uintptr_t)room + 16;
    gives("ring_within_page", IORING_REGISTER_PBUF_RING, &reg, 1, -EINVAL, true,
          "The ring does not start on a page (flags=0, ring_addr=");
    reg.ring_addr = (uintptr_t)room;
    reg.flags = 64;
    gives("unknown_flag", IORING_REGISTER_PBUF_RING, &reg, 1, -EINVAL, true,
          "flags must be within IOU_PBUF_RING_MMAP|IOU_PBUF_RING_INC (is 0x40)");
    reg.flags = 0;
    reg.min_left = 1;
    gives("left_of_none", IORING_REGISTER_PBUF_RING, &reg, 1, -EINVAL, true,
          "There is a `min_left` without IOU_PBUF_RING_INC (min_left=1");
    reg.min_left = 0;
    reg.ring_addr = 0;
    gives("no_address", IORING_REGISTER_PBUF_RING, &reg, 1, -EFAULT, true,
          "The address of the ring is 0, and IOU_PBUF_RING_MMAP is not set");
    reg.ring_addr = 0 - (uint64_t)PAGE;
    gives("end_of_addresses", IORING_REGISTER_PBUF_RING, &reg, 1, -EOVERFLOW, true,
          "The ring would reach past the end of all addresses");
    reg.ring_addr = (uintptr_t)room + PAGE;
    gives("read_only", IORING_REGISTER_PBUF_RING, &reg, 1, -EFAULT, true,
          "The ring is not all memory that may be written");
    reg.ring_addr = (uintptr_t)room;
    if (rota_caps_register(&caps, IORING_REGISTER_PBUF_RING, NULL) == ROTA_YES &&
        rota_register_buf_ring(&ring, &reg, 0))
        bail("no ring of buffers can be made");
    gives("taken", IORING_REGISTER_PBUF_RING, &reg, 1, -EEXIST,
          rota_caps_register(&caps, IORING_REGISTER_PBUF_STATUS, NULL) == ROTA_YES,
          "The group exists and is not empty");
    rota_unregister_buf_ring(&ring, 1);
}

/* What a call that takes an argument, or none, is given instead. */
static void arguments(void)
{
    static const unsigned none[] = {
        IORING_UNREGISTER_BUFFERS,   IORING_UNREGISTER_FILES,       IORING_UNREGISTER_EVENTFD,
        IORING_REGISTER_PERSONALITY, IORING_UNREGISTER_PERSONALITY, IORING_REGISTER_ENABLE_RINGS,
        IORING_UNREGISTER_IOWQ_AFF,
    };
    static const struct {
        unsigned opcode, nr;
        int error;
    } some[] = {
        {IORING_REGISTER_BUFFERS, 1, -EFAULT},
        {IORING_REGISTER_FILES, 1, -EFAULT},
        {IORING_REGISTER_PROBE, 1, -EINVAL},
        {IORING_REGISTER_FILES2, 32, -EFAULT},
        {IORING_REGISTER_IOWQ_AFF, 8, -EINVAL},
        {IORING_REGISTER_IOWQ_MAX_WORKERS, 2, -EINVAL},
        {IORING_REGISTER_RING_FDS, 1, -EFAULT},
        {IORING_REGISTER_PBUF_RING, 1, -EINVAL},
        {IORING_UNREGISTER_PBUF_RING, 1, -EINVAL},
        {IORING_REGISTER_SYNC_CANCEL, 1, -EINVAL},
        {IORING_REGISTER_FILE_ALLOC_RANGE, 0, -EINVAL},
        {IORING_REGISTER_PBUF_STATUS, 1, -EINVAL},
        {IORING_REGISTER_NAPI, 1, -EINVAL},
        {IORING_REGISTER_CLOCK, 0, -EINVAL},
        {IORING_REGISTER_CLONE_BUFFERS, 1, -EINVAL},
        {IORING_REGISTER_MEM_REGION, 1, -EINVAL},
    };

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        gives("argument", none[i], room, 0, -EINVAL, true,
              "the call takes no argument (arg), and it is 0x");
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        gives("no_argument", some[i].opcode, NULL, some[i].nr, some[i].error, true,
              "the argument (arg) is NULL instead of ");
    /* What the kernel writes back must be writable. */
    gives("read_only", IORING_REGISTER_PROBE, room + PAGE, 2, -EFAULT, true, "the argument=0x");
    gives("read_only", IORING_REGISTER_NAPI, room + PAGE, 1, -EFAULT, true, "the argument=0x");
    gives("read_only", IORING_REGISTER_IOWQ_MAX_WORKERS, room + PAGE, 2, -EFAULT, true,
          "the array=0x");
    /* Such structures end where memory does. */
    gives("at_the_end", IORING_UNREGISTER_PBUF_RING,
          room + 2 * PAGE - sizeof(struct io_uring_buf_reg), 1, -ENOENT, true,
          "There is no such group");
}

/* Makes one condition fail, in a copy, and tells whether that can be. */
static bool break_one(const struct rota_condition *condition, unsigned char *memory)
{
    unsigned char *member = memory + condition->offset;
    uint64_t value = 1;

    switch (condition->kind) {
    case ROTA_COND_IS:
        value = condition->value + 1;
        break;
    case ROTA_COND_WITHIN:
        value = ~condition->value & 0x4000; /* no flag anywhere */
        break;
    case ROTA_COND_IS_NOT:
    case ROTA_COND_BELOW:
        value = condition->value;
        break;
    default:
        return false;
    }
    if (condition->size > sizeof(value) || (condition->size & (condition->size - 1))) {
        member[condition->size - 1] = 1; /* the last byte of an array */
        return true;
    }
    for (unsigned i = 0; i < condition->size; i++)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        member[i] = (unsigned char)(value >> (8 * i));
#else
        member[condition->size - 1 - i] = (unsigned char)(value >> (8 * i));
#endif
    return true;
}

static void musts_of(struct rota_condition_rows rows, unsigned opcode, void *memory, size_t size,
                     const void *arg, unsigned nr)
{
    const struct rota_condition *conditions = rota_info_conditions(rows);
    unsigned char before[128];
    char wanted[64];

    memcpy(before, memory, size);
    for (unsigned i = 0; i < rows.count; i++) {
        const char *text = rota_info_text(conditions[i].text);

        if (!break_one(&conditions[i], memory))
            bail("a condition is of an unknown kind");
        snprintf(wanted, sizeof(wanted), "%.*s must ", (int)strcspn(text, " "), text);
        gives("must", opcode, arg, nr, -EINVAL, true, wanted);
        memcpy(memory, before, size);
    }
}

/* Every member that must be something is something else, in a call that is right otherwise. */
static void musts(void)
{
    static uint64_t probe[6]; /* a struct io_uring_probe with some entries */
    struct io_uring_rsrc_update slots = {.offset = -1U, .data = (uint32_t)ring.ring_fd}, gone = {0};
    struct io_uring_rsrc_register files = {.nr = 1};
    struct io_uring_rsrc_update2 more = {.nr = 1};
    struct io_uring_rsrc_update update = {0};
    struct io_uring_buf_reg group = {.ring_addr = (uintptr_t)room, .ring_entries = 8, .bgid = 1},
                            none = {.bgid = 9};
    struct io_uring_sync_cancel_reg cancel = {.timeout = {-1, -1}};
    struct io_uring_file_index_range range = {0};
    struct io_uring_buf_status status = {0};
    struct io_uring_napi napi = {0};
    struct io_uring_clock_register the_clock = {.clockid = 1};
    struct io_uring_clone_buffers clone = {.src_fd = (__u32)ring.ring_fd};
    struct io_uring_region_desc desc = {
        .user_addr = (uintptr_t)room, .size = PAGE, .flags = IORING_MEM_REGION_TYPE_USER};
    struct io_uring_mem_region_reg region = {.region_uptr = (uintptr_t)&desc};
    struct io_uring_params params = {.sq_entries = 8};
    struct io_uring_zcrx_area_reg area = {.addr = (uintptr_t)room, .len = PAGE};
    struct io_uring_zcrx_ifq_reg ifq = {.if_idx = 0x7ffffff0,
                                        .rq_entries = 32,
                                        .area_ptr = (uintptr_t)&area,
                                        .region_ptr = (uintptr_t)&desc};
    struct io_uring_bpf filter = {.cmd_type = IO_URING_BPF_CMD_FILTER, .filter = {.filter_len = 1}};
    const struct {
        unsigned opcode, nr;
        void *arg;
        size_t size;
        void *items;
        size_t item;
    } calls[] = {
        {IORING_REGISTER_FILES_UPDATE, 1, &update, sizeof(update), NULL, 0},
        {IORING_REGISTER_PROBE, 1, probe, sizeof(probe), NULL, 0},
        {IORING_REGISTER_FILES2, sizeof(files), &files, sizeof(files), NULL, 0},
        {IORING_REGISTER_FILES_UPDATE2, sizeof(more), &more, sizeof(more), NULL, 0},
        {IORING_REGISTER_BUFFERS2, sizeof(files), &files, sizeof(files), NULL, 0},
        {IORING_REGISTER_BUFFERS_UPDATE, sizeof(more), &more, sizeof(more), NULL, 0},
        {IORING_REGISTER_RING_FDS, 1, &slots, sizeof(slots), &slots, sizeof(slots)},
        {IORING_UNREGISTER_RING_FDS, 1, &gone, sizeof(gone), &gone, sizeof(gone)},
        {IORING_REGISTER_PBUF_RING, 1, &group, sizeof(group), NULL, 0},
        {IORING_UNREGISTER_PBUF_RING, 1, &none, sizeof(none), NULL, 0},
        {IORING_REGISTER_SYNC_CANCEL, 1, &cancel, sizeof(cancel), NULL, 0},
        {IORING_REGISTER_FILE_ALLOC_RANGE, 0, &range, sizeof(range), NULL, 0},
        {IORING_REGISTER_PBUF_STATUS, 1, &status, sizeof(status), NULL, 0},
        {IORING_REGISTER_NAPI, 1, &napi, sizeof(napi), NULL, 0},
        {IORING_REGISTER_CLOCK, 0, &the_clock, sizeof(the_clock), NULL, 0},
        {IORING_REGISTER_CLONE_BUFFERS, 1, &clone, sizeof(clone), NULL, 0},
        {IORING_REGISTER_MEM_REGION, 1, &region, sizeof(region), &desc, sizeof(desc)},
        {IORING_REGISTER_RESIZE_RINGS, 1, &params, sizeof(params), NULL, 0},
        {IORING_REGISTER_ZCRX_IFQ, 1, &ifq, sizeof(ifq), &desc, sizeof(desc)},
        {IORING_REGISTER_BPF_FILTER, 1, &filter, sizeof(filter), &filter.filter,
         sizeof(filter.filter)},
    };
    bool tried[256] = {false};
    struct rota_ring deferred;
    bool is_deferred = rota_queue_init(8, &deferred,
                                       IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                           IORING_SETUP_CQE32) == 0;

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        const struct rota_register_info *info = rota_register_opcode_info(calls[i].opcode);

        tried[calls[i].opcode] = true;
        if (info->needs && !is_deferred) {
            skip(1, "no such ring can be made here");
            continue;
        }
        on = info->needs ? &deferred : &ring;
        musts_of(info->must, calls[i].opcode, calls[i].arg, calls[i].size, calls[i].arg,
                 calls[i].nr);
        if (calls[i].items)
            musts_of(info->items.must, calls[i].opcode, calls[i].items, calls[i].item, calls[i].arg,
                     calls[i].nr);
    }
    on = &ring;
    for (unsigned opcode = 0; rota_register_opcode_info(opcode); opcode++) {
        const struct rota_register_info *info = rota_register_opcode_info(opcode);

        if (info->must.count || info->items.must.count)
            ok(tried[opcode], "%s has a call whose members are broken", rota_info_text(info->name));
    }
    if (is_deferred)
        rota_queue_exit(&deferred);
}

static void restrictions(void)
{
    struct io_uring_restriction one = {.opcode = IORING_RESTRICTION_REGISTER_OP,
                                       .register_op = 200};
    struct io_uring_restriction some[2] = {
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_ENABLE_RINGS},
        {.opcode = 99}};
    struct rota_ring disabled;

    if (rota_queue_init(8, &disabled, IORING_SETUP_R_DISABLED) < 0) {
        skip(1, "no ring can be made disabled");
        return;
    }
    on = &disabled;
    gives("unknown_call", IORING_REGISTER_RESTRICTIONS, &one, 1, -EINVAL, true,
          "A restriction names a register opcode that the kernel does not have (element 0)");
    one.opcode = IORING_RESTRICTION_SQE_OP;
    gives("unknown_opcode", IORING_REGISTER_RESTRICTIONS, &one, 1, -EINVAL, true,
          "A restriction names an opcode that the kernel does not have (element 0)");
    gives("unknown_kind", IORING_REGISTER_RESTRICTIONS, some, 2, -EINVAL, true,
          "A restriction is of an unknown kind (element 1)");
    gives("no_memory", IORING_REGISTER_RESTRICTIONS, room + 2 * PAGE - 16, 2, -EFAULT, true,
          "the array=0x");
    on = &ring;
    gives("enabled", IORING_REGISTER_RESTRICTIONS, some, 1, -EBADFD, true, "The ring is enabled");
    on = &disabled;
    if (!rota_register_restrictions(&disabled, some, 1) && !rota_enable_rings(&disabled))
        gives("forbidden", IORING_REGISTER_PERSONALITY, NULL, 0, -EACCES, true,
              "the ring has restrictions that forbid the call");
    on = &ring;
    rota_queue_exit(&disabled);
}

static void workers(void)
{
    uint32_t limits[2] = {1, UINT32_MAX};

    gives("limit", IORING_REGISTER_IOWQ_MAX_WORKERS, limits, 2, -EINVAL, true,
          "A limit is above 2147483647 (element 1)");
    gives("no_memory", IORING_REGISTER_IOWQ_AFF, room + 2 * PAGE, 8, -EFAULT, true, "the array=0x");
}

static void ring_indexes(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct io_uring_rsrc_update slot = {.offset = 16, .data = (uint32_t)ring.ring_fd};

    gives("slot_of_none", IORING_REGISTER_RING_FDS, &slot, 1, -EINVAL, true,
          "A slot is above 15 and not 4294967295 (element 0");
    slot.offset = -1U;
    slot.data = FAR_AWAY;
    gives("closed", IORING_REGISTER_RING_FDS, &slot, 1, -EBADF, true,
          "A descriptor is not open (element 0 is 987)");
    slot.data = (uint32_t)null;
    gives("no_ring", IORING_REGISTER_RING_FDS, &slot, 1, -EOPNOTSUPP, true,
          "A descriptor is not that of a ring (element 0 is ");
    slot = (struct io_uring_rsrc_update){.offset = 16};
    gives("slot_of_none", IORING_UNREGISTER_RING_FDS, &slot, 1, -EINVAL, true,
          "A slot is above 15 (element 0)");
    close(null);
}

static void cancels(void)
{
    struct io_uring_sync_cancel_reg cancel = {
        .fd = FAR_AWAY, .flags = IORING_ASYNC_CANCEL_FD, .timeout = {-1, -1}};

    gives("closed", IORING_REGISTER_SYNC_CANCEL, &cancel, 1, -EBADF, true,
          "The descriptor is not open");
    cancel.flags |= IORING_ASYNC_CANCEL_FD_FIXED;
    gives("slot_of_none", IORING_REGISTER_SYNC_CANCEL, &cancel, 1, -EBADF, true,
          "The slot has no file");
    cancel.flags = 1U << 20;
    gives("unknown_flag", IORING_REGISTER_SYNC_CANCEL, &cancel, 1, -EINVAL, true,
          "A flag is unknown (flags=1048576)");
}

static void polling(void)
{
    struct io_uring_napi napi = {.op_param = 99};

    /* The kernel has written over what it was asked for. */
    gives("strategy", IORING_REGISTER_NAPI, &napi, 1, -EINVAL, false,
          "The operation or the strategy is unknown");
    napi.opcode = 9;
    gives("operation", IORING_REGISTER_NAPI, &napi, 1, -EINVAL, false,
          "The operation or the strategy is unknown");
    napi.opcode = IO_URING_NAPI_STATIC_ADD_ID;
    napi.op_param = 80000;
    gives("not_static", IORING_REGISTER_NAPI, &napi, 1, -EINVAL, false,
          "The operation or the strategy is unknown");
}

static void clones(void)
{
    struct io_uring_clone_buffers clone = {.src_fd = FAR_AWAY};
    struct iovec vector = {room, PAGE};

    gives("closed", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EBADF, true,
          "The other descriptor is not open");
    clone.flags = IORING_REGISTER_SRC_REGISTERED;
    gives("slot_of_none", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EINVAL, true,
          "The index is above 15 (flags=1, src_fd=987)");
    clone.src_fd = 15;
    gives("empty_index", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EBADF, true,
          "The thread has no ring registered at the index");
    if (rota_register_buffers(&ring, &vector, 1))
        bail("no buffer can be registered");
    clone = (struct io_uring_clone_buffers){.src_fd = (__u32)ring.ring_fd};
    gives("taken", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EBUSY, true,
          "This ring has a buffer table");
    clone.flags = IORING_REGISTER_DST_REPLACE;
    clone.src_off = 1;
    gives("offset_of_all", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EINVAL, true,
          "There is an offset, and the count is 0 (nr=0, src_off=1)");
    clone.src_off = 0;
    clone.dst_off = 1;
    gives("offset_of_all", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EINVAL, true,
          "There is an offset in this ring, and the count is 0 (nr=0, dst_off=1)");
    clone.nr = 2;
    clone.dst_off = 0;
    gives("too_many", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EINVAL, false,
          "The count is larger than the other ring's table");
    clone.nr = 1;
    clone.src_off = 1;
    gives("beyond", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EOVERFLOW, true,
          "The range reaches past the end of the other ring's table");
    clone.src_off = 0;
    clone.dst_off = 20000;
    gives("many_entries", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EINVAL, true,
          "This ring's table would have more than 16384 entries (dst_off=20000)");
    clone.dst_off = -1U;
    gives("far_entry", IORING_REGISTER_CLONE_BUFFERS, &clone, 1, -EOVERFLOW, true,
          "The first entry here plus the number of entries is above 4294967295");
    rota_unregister_buffers(&ring);
}

static void messages(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct io_uring_sqe sqe = {.opcode = IORING_OP_NOP, .fd = ring.ring_fd};

    on = NULL;
    gives("other_opcode", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EINVAL, true,
          "The request is no MSG_RING (opcode=0)");
    sqe.opcode = IORING_OP_MSG_RING;
    sqe.flags = IOSQE_ASYNC;
    gives("flag", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EINVAL, true,
          "The request has an IOSQE flag (flags=16)");
    sqe.flags = 0;
    sqe.addr = IORING_MSG_SEND_FD;
    gives("other_message", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EINVAL, true,
          "The request carries no data but a file");
    sqe.addr = 0;
    sqe.buf_index = 3;
    gives("field_not_zero", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EINVAL, true,
          "A field that MSG_RING does not read is not 0 (opcode=40, buf_index=3)");
    sqe.buf_index = 0;
    sqe.fd = FAR_AWAY;
    gives("closed", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EBADF, true,
          "The target descriptor is not open");
    sqe.fd = null;
    gives("kind", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EBADFD, true,
          "The target is not a ring");
    on = &ring;
    sqe.fd = ring.ring_fd;
    gives("on_a_ring", IORING_REGISTER_SEND_MSG_RING, &sqe, 1, -EINVAL, true,
          "the call is made without a ring, on descriptor -1");
    on = NULL;
    gives("no_ring", IORING_REGISTER_PERSONALITY, NULL, 0, -EINVAL, true, "the call needs a ring");
    on = &ring;
    close(null);
}

static void sizes(void)
{
    struct io_uring_params params = {.sq_entries = 0};
    struct io_uring_zcrx_area_reg area = {.addr = (uintptr_t)room, .len = PAGE, .rq_area_token = 1};
    struct io_uring_region_desc desc = {
        .user_addr = (uintptr_t)room, .size = PAGE, .flags = IORING_MEM_REGION_TYPE_USER};
    struct io_uring_zcrx_ifq_reg ifq = {.if_idx = 1,
                                        .rq_entries = 32,
                                        .area_ptr = (uintptr_t)&area,
                                        .region_ptr = (uintptr_t)&desc};
    struct rota_ring deferred, small;

    gives("plain", IORING_REGISTER_RESIZE_RINGS, &params, 1, -EINVAL, true,
          "REGISTER_RESIZE_RINGS needs a ring with IORING_SETUP_DEFER_TASKRUN");
    if (rota_queue_init(8, &deferred,
                        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                            IORING_SETUP_CQE32) < 0) {
        skip(1, "no such ring can be made here");
        return;
    }
    on = &deferred;
    gives("none_at_all", IORING_REGISTER_RESIZE_RINGS, &params, 1, -EINVAL, true,
          "The number of entries for submission is 0 (sq_entries=0)");
    params.sq_entries = 1U << 16;
    gives("many", IORING_REGISTER_RESIZE_RINGS, &params, 1, -EINVAL, true,
          "There are more than 32768 entries for submission");
    params = (struct io_uring_params){.sq_entries = 8, .flags = IORING_SETUP_CQSIZE};
    gives("no_completions", IORING_REGISTER_RESIZE_RINGS, &params, 1, -EINVAL, true,
          "IORING_SETUP_CQSIZE is set, and the number of entries for completions is 0");
    params.cq_entries = 1U << 20;
    gives("many_completions", IORING_REGISTER_RESIZE_RINGS, &params, 1, -EINVAL, true,
          "There are more than 65536 entries for completions");
    params.cq_entries = 4;
    gives("few_completions", IORING_REGISTER_RESIZE_RINGS, &params, 1, -EINVAL, false,
          "There are fewer entries for completions than for submission");

    gives("area_token", IORING_REGISTER_ZCRX_IFQ, &ifq, 1, -EINVAL, false,
          "The area's rq_area_token");
    area.rq_area_token = 0;
    ifq.rq_entries = 0;
    gives("none_at_all", IORING_REGISTER_ZCRX_IFQ, &ifq, 1, -EINVAL, true,
          "The number of entries is 0 (rq_entries=0");
    ifq.rq_entries = 1U << 16;
    gives("many_entries", IORING_REGISTER_ZCRX_IFQ, &ifq, 1, -EINVAL, true,
          "There are more than 32768 entries (rq_entries=65536");
    ifq.rq_entries = 32;
    ifq.if_rxq = -1U;
    gives("no_queue", IORING_REGISTER_ZCRX_IFQ, &ifq, 1, -EINVAL, true,
          "The receive queue is 4294967295");
    ifq.if_rxq = 0;
    ifq.region_ptr = (uintptr_t)room + 2 * PAGE;
    gives("no_memory", IORING_REGISTER_ZCRX_IFQ, &ifq, 1, -EFAULT, true, "the array=0x");
    ifq.region_ptr = (uintptr_t)&desc;
    on = &ring;
    if (rota_queue_init(8, &small, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) == 0) {
        on = &small;
        gives("small_completions", IORING_REGISTER_ZCRX_IFQ, &ifq, 1, -EINVAL, true,
              "The ring has neither IORING_SETUP_CQE32 nor IORING_SETUP_CQE_MIXED");
        on = &ring;
        rota_queue_exit(&small);
    }
    gives("field_not_zero", IORING_REGISTER_ZCRX_CTRL, &(struct zcrx_ctrl){.__resv = {0, 1}}, 0,
          -EFAULT, true, "A reserved field is not 0");
    rota_queue_exit(&deferred);
}

static void regions(void)
{
    struct io_uring_region_desc desc = {
        .user_addr = (uintptr_t)room + PAGE, .size = PAGE, .flags = IORING_MEM_REGION_TYPE_USER};
    struct io_uring_mem_region_reg region = {.region_uptr = (uintptr_t)&desc};
    struct rota_ring disabled;

    gives("read_only", IORING_REGISTER_MEM_REGION, &region, 1, -EFAULT, false,
          "The memory is not all memory that may be written (element 0)");
    desc.user_addr = (uintptr_t)room + 8;
    gives("within_page", IORING_REGISTER_MEM_REGION, &region, 1, -EINVAL, false,
          "The address or the size is no multiple of the page size (element 0)");
    desc.user_addr = 0;
    gives("no_address", IORING_REGISTER_MEM_REGION, &region, 1, -EFAULT, true,
          "IORING_MEM_REGION_TYPE_USER is set, and there is no address");
    desc.flags = 0;
    desc.user_addr = (uintptr_t)room;
    gives("address_of_none", IORING_REGISTER_MEM_REGION, &region, 1, -EFAULT, true,
          "There is an address, and IORING_MEM_REGION_TYPE_USER is not set");
    desc = (struct io_uring_region_desc){.size = UINT64_C(1) << 60};
    gives("many_pages", IORING_REGISTER_MEM_REGION, &region, 1, -E2BIG, true,
          "The region has more than 2147483647 pages");
    desc.size = UINT64_C(1) << 40;
    gives("much_memory", IORING_REGISTER_MEM_REGION, &region, 1, -ENOMEM, false,
          "The region exceeds RLIMIT_MEMLOCK");
    desc = (struct io_uring_region_desc){
        .user_addr = 0 - (uint64_t)PAGE, .size = 2 * PAGE, .flags = IORING_MEM_REGION_TYPE_USER};
    gives("end_of_addresses", IORING_REGISTER_MEM_REGION, &region, 1, -EOVERFLOW, true,
          "The region would reach past the end of all addresses");
    desc = (struct io_uring_region_desc){.user_addr = (uintptr_t)room, .size = PAGE};
    region.region_uptr = 0;
    gives("no_memory", IORING_REGISTER_MEM_REGION, &region, 1, -EFAULT, true, "the array=0");
    region = (struct io_uring_mem_region_reg){.region_uptr = (uintptr_t)&desc,
                                              .flags = IORING_MEM_REGION_REG_WAIT_ARG};
    gives("late", IORING_REGISTER_MEM_REGION, &region, 1, -EINVAL, true,
          "IORING_MEM_REGION_REG_WAIT_ARG is set, and the ring is enabled");
    if (rota_queue_init(8, &disabled, IORING_SETUP_R_DISABLED) < 0)
        return;
    on = &disabled;
    if (rota_enable_rings(&disabled))
        bail("the ring cannot be enabled");
    gives("enabled", IORING_REGISTER_MEM_REGION, &region, 1, -EINVAL, false,
          "IORING_MEM_REGION_REG_WAIT_ARG is set, and the ring was enabled since");
    on = &ring;
    rota_queue_exit(&disabled);
}

static void others(void)
{
    struct io_uring_clock_register the_clock = {.clockid = 0};
    struct io_uring_query_hdr query = {.next_entry = (uintptr_t)room + 2 * PAGE};
    struct io_uring_bpf filter = {.cmd_type = IO_URING_BPF_CMD_FILTER,
                                  .filter = {.opcode = 9999, .filter_len = 1}};

    gives("clock", IORING_REGISTER_CLOCK, &the_clock, 0, -EINVAL, true,
          "The clock is neither CLOCK_MONOTONIC nor CLOCK_BOOTTIME (clockid=0)");
    gives("count", IORING_REGISTER_QUERY, &query, 1, -EINVAL, true, "the count (nr_args) is 1");
    gives("no_memory", IORING_REGISTER_QUERY, &query, 0, -EFAULT, false,
          "A header or its data is not mapped");
    gives("id", IORING_UNREGISTER_PERSONALITY, NULL, 7, -EINVAL, true, "The ring knows no such id");
    room[0] = 1;
    gives("dirty", IORING_REGISTER_PROBE, room, 4, -EINVAL, true, "last_op must be 0 (is 0x1)");
    room[0] = 0;
    room[40] = 1;
    gives("dirty", IORING_REGISTER_PROBE, room, 4, -EINVAL, true, "The memory is not all zero");
    room[40] = 0;
    gives("opcode", IORING_REGISTER_BPF_FILTER, &filter, 1, -EINVAL, true,
          "The opcode is unknown (element 0)");
    filter.filter.opcode = 0;
    filter.filter.filter_len = 0;
    gives("none_at_all", IORING_REGISTER_BPF_FILTER, &filter, 1, -EINVAL, true,
          "The program is empty, or longer");
    filter.filter.filter_len = 1;
    filter.filter.filter_ptr = (uintptr_t)room;
    gives("wrong_program", IORING_REGISTER_BPF_FILTER, &filter, 1, -EINVAL, false,
          "The program is not valid");
    filter.filter.flags = 64;
    gives("unknown_flag", IORING_REGISTER_BPF_FILTER, &filter, 1, -EINVAL, true,
          "A flag is unknown (element 0)");
}

int main(void)
{
    const struct rota_register_call none = {.opcode = 0};
    char text[100];
    int ret = rota_caps_get(&caps, NULL);

    if (ret < 0 || rota_queue_init(8, &ring, 0) < 0)
        skip_all("no ring can be made here");
    if (!caps.kernel_from)
        skip_all("nothing is known of this kernel");
    room = mmap(NULL, 3 * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || sysconf(_SC_PAGESIZE) != PAGE)
        skip_all("pages have another size here");
    if (mprotect(room + PAGE, PAGE, PROT_READ) || mprotect(room + 2 * PAGE, PAGE, PROT_NONE))
        bail("mprotect: %s", strerror(errno));
    counts();
    files();
    buffers();
    buffer_rings();
    arguments();
    musts();
    restrictions();
    workers();
    ring_indexes();
    cancels();
    polling();
    clones();
    messages();
    sizes();
    regions();
    others();
    for (unsigned i = 0; i < live_broken_call_count; i++) {
        const struct live_broken *row = &live_broken_calls[i];
        const struct rota_register_info *info = rota_register_opcode_info(row->opcode);
        const struct rota_error_info *error = &rota_info_errors(info->errors)[row->error - 1];

        if (caps.kernel_from < ROTA_KERNEL(6, 18) || (excused[i] && !provoked[i]) ||
            (!strcmp(row->breakage, "large_buffer") && !is_large) ||
            row->since > caps.kernel_from || (row->until && row->until <= caps.kernel_from))
            skip(1, "this kernel may answer otherwise to %s", rota_info_text(info->name));
        else
            ok(provoked[i], "%s, broken by %s: %s", rota_info_text(info->name), row->breakage,
               rota_info_text(error->cause));
    }
    is_int(rota_explain_register_call(&ring, &caps, NULL, -EINVAL, text, sizeof(text)), -EINVAL,
           "no call");
    is_int(rota_register_call_causes(&ring, &caps, NULL, -EINVAL, NULL, 0), -EINVAL, "  nor here");
    is_int(rota_register_call_causes(&ring, &caps, &none, -EINVAL, NULL, 3), -EINVAL,
           "no room for causes");
    rota_queue_exit(&ring);
    return done();
}
