/* SPDX-License-Identifier: MIT */
/*
 * The table at run time: for each opcode the fields that the kernel reads, the
 * flags they take, the combinations it refuses, and what comes back. Constant
 * data; every function may be called from any thread at any time.
 *
 * A row holds numbers only: texts, and rows that belong to it, are named by
 * their place in the library's tables, so that the loader has nothing to mend
 * there and a process that looks nothing up pays nothing when it starts. The
 * functions rota_info_*() give what stands at a place:
 *
 *     const struct rota_op_info *op = rota_opcode_info(IORING_OP_READ);
 *     const struct rota_field_info *fields = rota_info_fields(op->fields);
 *
 *     for (unsigned i = 0; i < op->fields.count; i++)
 *         puts(rota_info_text(fields[i].name));
 */
#ifndef ROTA_INFO_H
#define ROTA_INFO_H

#include <rota/config.h>
#include <stdint.h>

ROTA_BEGIN_DECLS

/* A kernel release as one number: ROTA_KERNEL(5, 10) < ROTA_KERNEL(6, 1). */
#define ROTA_KERNEL(major, minor) (((major) << 8) | (minor))

/* A text of the table; `at` is 0 when there is none. */
struct rota_text_place {
    uint32_t at;
};

/* The text as a C string that is valid for ever, or NULL when there is none. */
ROTA_API const char *rota_info_text(struct rota_text_place text);

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
/* Of a register call: on its count, or on the argument as a number instead of a member behind it. */
#define ROTA_COND_ON_COUNT 0xfe
#define ROTA_COND_ON_ARG   0xfd

/* A test on a request: `ioprio has IORING_RECV_MULTISHOT`. */
struct rota_condition {
    uint64_t value;
    struct rota_text_place text; /* as it stands in the table */
    uint8_t offset;              /* of the field in the SQE or the structure, or ROTA_COND_ON_* */
    uint8_t size;                /* bytes */
    uint8_t kind;                /* enum rota_cond_kind */
};

/* Conditions. */
struct rota_condition_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_condition *rota_info_conditions(struct rota_condition_rows rows);

/* A flag that a field takes. */
struct rota_flag_info {
    uint64_t value;
    struct rota_text_place name;
    uint16_t since;  /* first kernel where this opcode takes it; 0: not recorded */
    bool backported; /* stable series before `since` take it too */
};

/* Flags that a field takes. */
struct rota_flag_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_flag_info *rota_info_flags(struct rota_flag_rows rows);

enum rota_role {
    ROTA_ROLE_NUMBER,
    ROTA_ROLE_FILE,        /* a descriptor, or a slot with IOSQE_FIXED_FILE */
    ROTA_ROLE_SLOT,        /* a slot of the file table plus one, or 0 */
    ROTA_ROLE_BUFFER,      /* index of a registered buffer */
    ROTA_ROLE_GROUP,       /* id of a buffer group */
    ROTA_ROLE_DESCRIPTOR,  /* a descriptor, never a slot */
    ROTA_ROLE_DIRECTORY,   /* where the relative path in the next field of a path starts */
    ROTA_ROLE_INDEX,       /* a slot of the file table as it is */
    ROTA_ROLE_FAR_SLOT,    /* a slot plus one, or 0, of the table of the ring in fd */
    ROTA_ROLE_REQUEST,     /* user_data of another request */
    ROTA_ROLE_PATH,        /* a path that must name something */
    ROTA_ROLE_NEW_PATH,    /* one that must name nothing yet */
    ROTA_ROLE_ANY_PATH,    /* one that may do either */
    ROTA_ROLE_ATTRIBUTE,   /* the name of an extended attribute */
    ROTA_ROLE_TEXT,        /* text that names nothing */
    ROTA_ROLE_DESCRIPTORS, /* an array of descriptors; negative ones name no file */
    ROTA_ROLE_COMMAND, /* a number to which the file gives a meaning, see rota_command_infos() */
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
    uint64_t value;
    uint64_t needs;     /* flags of the group that must be set with it */
    uint64_t needs_one; /* of which one must be */
    uint64_t excludes;  /* which must not be */
    struct rota_text_place name;
    struct rota_text_place summary;
    struct rota_text_place refused; /* why no released kernel takes it, or none */
    uint16_t since;
    bool backported; /* stable series before `since` may have it too */
};

