/* SPDX-License-Identifier: MIT */
/*
 * What the generated run-time tables look like to the code that searches them.
 */
#ifndef ROTA_SRC_INFO_TABLES_H
#define ROTA_SRC_INFO_TABLES_H

#include <rota/info.h>

struct rota_group_entry {
    const char *name;
    const struct rota_flag_rule *flags;
    unsigned count;
};

/* A member of struct io_uring_sqe. */
struct rota_slot_info {
    const char *name;
    uint8_t offset;
    uint8_t size;
};

/* Where the upper 32 bits of a 64-bit field at `offset` lie. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ROTA_UPPER_HALF(offset) (offset)
#else
#define ROTA_UPPER_HALF(offset) ((offset) + 4)
#endif

extern const struct rota_slot_info rota_sqe_slots[];
extern const unsigned rota_sqe_slot_count;
extern const struct rota_op_info rota_op_infos[];
extern const unsigned rota_op_info_count;
extern const struct rota_register_info rota_register_infos[];
extern const unsigned rota_register_info_count;
extern const struct rota_group_entry rota_group_entries[];
extern const unsigned rota_group_entry_count;
extern const struct rota_prep_info rota_prep_table[];
extern const unsigned rota_prep_table_count;

#endif /* ROTA_SRC_INFO_TABLES_H */
