/* SPDX-License-Identifier: MIT */
/*
 * The table at run time: for each opcode the fields that the kernel reads, the
 * flags they take, the combinations it refuses, and what comes back. Constant
 * data; every function may be called from any thread at any time.
 */
#ifndef ROTA_INFO_H
#define ROTA_INFO_H

#include <rota/config.h>
#include <stdint.h>

ROTA_BEGIN_DECLS

/* A kernel release as one number: ROTA_KERNEL(5, 10) < ROTA_KERNEL(6, 1). */
#define ROTA_KERNEL(major, minor) (((major) << 8) | (minor))

/* What a condition compares. */
enum rota_cond_kind {
    ROTA_COND_HAS = 1, /* all bits of the value are set */
    ROTA_COND_LACKS,   /* none of them is */
    ROTA_COND_WITHIN,  /* no bit outside the value is set */
    ROTA_COND_IS,
    ROTA_COND_IS_NOT,
    ROTA_COND_BELOW,
    ROTA_COND_ABOVE,
};

/* The offset of a condition on the ring's set-up flags instead of a field. */
#define ROTA_COND_ON_RING 0xff

/* A test on a request: `ioprio has IORING_RECV_MULTISHOT`. */
struct rota_condition {
    const char *text; /* as it stands in the table */
    uint64_t value;
    uint8_t offset; /* of the field in the SQE, or ROTA_COND_ON_RING */
    uint8_t size;   /* bytes */
    uint8_t kind;   /* enum rota_cond_kind */
};

/* A flag that a field takes. */
struct rota_flag_info {
    const char *name;
    uint64_t value;
    uint16_t since;  /* first kernel where this opcode takes it; 0: not recorded */
    bool backported; /* stable series before `since` take it too */
};

enum rota_role {
    ROTA_ROLE_NUMBER,
    ROTA_ROLE_FILE,   /* a descriptor, or a slot with IOSQE_FIXED_FILE */
    ROTA_ROLE_SLOT,   /* a slot of the file table plus one, or 0 */
    ROTA_ROLE_BUFFER, /* index of a registered buffer */
    ROTA_ROLE_GROUP,  /* id of a buffer group */
};

enum rota_memory {
    ROTA_MEMORY_NONE, /* the field is no pointer */
    ROTA_MEMORY_READ,
    ROTA_MEMORY_WRITTEN,
    ROTA_MEMORY_BOTH,
};

/* Until when memory behind a pointer must stay as it is. */
enum rota_lives {
    ROTA_LIVES_NONE,
    ROTA_LIVES_SUBMIT,
    ROTA_LIVES_COMPLETION,
    ROTA_LIVES_NOTIFICATION,
    ROTA_LIVES_UNREGISTER,
};

/* What the table says of one flag of a group such as "setup". */
struct rota_flag_rule {
    const char *name;
    const char *summary;
    const char *refused; /* why no released kernel takes it, or NULL */
    uint64_t value;
    uint64_t needs;     /* flags of the group that must be set with it */
    uint64_t needs_one; /* of which one must be */
    uint64_t excludes;  /* which must not be */
    uint16_t since;
    bool backported; /* stable series before `since` may have it too */
};

/* What becomes of flags or values that a field does not take. */
enum rota_others {
    ROTA_OTHERS_REFUSED, /* refused when the request is taken */
    ROTA_OTHERS_ISSUE,   /* refused when it runs */
    ROTA_OTHERS_IGNORED, /* nothing */
};

/* A field that the kernel reads. */
struct rota_field_info {
    const char *name; /* member of struct io_uring_sqe */
    const char *arg;  /* the prep functions' argument, or NULL */
    const char *type; /* its C type, or NULL */
    const char *summary;
    const char *group; /* of flags or values, or NULL; see rota/names.h */
    const struct rota_flag_info *flags;
    const struct rota_flag_rule *group_rules; /* all of the group */
    const struct rota_condition *when;        /* it is read when all of these hold */
    uint16_t flag_count;
    uint16_t group_count;
    uint8_t when_count;
    uint8_t offset;
    uint8_t size;
    uint8_t role;   /* enum rota_role */
    uint8_t memory; /* enum rota_memory */
    uint8_t lives;  /* enum rota_lives */
    uint16_t since; /* first kernel that reads it */
    /* When it is not read it is not looked at either; otherwise it must be zero. */
    bool otherwise_ignored;
    bool before_ignored;
    bool values;          /* the group numbers values instead of flags */
    uint8_t others;       /* enum rota_others: what the group lacks */
    int16_t others_error; /* negative errno with which that is refused */
    bool half_words;      /* swapped on big-endian machines, see rota_hook_poll_mask() */
    bool backported;      /* stable series before `since` may read it too */
};

/* A field that is not looked at. */
struct rota_ignored_info {
    const char *name;
    uint8_t offset;
    uint8_t size;   /* 4 where the field has 8: its upper half is not looked at */
    uint16_t until; /* first kernel that wants zero; 0: none does */
};