/* The flags or values of a group, in order of value. */
struct rota_flag_rule_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_flag_rule *rota_info_flag_rules(struct rota_flag_rule_rows rows);

/* What becomes of flags or values that a field does not take. */
enum rota_others {
    ROTA_OTHERS_REFUSED, /* refused when the request is taken */
    ROTA_OTHERS_ISSUE,   /* refused when it runs */
    ROTA_OTHERS_IGNORED, /* nothing */
};

/* A field that the kernel reads. */
struct rota_field_info {
    struct rota_text_place name; /* member of struct io_uring_sqe */
    struct rota_text_place arg;  /* the prep functions' argument, or none */
    struct rota_text_place type; /* its C type, or none */
    struct rota_text_place summary;
    struct rota_text_place group;           /* of flags or values, or none; see rota/names.h */
    struct rota_flag_rows flags;            /* that it takes */
    struct rota_flag_rule_rows group_rules; /* all of the group */
    struct rota_condition_rows when;        /* it is read when all of these hold */
    struct rota_condition_rows slot_when;   /* a descriptor is a slot when all of these do */
    struct rota_condition_rows vector_when; /* the pointer leads to vectors when all of these do */
    uint8_t offset;
    uint8_t size;
    uint8_t role;   /* enum rota_role */
    uint8_t memory; /* enum rota_memory */
    uint8_t lives;  /* enum rota_lives */
    /* How many elements lie behind the pointer: `length`, or what another field of the SQE says. */
    uint8_t length;      /* 0: see the next two */
    uint8_t length_at;   /* offset of that field */
    uint8_t length_size; /* and its bytes */
    uint8_t elements;    /* enum rota_memory: of what the vectors behind the pointer name */
    bool optional;       /* the pointer may be NULL */
    uint16_t since;      /* first kernel that reads it */
    /* When it is not read it is not looked at either; otherwise it must be zero. */
    bool otherwise_ignored;
    bool before_ignored;
    bool values;          /* the group numbers values instead of flags */
    uint8_t others;       /* enum rota_others: what the group lacks */
    int16_t others_error; /* negative errno with which that is refused */
    bool half_words;      /* swapped on big-endian machines, see rota_hook_poll_mask() */
    bool backported;      /* stable series before `since` may read it too */
};

/* Fields of a request. */
struct rota_field_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_field_info *rota_info_fields(struct rota_field_rows rows);

/* A field that is not looked at. */
struct rota_ignored_info {
    struct rota_text_place name;
    uint8_t offset;
    uint8_t size;   /* 4 where the field has 8: its upper half is not looked at */
    uint16_t until; /* first kernel that wants zero; 0: none does */
};

/* Fields that are not looked at. */
struct rota_ignored_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_ignored_info *rota_info_ignored(struct rota_ignored_rows rows);

/* A combination that the kernel refuses: when all of `when` holds, each of `must` has to. */
struct rota_rule_info {
    struct rota_condition_rows when;
    struct rota_condition_rows must;
    struct rota_text_place because;
    int16_t error;   /* negative errno */
    uint16_t since;  /* first kernel that checks it; 0: as old as the opcode */
    uint16_t until;  /* first kernel that no longer does; 0: none */
    bool at_issue;   /* found when the request runs, not when it is taken */
    bool backported; /* stable series before `since` may check it too */
};

/* Combinations that are refused. */
struct rota_rule_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_rule_info *rota_info_rules(struct rota_rule_rows rows);

