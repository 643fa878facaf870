/* SPDX-License-Identifier: MIT */
/* The second made-up header, with new values and a member in reserved bytes. */
#ifndef LINUX_IO_TINY_H
#define LINUX_IO_TINY_H

#include <linux/types.h>
#include <linux/time_types.h>

enum tiny_kind {
	TINY_KIND_FILE,
	TINY_KIND_SOCKET,
	TINY_KIND_EAR,
	TINY_KIND_LAST,
};

enum {
	TINY_REGION_USER	= 1,
	TINY_REGION_EAR		= 2,
	TINY_REGION_END,
};

union tiny_words {
	__u64	whole;
	__u32	halves[2];
};

struct tiny_arg {
	struct __kernel_timespec	when;
	struct {
		__u32	row;
		__u16	column;
	} place;
	union {
		__u32	id;
		char	name[4];
	} who;
	__aligned_u64	ptr;
	__u32		ears;
	__u32		resv[3];
} __attribute__((aligned(16)));

#endif