/* A combination that the kernel refuses: when all of `when` holds, each of `must` has to. */
struct rota_rule_info {
    const struct rota_condition *when;
    const struct rota_condition *must;
    const char *because;
    int16_t error;  /* negative errno */
    uint16_t since; /* first kernel that checks it; 0: as old as the opcode */
    uint16_t until; /* first kernel that no longer does; 0: none */
    uint8_t when_count;
    uint8_t must_count;
    bool at_issue;   /* found when the request runs, not when it is taken */
    bool backported; /* stable series before `since` may check it too */
};

/* An error particular to the operation. */
struct rota_error_info {
    const char *cause;
    const char *remedy; /* or NULL */
    int16_t error;      /* negative errno */
};

enum rota_iosqe {
    ROTA_IOSQE_TAKEN,
    ROTA_IOSQE_IGNORED,
    ROTA_IOSQE_REQUIRED,
    ROTA_IOSQE_REFUSED,
};

enum rota_shape {
    ROTA_SHAPE_ONE,          /* one CQE */
    ROTA_SHAPE_STREAM,       /* several, all but the last with IORING_CQE_F_MORE */
    ROTA_SHAPE_NOTIFICATION, /* a result, and later IORING_CQE_F_NOTIF */
};

/* One row of the table. */
struct rota_op_info {
    const char *name; /* without IORING_OP_ */
    const char *summary;
    const char *syscall; /* the system call it stands for, as "recv(2)", or NULL */
    const char *config;  /* the kernel option without which it is missing, or NULL */
    const char *note;    /* what surprises, or NULL */
    const char *res;     /* meaning of the result */
    const struct rota_field_info *fields;
    const struct rota_ignored_info *ignored;
    const struct rota_rule_info *rules;
    const struct rota_error_info *errors;
    const struct rota_condition *stream_when; /* the shape holds when all of these do */
    uint32_t cqe_flags;                       /* IORING_CQE_F_* that may be set */
    uint32_t setup_one_of; /* IORING_SETUP_* of which the ring needs one; 0: none */
    uint16_t since;
    uint8_t field_count;
    uint8_t ignored_count;
    uint8_t rule_count;
    uint8_t error_count;
    uint8_t stream_when_count;
    uint8_t shape; /* enum rota_shape */
    uint8_t opcode;
    /* What IOSQE_FIXED_FILE, _BUFFER_SELECT and _CQE_SKIP_SUCCESS do here. */
    uint8_t fixed_file; /* enum rota_iosqe */
    uint8_t buffer_select;
    uint8_t cqe_skip;
    int16_t fixed_file_error;  /* negative errno where it is refused or was required */
    uint16_t fixed_file_since; /* first kernel that takes it, if later than the opcode; 0 */
    uint16_t buffer_select_since;
    uint16_t cqe_skip_since;
    bool iopoll;      /* works on a ring with IORING_SETUP_IOPOLL */
    bool big;         /* its SQE has 128 bytes */
    bool behind_link; /* it must stand right behind another request with IOSQE_IO_LINK */
    bool backported;  /* stable series before `since` may have it too */
};

/*
 * The row of a request opcode.
 *
 * opcode   what stands in sqe->opcode
 *
 * Returns NULL for an opcode that is newer than this library.
 */
ROTA_API const struct rota_op_info *rota_opcode_info(unsigned opcode);

/* One row of the table for io_uring_register(2). */
struct rota_register_info {
    const char *name; /* without IORING_ */
    const char *summary;
    const char *arg;     /* C type of what the argument points to, or NULL */
    const char *nr_args; /* what the count means */
    const char *res;     /* meaning of the result */
    const char *note;    /* or NULL */
    const struct rota_error_info *errors;
    uint32_t needs;   /* IORING_SETUP_* that the ring must have */
    uint32_t refuses; /* and must not have */
    uint16_t since;
    uint16_t without_ring; /* first kernel where it works on fd -1; 0: none */
    uint8_t error_count;
    bool only_without_ring;
    bool backported; /* stable series before `since` may have it too */
};

/*
 * The row of a register opcode; IORING_REGISTER_USE_REGISTERED_RING is not
 * looked at. Returns NULL for an opcode that is newer than this library.
 */
ROTA_API const struct rota_register_info *rota_register_opcode_info(unsigned opcode);

/*
 * The flags or values of a group, in order of value.
 *
 * group   its name, see rota_group_name()
 * count   receives how many there are; 0 when the group is not known
 *
 * Returns NULL when the group is not known.
 */
ROTA_API const struct rota_flag_rule *rota_group_info(const char *group, unsigned *count);

/* A prep function, for those who print how a request is made. */
struct rota_prep_info {
    const char *name;      /* such as "rota_prep_read" */
    const char *prototype; /* the whole declaration */
    const char *summary;
    uint16_t since;
    uint8_t opcode;
};

/* All prep functions, in the order of their opcodes; `count` receives how many. */
ROTA_API const struct rota_prep_info *rota_prep_infos(unsigned *count);

ROTA_END_DECLS

#endif /* ROTA_INFO_H */