/* What can be seen of the world when an error is explained. */
enum rota_look_kind {
    /* of a descriptor or slot */
    ROTA_LOOK_OPEN, /* it is an open descriptor, or the slot holds a file */
    ROTA_LOOK_READABLE,
    ROTA_LOOK_WRITABLE,
    ROTA_LOOK_APPENDING,   /* O_APPEND */
    ROTA_LOOK_DIRECT,      /* O_DIRECT */
    ROTA_LOOK_NONBLOCKING, /* O_NONBLOCK */
    ROTA_LOOK_SEEKABLE,
    ROTA_LOOK_REGULAR,
    ROTA_LOOK_DIRECTORY,
    ROTA_LOOK_SOCKET,
    ROTA_LOOK_PIPE,
    ROTA_LOOK_CHARACTER,
    ROTA_LOOK_BLOCK,
    ROTA_LOOK_EPOLL,
    ROTA_LOOK_EVENTFD,
    ROTA_LOOK_RING,
    ROTA_LOOK_OWN,  /* the ring that the request was sent to */
    ROTA_LOOK_SAME, /* another descriptor of the request is the same file */
    ROTA_LOOK_LISTENING,
    ROTA_LOOK_CONNECTED,
    ROTA_LOOK_BOUND,
    ROTA_LOOK_DATAGRAM,
    ROTA_LOOK_SEALED, /* against some way of changing it, as a memfd_create(2) file can be */
    ROTA_LOOK_TABLED, /* a ring with a file table */
    ROTA_LOOK_FULL,   /* a ring whose file table has no free slot */
    /* of a slot or a registered buffer */
    ROTA_LOOK_WITHIN, /* the slot is one of the table; the memory lies in the buffer */
    /* of a path, a buffer group, a registered buffer */
    ROTA_LOOK_PRESENT,    /* there is such a thing */
    ROTA_LOOK_REACHABLE,  /* the directory that the path's last part is looked up in exists */
    ROTA_LOOK_EMPTY,      /* the path has no letters */
    ROTA_LOOK_POPULATED,  /* it names a directory with something in it */
    ROTA_LOOK_CHANGEABLE, /* the process may make and remove names in the last part's directory */
    ROTA_LOOK_LINK,       /* it names a symbolic link */
    /* of memory */
    ROTA_LOOK_CREATING, /* a struct open_how with O_CREAT */
    ROTA_LOOK_MODED,    /* with a mode */
    ROTA_LOOK_READING,  /* that opens for reading */
    ROTA_LOOK_WRITING,  /* that opens for writing */
    ROTA_LOOK_CONFINED, /* with RESOLVE_BENEATH or RESOLVE_NO_XDEV */
    ROTA_LOOK_CACHED,   /* with RESOLVE_CACHED */
    ROTA_LOOK_LINKLESS, /* with RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS or O_NOFOLLOW */
    ROTA_LOOK_KNOWN,    /* with nothing in it that the library does not know; also of futex words */
    ROTA_LOOK_CROWDED,  /* a struct msghdr with more than 1024 vectors */
    ROTA_LOOK_BOUNDED,  /* vectors, none of which is longer than any memory can be */
    ROTA_LOOK_RELATED,  /* a socket address of the socket's own family */
    ROTA_LOOK_WHOLE,    /* a socket address as long as its family's are */
    ROTA_LOOK_VALID,    /* no negative time or length, with less than a second of nanoseconds */
    ROTA_LOOK_FORMED,   /* a struct msghdr whose lengths fit each other */
    /* to the size of its elements; of futex words: each of them; of a file: to its blocks */
    ROTA_LOOK_ALIGNED,
    ROTA_LOOK_PAGED,  /* it starts on a page */
    ROTA_LOOK_MAPPED, /* all of it is mapped, in whatever way */
    /* of the array of a register call, whose slots may lie within the ring's table, too */
    ROTA_LOOK_TAGGED, /* an empty element has a tag */
    ROTA_LOOK_ZERO,   /* all bytes are */
    /* of a member of its structure */
    ROTA_LOOK_POWER, /* a power of two */
    /* of the ring */
    ROTA_LOOK_BUFFERED, /* the ring has registered buffers */
    ROTA_LOOK_ABSENT,   /* the register call was made without one */
};

/* Instead of the index of a field. */
#define ROTA_LOOK_AT_RING 0xff
/* Of a register call: its array; otherwise a look is at the member at that offset. */
#define ROTA_LOOK_AT_ITEMS 0xfe

struct rota_look {
    uint8_t kind; /* enum rota_look_kind */
    uint8_t at;   /* which of the row's fields it is at, or ROTA_LOOK_AT_* */
    bool negated; /* the opposite must be seen */
};

/* Looks at the world. */
struct rota_look_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_look *rota_info_looks(struct rota_look_rows rows);

/* An error particular to the operation. Where conditions or looks fail it is not the cause. */
struct rota_error_info {
    struct rota_text_place cause;
    struct rota_text_place remedy; /* or none */
    struct rota_condition_rows when;
    struct rota_condition_rows done; /* the remedy was applied already when all of these hold */
    struct rota_look_rows looks;
    struct rota_condition_rows
        element;    /* hold together for an element of a register call's array */
    int16_t error;  /* negative errno */
    uint16_t since; /* first kernel that answers so; 0: as old as the opcode */
    uint16_t until; /* first kernel that no longer does; 0: none */
    bool partial;   /* all of that is needed, but not enough to be certain */
    bool sole;      /* the kernel has no other reason for the error here */
};

