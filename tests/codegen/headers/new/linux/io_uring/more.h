/* SPDX-License-Identifier: MIT */
/* A made-up header that the older kernel lacks. */
#ifndef LINUX_IO_MORE_H
#define LINUX_IO_MORE_H

#include <linux/types.h>
#include <linux/stddef.h>

enum more_flags {
	MORE_LEFT	= 1 << 0,
	MORE_RIGHT	= 1 << 1,
};

enum {
	MORE_KIND_NONE,
	MORE_KIND_SOME,

	__MORE_KIND_MAX,
};

#define MORE_SHIFT	48
#define MORE_MASK	(~(((__u64)1 << MORE_SHIFT) - 1))

struct more_ear {
	__u8	side;
	__u8	pad[3];
	__u32	size;
};

struct more_ears {
	__u32	count;
	__u32	flags;
	union {
		struct {
			__be32	a;
			__be32	b;
		} pair;
		unsigned char	raw[8];
	};
	struct more_ear	first;
	struct more_ear	all[];
};

#endif
