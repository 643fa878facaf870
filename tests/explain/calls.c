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
static struct rota_caps caps;
static unsigned char *room; /* three pages: to be written, to be read, and none */
static bool provoked[256];
static bool is_large; /* there was room for a large buffer */

/* The rows that the breakage is to provoke and whose cause the explanation begins with. */
static void look_for_rows(unsigned opcode, const char *breakage, int ret, const char *first)
{
    const struct rota_register_info *info = rota_register_opcode_info(opcode);

    for (unsigned i = 0; i < live_broken_call_count; i++) {
        const struct live_broken *row = &live_broken_calls[i];
        const struct rota_error_info *error = &rota_info_errors(info->errors)[row->error - 1];
        const char *cause = rota_info_text(error->cause);

        if (row->opcode == opcode && !strcmp(row->breakage, breakage) && error->error == ret &&
            !strncmp(first, cause, strlen(cause) - 1))
            provoked[i] = true;
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
        skip(1, "this kernel has no %s", name);
        return;
    }
    ret = rota_register((unsigned)ring.ring_fd, opcode, arg, nr_args);
    if (ret != error) {
        if (ret >= 0 || caps.kernel_from < ROTA_KERNEL(6, 18))
            skip(1, "this kernel answers %d to %s, %s", ret, name, breakage);
        else
            ok(0, "%s, %s: %d instead of %d", name, breakage, ret, error);
        return;
    }
    count = rota_register_call_causes(&ring, &caps, &call, ret, causes, ROTA_MAX_CAUSES);
    for (int i = 1; i < count; i++)
        false_ones |= causes[i].certainty == ROTA_CERTAIN;
    if (!ok(count > 0 && strstr(causes[0].text, wanted) && !false_ones &&
                (causes[0].certainty == ROTA_CERTAIN) == sure,
            "%s, %s: %s", name, breakage, wanted)) {
        char text[4096];

        rota_explain_register_call(&ring, &caps, &call, ret, text, sizeof(text));
        diag("%s", text);
    }
    if (count > 0)
        look_for_rows(opcode, breakage, ret, causes[0].text);
}

static void counts(void)
{
    static const struct iovec holes[257]; /* more than are looked at */
    struct io_uring_rsrc_register one = {.nr = 1};
    uint32_t limits[2] = {0, 0};
    int fd = eventfd(0, EFD_CLOEXEC);

    gives("count", IORING_REGISTER_EVENTFD, &fd, 2, -EINVAL, true,
          "the count (nr_args) is 2 and must be 1");
    gives("count", IORING_REGISTER_BUFFERS, holes, 20000, -EINVAL, true,
          "the count (nr_args) is 20000 and is from 1 to 16384");
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
          "A flag is unknown; there is only IORING_RSRC_REGISTER_SPARSE (flags=2)");
    reg.flags = 0;
    closed[0] = -1;
    reg.data = (uintptr_t)closed;
    reg.tags = (uintptr_t)tags;
    gives("hole_with_tag", IORING_REGISTER_FILES2, &reg, sizeof(reg), -EINVAL, false,
          "An empty slot has a tag");
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
    gives("beyond", IORING_REGISTER_FILES_UPDATE, &plain, 7, -EINVAL, false,
          "The slots reach past the end of the table");
    rota_unregister_files(&ring);

    gives("closed", IORING_REGISTER_EVENTFD, &far_away, 1, -EBADF, true,
          "The descriptor is not open (element 0 is 987)");
    gives("kind", IORING_REGISTER_EVENTFD, &null, 1, -EINVAL, true,
          "The descriptor is not an eventfd (element 0 is ");
    gives("kind", IORING_REGISTER_EVENTFD, room + 2 * PAGE, 1, -EFAULT, true, "the array=0x");
    close(event);
    close(null);
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
          "A flag is unknown; there is only IORING_RSRC_REGISTER_SPARSE (flags=4)");
    reg.flags = 0;
    vectors[0] = (struct iovec){NULL, 0};
    reg.data = (uintptr_t)vectors;
    reg.tags = (uintptr_t)tags;
    gives("hole_with_tag", IORING_REGISTER_BUFFERS2, &reg, sizeof(reg), -EINVAL, false,
          "A hole has a tag");
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
          "The ring does not start on a page (flags=0, ring_addr=0x");
    reg.ring_addr = (uintptr_t)room;
    reg.flags = 64;
    gives("unknown_flag", IORING_REGISTER_PBUF_RING, &reg, 1, -EINVAL, true,
          "A flag is unknown (flags=64)");
    reg.flags = 0;
    reg.ring_addr = 0;
    gives("no_address", IORING_REGISTER_PBUF_RING, &reg, 1, -EFAULT, true,
          "The address of the ring is 0, and IOU_PBUF_RING_MMAP is not set");
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
    for (unsigned i = 0; i < live_broken_call_count; i++) {
        const struct live_broken *row = &live_broken_calls[i];
        const struct rota_register_info *info = rota_register_opcode_info(row->opcode);
        const struct rota_error_info *error = &rota_info_errors(info->errors)[row->error - 1];

        if (caps.kernel_from < ROTA_KERNEL(6, 18) ||
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
