/* SPDX-License-Identifier: MIT */
/* The second made-up header, which the first one includes. */
#ifndef LINUX_IO_TINY_H
#define LINUX_IO_TINY_H

#include <linux/types.h>
#include <linux/time_types.h>

enum tiny_kind {
	TINY_KIND_FILE,
	TINY_KIND_SOCKET,
	TINY_KIND_LAST,
};

enum {
	TINY_REGION_USER	= 1,
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
	__u64		resv[2];
} __attribute__((aligned(16)));

#endif