/* Errors of an operation. */
struct rota_error_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_error_info *rota_info_errors(struct rota_error_rows rows);

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
    struct rota_text_place name; /* without IORING_OP_ */
    struct rota_text_place summary;
    struct rota_text_place syscall; /* the system call it stands for, as "recv(2)", or none */
    struct rota_text_place config;  /* the kernel option without which it is missing, or none */
    struct rota_text_place note;    /* what surprises, or none */
    struct rota_text_place res;     /* meaning of the result */
    struct rota_field_rows fields;
    struct rota_ignored_rows ignored;
    struct rota_rule_rows rules;
    struct rota_error_rows errors;
    /* What its prep functions store in fields that need not be read. */
    struct rota_condition_rows left_over;
    /* The shape holds when all of these do, or when all of the others do where there are any. */
    struct rota_condition_rows stream_when;
    struct rota_condition_rows stream_or_when;
    struct rota_condition_rows short_when; /* see short_fails */
    uint32_t cqe_flags;                    /* IORING_CQE_F_* that may be set */
    uint32_t setup_one_of;                 /* IORING_SETUP_* of which the ring needs one; 0: none */
    uint16_t since;
    uint8_t shape; /* enum rota_shape */
    uint8_t opcode;
    /* What IOSQE_FIXED_FILE, _BUFFER_SELECT and _CQE_SKIP_SUCCESS do here. */
    uint8_t fixed_file; /* enum rota_iosqe */
    uint8_t buffer_select;
    uint8_t cqe_skip;
    int16_t fixed_file_error;  /* negative errno where it is refused or was required */
    uint16_t fixed_file_since; /* first kernel that takes it, if later than the opcode; 0 */
    int16_t fixed_file_before; /* the negative errno of older ones; 0: they do not look at it */
    uint16_t buffer_select_since;
    uint16_t cqe_skip_since;
    /*
     * A result below what was asked for, 0 at the end of a file included, counts as a failure
     * (when all of short_when holds): links behind the request are cancelled, and it is posted
     * in spite of IOSQE_CQE_SKIP_SUCCESS.
     */
    bool short_fails;
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

/* What kind of file gives commands their meaning. */
enum rota_command_of {
    ROTA_COMMAND_OF_SOCKET,
    ROTA_COMMAND_OF_BLOCK,
    ROTA_COMMAND_OF_CHARACTER, /* a device with one of the family's names */
    ROTA_COMMAND_OF_REGULAR,
    ROTA_COMMAND_OF_ANONYMOUS, /* a file without a name */
};

/* Commands of one owner. */
struct rota_family_info {
    struct rota_text_place name;
    struct rota_text_place summary;
    struct rota_text_place note;   /* or none */
    struct rota_text_place header; /* that defines names and structures; none: <rota/uapi.h> */
    struct rota_text_place config; /* the kernel option without which they are missing, or none */
    struct rota_text_place place;  /* what takes them, in words that stand behind "on" */
    struct rota_text_place
        devices;                   /* names below /dev with blanks between, `*` a number; or none */
    struct rota_error_rows errors; /* of each of them */
    uint8_t opcode;                /* that carries them */
    uint8_t kind;                  /* enum rota_command_of */
    bool big_cqe;                  /* they need completions of 32 bytes */
    int16_t ring_error; /* negative errno on a ring whose entries are too small; 0: not checked */
};

/* A member of a structure that stands in the SQE. */
struct rota_member_info {
    struct rota_text_place name;
    uint8_t offset; /* from the start of the structure */
    uint8_t size;   /* bytes, of an array all of them */
    uint8_t count;  /* elements of an array; 1 */
};

/* Members of a structure, in memory order. */
struct rota_member_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_member_info *rota_info_members(struct rota_member_rows rows);

/* Memory that a command leads to, by a member of its structure or of the SQE. */
struct rota_point_info {
    struct rota_text_place name; /* of the member */
    struct rota_text_place summary;
    uint8_t offset;      /* of the address, from the start of the SQE */
    uint8_t size;        /* and its bytes */
    uint8_t length_at;   /* of the member that says how many bytes of memory there are */
    uint8_t length_size; /* and its bytes; 0: there is none */
    uint8_t memory;      /* enum rota_memory; BOTH: read or written, as the command says */
    uint8_t lives;       /* enum rota_lives */
    bool vectors;        /* it is an array of struct iovec, which the length counts */
};

