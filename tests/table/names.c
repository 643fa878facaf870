/* SPDX-License-Identifier: MIT */
/*
 * Name tables: every name leads back to its value, strangers are refused.
 */
#include <errno.h>
#include <rota.h>

#include "tap.h"

int main(void)
{
    uint64_t value = 1;
    unsigned wrong = 0, count;

    is_str(rota_op_name(IORING_OP_READ), "READ", "an opcode has its name");
    is_str(rota_op_name(IORING_OP_LAST), NULL, "an opcode of the future has none");
    is_str(rota_op_name(~0U), NULL, "nor has the greatest number");
    for (unsigned op = 0; op < IORING_OP_LAST; op++)
        wrong += !rota_op_name(op) || rota_op_number(rota_op_name(op)) != (int)op;
    is_int(wrong, 0, "each opcode's name leads back to it");
    is_int(rota_op_number("IORING_OP_SEND_ZC"), IORING_OP_SEND_ZC, "the kernel's prefix is taken");
    is_int(rota_op_number("SEND_Z"), -ENOENT, "part of a name is no name");
    is_int(rota_op_number(""), -ENOENT, "nor is the empty one");
    is_int(rota_op_number(NULL), -EINVAL, "NULL is an error");

    wrong = 0;
    for (unsigned op = 0; op < IORING_REGISTER_LAST; op++)
        wrong += !rota_register_name(op) || rota_register_number(rota_register_name(op)) != (int)op;
    is_int(wrong, 0, "each register opcode's name leads back to it");
    is_str(rota_register_name(IORING_REGISTER_PROBE | IORING_REGISTER_USE_REGISTERED_RING),
           "REGISTER_PROBE", "the registered-ring bit is not part of the opcode");
    is_str(rota_register_name(IORING_REGISTER_LAST), NULL, "a future one has no name");
    is_int(rota_register_number("REGISTER_PROB"), -ENOENT, "part of a name is none here either");
    is_int(rota_register_number(NULL), -EINVAL, "NULL is an error here, too");

    is_str(rota_flag_name("setup", IORING_SETUP_SQPOLL), "IORING_SETUP_SQPOLL", "a flag by value");
    is_str(rota_flag_name("setup", 1ULL << 63), NULL, "an unknown bit");
    is_str(rota_flag_name("nonsense", 1), NULL, "an unknown group");
    is_str(rota_flag_name(NULL, 1), NULL, "no group");
    is_int(rota_flag_value("IOSQE_IO_LINK", &value), 0, "a flag by name");
    is_hex(value, IOSQE_IO_LINK, "has its value");
    is_int(rota_flag_value("IOSQE_NOTHING", &value), -ENOENT, "an unknown flag");
    is_hex(value, 0, "leaves 0");
    value = 1;
    is_int(rota_flag_value(NULL, &value), -EINVAL, "no name");
    is_hex(value, 0, "leaves 0, too");
    is_int(rota_flag_value("IOSQE_IO_LINK", NULL), -EINVAL, "nowhere to put it");

    ok(!rota_opcode_info(IORING_OP_LAST) && !rota_register_opcode_info(IORING_REGISTER_LAST),
       "what has no name has no row");
    ok(rota_register_opcode_info(IORING_REGISTER_PROBE | IORING_REGISTER_USE_REGISTERED_RING) ==
           rota_register_opcode_info(IORING_REGISTER_PROBE),
       "the registered-ring bit is not looked at");
    count = 7;
    ok(!rota_group_info("nonsense", &count) && !count, "an unknown group has no flags");
    count = 7;
    ok(!rota_group_info(NULL, &count) && !count, "nor has none");
    ok(rota_group_info("setup", &count) && count, "a known one has");

    wrong = 0;
    for (unsigned group = 0; rota_group_name(group); group++)
        wrong += rota_flag_name(rota_group_name(group), ~0ULL) != NULL;
    is_int(wrong, 0, "the groups can be listed, and none has every bit");
    return done();
}
