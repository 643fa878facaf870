/* SPDX-License-Identifier: MIT */
/*
 * Names of opcodes and flags, both ways, and of errors. Every string is static; every
 * function may be called from any thread at any time.
 */
#ifndef ROTA_NAMES_H
#define ROTA_NAMES_H

#include <rota/config.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The name of a request opcode without its prefix: IORING_OP_READ is "READ".
 *
 * opcode   what stands in sqe->opcode
 *
 * Returns NULL for an opcode that is newer than this library.
 */
ROTA_API const char *rota_op_name(unsigned opcode);

/*
 * The opcode of that name; case matters, and "IORING_OP_READ" does as well as
 * "READ".
 *
 * Returns -ENOENT when there is none, -EINVAL when `name` is NULL.
 */
ROTA_API int rota_op_number(const char *name);

/*
 * The name of an io_uring_register(2) opcode without its prefix:
 * IORING_REGISTER_PROBE is "REGISTER_PROBE". The bit
 * IORING_REGISTER_USE_REGISTERED_RING is not looked at.
 *
 * Returns NULL for an opcode that is newer than this library.
 */
ROTA_API const char *rota_register_name(unsigned opcode);

/*
 * The register opcode of that name, with or without "IORING_".
 *
 * Returns -ENOENT when there is none, -EINVAL when `name` is NULL.
 */
ROTA_API int rota_register_number(const char *name);

/*
 * The name of one flag or numbered value of a group, such as group "setup"
 * and value IORING_SETUP_SQPOLL. `rota_group_name` lists the groups.
 *
 * Returns NULL when the group or the value is not known.
 */
ROTA_API const char *rota_flag_name(const char *group, uint64_t value);

/*
 * The value of a flag or numbered value by its full kernel name, such as
 * "IOSQE_IO_LINK".
 *
 * value   where it goes; 0 when the name is not known
 *
 * Returns 0, -ENOENT when no group has it, -EINVAL when a pointer is NULL.
 */
ROTA_API int rota_flag_value(const char *name, uint64_t *value);

/*
 * The name of the group with that index, counted from 0, and NULL beyond the
 * last one.
 */
ROTA_API const char *rota_group_name(unsigned index);

/*
 * The name of an error, positive or negative: "EINVAL" of -22. NULL for a
 * number that is none, or one that neither the kernel nor this library answers.
 */
ROTA_API const char *rota_error_name(int error);

/* What it means when nothing more is known, in a few words. NULL as above. */
ROTA_API const char *rota_error_meaning(int error);

#ifdef __cplusplus
}
#endif

#endif /* ROTA_NAMES_H */
