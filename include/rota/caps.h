/* SPDX-License-Identifier: MIT */
/*
 * What this kernel can do, asked of the kernel itself and never of its version
 * number.
 *
 *     struct rota_caps caps;
 *     int ret = rota_caps_get(&caps, NULL);
 *     if (ret < 0)
 *         return ret;
 *     if (rota_caps_opcode(&caps, IORING_OP_FUTEX_WAIT, NULL) == ROTA_NO)
 *         use_a_thread_instead();
 *
 * Three sources, in this order: the query interface of the kernel
 * (IORING_REGISTER_QUERY), the probe (IORING_REGISTER_PROBE), and trials on a
 * ring of its own. A trial of a request puts it behind one that fails: the
 * kernel then looks at all of its fields, takes or refuses it, and never runs
 * it. What none of them tells is inferred from what they told, as far as that
 * goes; the rest stays unknown.
 */
#ifndef ROTA_CAPS_H
#define ROTA_CAPS_H

#include <rota/config.h>
#include <rota/syscall.h>
#include <stdint.h>

ROTA_BEGIN_DECLS

enum rota_answer {
    ROTA_NO = 0,
    ROTA_YES = 1,
    ROTA_UNKNOWN = 2,
};

/* How a thing was learnt. */
enum rota_learnt {
    ROTA_LEARNT_NOT,      /* it was not */
    ROTA_LEARNT_QUERY,    /* IORING_REGISTER_QUERY */
    ROTA_LEARNT_PROBE,    /* IORING_REGISTER_PROBE */
    ROTA_LEARNT_SETUP,    /* making a ring */
    ROTA_LEARNT_TRIAL,    /* a request or call that was tried */
    ROTA_LEARNT_INFERRED, /* from other things that came with the same release */
};

#define ROTA_CAPS_MAGIC     0x61746f72u /* "rota" on a little-endian machine */
#define ROTA_CAPS_LAYOUT    1
#define ROTA_CAPS_OPS       96
#define ROTA_CAPS_FLAG_SETS 4

/* The flags of one field as they were tried, one by one. */
struct rota_caps_flags {
    uint32_t tried;
    uint32_t taken;
};

/*
 * What trials told of one opcode. Bits count the fields, ignored fields and
 * rules of its row, see rota_opcode_info(); `flags` belongs to those of its
 * fields that hold flags, in their order.
 */
struct rota_caps_op {
    uint16_t fields_tried;
    uint16_t fields_read; /* as opposed to: must be zero, or is not looked at */
    uint16_t rules_tried;
    uint16_t rules_hold;
    uint16_t ignored_tried;
    uint16_t ignored_zero; /* the kernel wants it to be zero */
    uint8_t iosqe_tried;   /* IOSQE_* bits */
    uint8_t iosqe_taken;
    uint8_t tried; /* trials of this opcode were possible */
    uint8_t reserved;
    struct rota_caps_flags flags[ROTA_CAPS_FLAG_SETS];
};

/*
 * The answer. A plain structure without pointers: its bytes are its binary
 * form, for the machine that wrote them. `magic`, `layout` and `size` tell
 * whether bytes that were read are one; rota_caps_valid() looks.
 */
struct rota_caps {
    uint32_t magic;
    uint16_t layout;
    uint16_t size;
    int32_t ring_error; /* 0, or the -errno with which a plain ring was refused */

    /*
     * All that was seen fits the releases from `kernel_from` to before
     * `kernel_before` (ROTA_KERNEL numbers; 0: no limit known). An estimate
     * from capabilities: distributions add things to older kernels.
     */
    uint16_t kernel_from;
    uint16_t kernel_before;

    uint64_t opcodes[4];   /* a bit per IORING_OP_*, of opcode_count */
    uint64_t registers[4]; /* a bit per IORING_REGISTER_*, of register_count */
    uint64_t registers_known[4];
    uint16_t opcode_count; /* opcodes below it were told of; all above are missing */
    uint16_t register_count;
    uint32_t setup_flags; /* IORING_SETUP_* that the kernel takes, */
    uint32_t setup_known; /* of those that are known to be taken or refused */
    uint32_t features;    /* IORING_FEAT_* */
    uint32_t enter_flags; /* IORING_ENTER_* */
    uint32_t enter_known;
    uint32_t sqe_flags; /* IOSQE_* */
    uint32_t sqe_known;