/* What a command leads to. */
struct rota_point_rows {
    uint16_t first;
    uint16_t count;
};

/* The first of `count` rows that stand beside each other, or NULL when there are none. */
ROTA_API const struct rota_point_info *rota_info_points(struct rota_point_rows rows);

/* A command: what a number means to the files of a family. */
struct rota_command_info {
    struct rota_text_place name; /* or none where every number means the same */
    struct rota_text_place summary;
    struct rota_text_place note;    /* or none */
    struct rota_text_place payload; /* tag of the structure that it brings, or none */
    struct rota_text_place res;     /* meaning of the result */
    struct rota_member_rows members;
    struct rota_error_rows errors; /* particular to it */
    struct rota_point_rows points;
    uint32_t number;
    uint16_t since;
    uint8_t family; /* its place in rota_family_infos() */
    uint8_t bytes;  /* of the structure; more than 16 need an SQE of 128 bytes */
    bool every_number;
    bool coded;  /* the number has letter and size in it, as those of ioctl(2) have */
    bool stream; /* it answers again and again */
};

/* The families and how many there are. */
ROTA_API const struct rota_family_info *rota_family_infos(unsigned *count);

/*
 * The commands, family by family, and how many there are. Different families
 * give the same number different meanings: which one holds, the file decides.
 */
ROTA_API const struct rota_command_info *rota_command_infos(unsigned *count);

enum rota_items {
    ROTA_ITEMS_NONE,
    ROTA_ITEMS_DESCRIPTORS,
    ROTA_ITEMS_VECTORS,
    ROTA_ITEMS_BYTES, /* structures or numbers */
    ROTA_ITEMS_SLOTS, /* of the file table: there is no array */
};

/* Instead of the offset of a member: there is none. */
#define ROTA_ITEMS_NOWHERE 0xff

/* The array that a register call goes through. */
struct rota_items_info {
    uint8_t kind;          /* enum rota_items */
    uint8_t bytes;         /* of an element */
    uint8_t at;            /* the member that leads there, or ROTA_COND_ON_ARG */
    uint8_t inside;        /* so many bytes behind that address */
    uint8_t count_at;      /* the member with their number, or ROTA_COND_ON_COUNT */
    uint8_t count_bytes;   /* of that member */
    uint8_t first_at;      /* the member with the slot of the first element */
    uint8_t tags_at;       /* the member that leads to a number for each */
    uint8_t descriptor_at; /* within an element that is or has a descriptor, and its bytes */
    uint8_t descriptor_bytes;
    bool part;    /* an error is of the first element: later ones only shorten the result */
    bool written; /* the kernel writes them back */
    struct rota_condition_rows must; /* on an element, or the answer is EINVAL */
};

/* One row of the table for io_uring_register(2). */
struct rota_register_info {
    struct rota_text_place name; /* without IORING_ */
    struct rota_text_place summary;
    struct rota_text_place arg;     /* C type of what the argument points to, or none */
    struct rota_text_place nr_args; /* what the count means */
    struct rota_text_place res;     /* meaning of the result */
    struct rota_text_place note;    /* or none */
    struct rota_error_rows errors;
    struct rota_items_info items;
    struct rota_condition_rows must; /* on the structure, or the answer is EINVAL */
    uint8_t
        arg_bytes;    /* of the structure behind the argument; 0: there is none, or more than one */
    bool arg_written; /* the kernel writes there, too */
    bool counted;     /* nr_args lies between these two: */
    uint32_t count_min;
    uint32_t count_max;
    uint32_t needs;   /* IORING_SETUP_* that the ring must have */
    uint32_t refuses; /* and must not have */
    uint16_t since;
    uint16_t without_ring; /* first kernel where it works on fd -1; 0: none */
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
    struct rota_text_place name;      /* such as "rota_prep_read" */
    struct rota_text_place prototype; /* the whole declaration */
    struct rota_text_place summary;
    uint16_t since;
    uint8_t opcode;
};

/* All prep functions, in the order of their opcodes; `count` receives how many. */
ROTA_API const struct rota_prep_info *rota_prep_infos(unsigned *count);

ROTA_END_DECLS

#endif /* ROTA_INFO_H */
