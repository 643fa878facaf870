/* SPDX-License-Identifier: MIT */
/* The made-up header of a later kernel: whatever a kernel has ever added, once. */
#ifndef LINUX_IO_URING_H
#define LINUX_IO_URING_H

#include <linux/types.h>
#include <linux/time_types.h>
#include <linux/io_uring/tiny.h>
#include <linux/io_uring/more.h>

#ifdef __cplusplus
extern "C" {
#endif

struct io_uring_sqe {
	__u8	opcode;
	__u8	flags;
	__u16	ioprio;
	__s32	fd;
	union {
		__u64	off;
		__u64	addr2;
		struct {
			__u32	cmd_op;
			__u32	__pad1;
		};
	};
	union {
		__u64	addr;
		struct {
			__u32	level;
			__u32	name;
		};
	};
	__u32	len;
	union {
		__u32	look_flags;
		__u32	poll32_events;
		__u32	open_flags;
		__u32	hear_flags;
	};
	__u64	user_data;
	union {
		__u16	buf_index;
		__u16	buf_group;
	} __attribute__((packed));
	__u16	personality;
	__u32	file_index;
	union {
		struct {
			__u64	addr3;
			__u64	addr4;
		};
		__u8	cmd[0];
	};
};

#define IORING_FILE_INDEX_ALLOC	(~0U)

enum tiny_sqe_bit {
	IOSQE_FIXED_FILE_BIT,
	IOSQE_BUFFER_SELECT_BIT = 5,
	IOSQE_CQE_SKIP_SUCCESS_BIT,
	IOSQE_HEAR_BIT,
};

#define IOSQE_FIXED_FILE	(1U << IOSQE_FIXED_FILE_BIT)
#define IOSQE_BUFFER_SELECT	(1U << IOSQE_BUFFER_SELECT_BIT)
#define IOSQE_CQE_SKIP_SUCCESS	(1U << IOSQE_CQE_SKIP_SUCCESS_BIT)
#define IOSQE_HEAR		(1U << IOSQE_HEAR_BIT)

#define IORING_SETUP_SQE128	(1U << 0)
#define IORING_SETUP_SQE_MIXED	(1U << 1)
#define IORING_SETUP_HEAR	(1U << 2)
#define IORING_ODD		(1U << 6)
#define IORING_SETUP_TINY	(1ULL << 33)

enum io_uring_op {
	IORING_OP_NOP,
	IORING_OP_LOOK,
	IORING_OP_OPEN,
	IORING_OP_WATCH,
	IORING_OP_LATER,
	IORING_OP_TELL,
	IORING_OP_HEAR,
	IORING_OP_SMELL,

	/* this goes last */
	IORING_OP_LAST,
};

#define TINY_SHIFT	16
#define TINY_FAR	(1ULL << (TINY_SHIFT + 23))
#define TINY_SKIP	(-2)
#define TINY_MANY	(~0ULL)

#define LOOK_TWICE	(1U << 0)
#define LOOK_AGAIN	(1U << 1)
#define LOOK_BOTH	(LOOK_TWICE | LOOK_AGAIN)
#define LOOK_AWAY	(1U << 2)
#define LOOK_NEVER	(1U << 3)
#define LOOK_HARD	(1U << 4)

#define HEAR_WELL_LEFT	(1U << 0)
#define HEAR_WELL_RIGHT	(1U << 1)

struct io_uring_cqe {
	__u64	user_data;
	__s32	res;
	__u32	flags;
	__u64	big_cqe[];
};

#define IORING_CQE_F_BUFFER	(1U << 0)
#define IORING_CQE_F_MORE	(1U << 1)
#define IORING_CQE_F_NOTIF	(1U << 3)

enum io_uring_register_op {
	IORING_REGISTER_TINY		= 0,
	IORING_UNREGISTER_TINY		= 1,
	IORING_REGISTER_LATER		= 2,
	IORING_REGISTER_EAR		= 3,

	IORING_REGISTER_LAST,

	/* a flag beside the opcodes */
	TINY_BESIDE			= 1U << 31
};

/* Of no use to anybody: neither a number nor a constant. */
#define TINY_CALL(x)		((x) + 1)
#define TINY_NAME		"tiny"
#define TINY_POINTER(x)		((struct io_uring_sqe *)(x))
#define TINY_NOWHERE		TINY_POINTER(0)
#define TINY_GONE		1
#undef TINY_GONE

#ifdef __cplusplus
}
#endif

#endif