    uint8_t opcodes_how; /* enum rota_learnt, and so on */
    uint8_t registers_how;
    uint8_t setup_how;
    uint8_t features_how;
    uint8_t enter_how;
    uint8_t sqe_how;
    uint8_t kind; /* enum rota_kernel_kind: what was asked */
    uint8_t reserved[1];
    struct rota_caps_op ops[ROTA_CAPS_OPS];
};

/* What the inline function below calls: `size` is the caller's sizeof(*caps). */
ROTA_API int rota_caps_get_sized(struct rota_caps *caps, size_t size,
                                 const struct rota_kernel *kernel);

/*
 * rota_caps_get - asks the kernel beneath.
 *
 * caps     filled on every path; with an error it holds what was learnt so far
 * kernel   NULL: the real system calls; &rota_kernel_emulated tells what a ring
 *          that stands on that one can do. For a ring that exists: ring->kernel
 *
 * Makes a ring of its own and takes it down, two or three more on kernels
 * before 6.18; some tens of system calls, about 0.2 milliseconds. To be called
 * once, from any thread.
 *
 * Returns 0, or
 *
 * - EINVAL: `caps` is NULL; or the program was compiled with a smaller
 *   structure than this library fills, and all of it is zero now: nothing is
 *   known
 * - whatever a plain ring was refused with (rota_init() lists it): then only
 *   the query interface, if there is one, told something;
 *   rota_setup_explain() says why there is no ring
 */
ROTA_INLINE int rota_caps_get(struct rota_caps *caps, const struct rota_kernel *kernel)
{
    return rota_caps_get_sized(caps, sizeof(*caps), kernel);
}

/* True when `caps` was filled by rota_caps_get() of a library with this layout. */
ROTA_API bool rota_caps_valid(const struct rota_caps *caps);

/*
 * Questions. Each answers ROTA_YES, ROTA_NO or ROTA_UNKNOWN, and, where `how`
 * is not NULL, stores how that is known: ROTA_LEARNT_NOT of what is not. From
 * any thread.
 */

/* A request opcode, IORING_OP_*. */
ROTA_API enum rota_answer rota_caps_opcode(const struct rota_caps *caps, unsigned opcode,
                                           enum rota_learnt *how);
/* A register opcode, IORING_REGISTER_*. */
ROTA_API enum rota_answer rota_caps_register(const struct rota_caps *caps, unsigned opcode,
                                             enum rota_learnt *how);
/*
 * One flag, by its group: "setup", "feature", "enter", "sqe", or that of a
 * flag field, which then is asked for `opcode` (elsewhere it is not looked at).
 */
ROTA_API enum rota_answer rota_caps_flag(const struct rota_caps *caps, const char *group,
                                         uint64_t value, unsigned opcode, enum rota_learnt *how);

/*
 * rota_caps_why - in one sentence whether there is such a thing, and how that
 * is known: "no: the kernel's probe does not list it; first in 6.7, needs
 * CONFIG_FUTEX".
 *
 * kind     "opcode", "register", or the group of a flag
 * value    number of the opcode, or the flag
 * opcode   as for rota_caps_flag()
 *
 * Writes as rota_sqe_format() does; returns what the whole text needs, or
 * -EINVAL for a kind that there is not, and when `caps` or `kind` is NULL.
 */
ROTA_API int rota_caps_why(const struct rota_caps *caps, const char *kind, uint64_t value,
                           unsigned opcode, char *buf, size_t size);

/*
 * rota_caps_format - everything as one JSON object.
 *
 * Keys: kind ("real", "emulated" or "other"), ring_error, kernel, opcodes, registers, setup, feature, enter, sqe
 * (each a list of {name, has, how, since}) and flags (per opcode and field).
 * Writes as rota_sqe_format() does, -EINVAL when `caps` is NULL.
 */
ROTA_API int rota_caps_format(const struct rota_caps *caps, char *buf, size_t size);

ROTA_END_DECLS

#endif /* ROTA_CAPS_H */
