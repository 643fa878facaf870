/* SPDX-License-Identifier: MIT */
/*
 * A program of 32 bits to be looked at by a rota of 64, without a library, for there may be
 * none: three NOPs, a request on a descriptor that is not open, and one with a vector, whose
 * elements are half as large as elsewhere. It ends with status 5; 77: no ring.
 */
#include <stdint.h>

#define MAP_SHARED 1
#define READ_WRITE 3

/* What it needs of the kernel's header, which for 32 bits may not be there either. */
struct params {
    uint32_t sizes[10];
    uint32_t sq_head, sq_tail, sq_mask, sq_entries, sq_flags, sq_dropped, sq_array;
    uint32_t rest[13];
};

struct sqe {
    uint8_t opcode, flags;
    uint16_t ioprio;
    int32_t fd;
    uint64_t off, addr;
    uint32_t len, rw_flags;
    uint64_t user_data;
    uint64_t rest[3];
};

enum {
    OP_NOP = 0,
    OP_WRITEV = 2,
    OP_FSYNC = 3,
    ENTER_GETEVENTS = 1,
};

/* Numbers of 32-bit x86. */
enum {
    CALL_EXIT = 252, /* of all threads, the kernel's workers among them */
    CALL_MMAP = 90,  /* the old one, with its arguments in memory */
    CALL_SETUP = 425,
    CALL_ENTER = 426,
};

static long call(long number, long a, long b, long c, long d, long e)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

static void end(int status)
{
    for (;;)
        call(CALL_EXIT, status, 0, 0, 0, 0);
}

static char *map(long fd, long offset)
{
    long args[6] = {0, 4096, READ_WRITE, MAP_SHARED, fd, offset};
    long memory = call(CALL_MMAP, (long)args, 0, 0, 0, 0);

    if (memory < 0 && memory > -4096)
        end(77);
    return (char *)memory;
}

void _start(void);
void _start(void)
{
    static struct params params; /* zero */
    static struct sqe zero;
    static const char text[] = "narrow\n";
    static long vector[2];
    long fd = call(CALL_SETUP, 8, (long)&params, 0, 0, 0);
    struct sqe *sqes;
    unsigned *array;
    char *queues;

    if (fd < 0)
        end(77);
    queues = map(fd, 0);
    sqes = (struct sqe *)map(fd, 0x10000000);
    array = (unsigned *)(queues + params.sq_array);
    vector[0] = (long)text;
    vector[1] = sizeof(text) - 1;
    for (unsigned i = 0; i < 5; i++) {
        sqes[i] = zero;
        sqes[i].opcode = i < 3 ? OP_NOP : i == 3 ? OP_FSYNC : OP_WRITEV;
        sqes[i].user_data = 100 + i;
        array[i] = i;
    }
    sqes[3].fd = 999;
    sqes[4].fd = 1;
    sqes[4].addr = (unsigned long)vector;
    sqes[4].len = 1;
    sqes[4].off = UINT64_MAX; /* where the file stands */
    __atomic_store_n((unsigned *)(queues + params.sq_tail), 5, __ATOMIC_RELEASE);
    if (call(CALL_ENTER, fd, 5, 5, ENTER_GETEVENTS, 0) != 5)
        end(1);
    end(5);
}
