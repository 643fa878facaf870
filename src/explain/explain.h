/* SPDX-License-Identifier: MIT */
/* A list of causes, ranked by how sure they are. */
#ifndef ROTA_SRC_EXPLAIN_H
#define ROTA_SRC_EXPLAIN_H

#include "explain/understand.h"
#include "explain/world.h"

struct rota_cause_list {
    struct rota_cause *causes;
    unsigned max;
    unsigned count;
    const struct rota_process *process; /* where to look; NULL: the calling one */
    enum rota_refusal refusal;          /* of the causes that are added next */
};

/* Room for the structures behind the arguments of register calls. */
#define ROTA_CALL_BYTES 128
/* And for an element of their arrays. */
#define ROTA_ELEMENT_BYTES 64

/* What is known of a register call. */
struct rota_call_view {
    const struct rota_process *process;
    const struct rota_ring *ring;
    const struct rota_register_call *call; /* NULL: nothing */
    const struct rota_register_info *info;
    unsigned got; /* of these bytes, which lie behind the argument */
    unsigned char bytes[ROTA_CALL_BYTES];
};

/* Where the explanation of a request stands. */
struct rota_subject {
    const struct rota_ring *ring;
    const struct rota_caps *caps;
    const struct io_uring_sqe *sqe;
    const struct rota_op_info *op;
    int res;
    struct rota_cause_list *list;
    const struct rota_call_view *call; /* it is of a register call instead */
    uint32_t claimed;                  /* a bit for each field of the row of which a cause speaks */
};

/* Whether an error of a row can be the cause, and whether all that it asks for was seen. */
enum rota_answer rota_row_holds(const struct rota_subject *s, const struct rota_error_info *error);
/* Whether one of the errors is that one at all. */
bool rota_row_speaks(struct rota_error_rows rows, int res);

/* look.c: whether a look of the table sees what it should. */
enum rota_answer rota_look_holds(const struct rota_subject *s, const struct rota_look *look);
/* A descriptor, or the slot of the ring's file table, that a field of the request names. */
void rota_subject_file(const struct rota_subject *s, const struct rota_field_info *field,
                       struct rota_file_view *view);
/*
 * reach.c
 */

/* Whether a pointer leads to an array of struct iovec, to a text with its end, or to bytes of any kind. */
bool rota_field_is_vector(const struct rota_field_info *field, const struct io_uring_sqe *sqe);
bool rota_field_is_text(const struct rota_field_info *field);
bool rota_field_is_data(const struct rota_field_info *field);
/* Whether its type says so: "struct sockaddr *". */
bool rota_field_points_to(const struct rota_field_info *field, const char *what);
/* Bytes of one element behind a pointer. */
uint64_t rota_field_element(const struct rota_field_info *field);

/* The kernel's struct futex_waitv. */
struct rota_futex {
    uint64_t value, address;
    uint32_t flags, reserved;
};

/* Words that one request waits for at most. */
#define ROTA_FUTEXES_TAKEN 128u
/* Element `index` of the array of them behind a field; false when there is none. */
bool rota_subject_futex(const struct rota_subject *s, const struct rota_field_info *field,
                        uint64_t index, struct rota_futex *word);
/*
 * The first descriptor of an array that is not open or, with `rings`, that is a
 * ring's: its index. Negative: none, or ROTA_ARRAY_UNSEEN.
 */
#define ROTA_ARRAY_UNSEEN (-2)
long rota_array_find(const struct rota_process *process, uint64_t address, uint64_t count,
                     bool rings, int *fd);
/* Whether no element of a vector is longer than any memory can be. */
enum rota_answer rota_vectors_bounded(const struct rota_process *process, uint64_t address,
                                      uint64_t count);

/*
 * Whether the memory behind a pointer is all there, vectors and messages with
 * all that they name; where not, `text` (or NULL) gets the first part that is not.
 */
enum rota_answer rota_subject_memory(const struct rota_subject *s,
                                     const struct rota_field_info *field, struct rota_text *text);
/* The same of memory that a command's structure leads to. */
enum rota_answer rota_subject_point(const struct rota_subject *s,
                                    const struct rota_point_info *point, struct rota_text *text);
/* The field with the registered buffer that the request uses, or NULL. */
const struct rota_field_info *rota_subject_buffer(const struct rota_subject *s);
/* Whether the request's memory lies in that buffer. */
enum rota_answer rota_subject_within(const struct rota_subject *s,
                                     const struct rota_ring_view *buffer);

/* Whether an address starts a page; of the sizes of pages only the smallest may be known. */
enum rota_answer rota_starts_page(uint64_t address);

/*
 * call.c
 */

/* What a look at an array has found. */
#define ROTA_FOUND_NONE UINT64_MAX
struct rota_found {
    uint64_t index; /* of the element that decided */
};

/* Looks at the call and its structure; `call` stays with the view. */
void rota_call_look_at(struct rota_call_view *view, const struct rota_process *process,
                       const struct rota_ring *ring, const struct rota_register_call *call);
/* Whether the conditions of an error hold, those on an element too. */
enum rota_answer rota_call_conditions_hold(const struct rota_call_view *view,
                                           const struct rota_error_info *error);
enum rota_answer rota_call_look_holds(const struct rota_subject *s, const struct rota_look *look);
/* That the count is none that the call takes; the argument is missing, or one too many; its memory is not there. */
bool rota_call_count_is_wrong(const struct rota_call_view *view, struct rota_cause_list *list);
bool rota_call_argument_is_wrong(const struct rota_call_view *view, struct rota_cause_list *list);
bool rota_call_memory_is_missing(const struct rota_call_view *view, struct rota_cause_list *list);
/* What must be of members and elements, and is not. */
bool rota_call_musts(const struct rota_call_view *view, struct rota_cause_list *list);
/* Values and elements that a row is about, in parentheses. */
void rota_call_evidence(struct rota_text *text, const struct rota_subject *s,
                        const struct rota_error_info *error);

/*
 * situation.c
 */

/* What can be told exactly: closed descriptors, empty slots, buffers, memory, paths. */
void rota_situation_exact(struct rota_subject *s);
/* Whether all memory of the request is there; ROTA_NO also when it has none. */
enum rota_answer rota_subject_memory_is_fine(const struct rota_subject *s);
/* What personalities and groups of buffers tell. */
void rota_situation_personality(struct rota_subject *s);
void rota_situation_group(struct rota_subject *s);
/* That the memory which a group gave is not there. */
void rota_situation_group_memory(struct rota_subject *s);
/* "fd=7" */
void rota_cause_fd(struct rota_text *text, const char *name, int fd);
/* Whether the request can have its field read. */
bool rota_subject_reads(const struct rota_subject *s, const struct rota_field_info *field);

/* kinds.c: what the kinds of its files tell. */
void rota_situation_kinds(struct rota_subject *s);
/* When nothing else is known: what they are. */
void rota_situation_anything(struct rota_subject *s);

/* stall.c: why a wait found nothing. */
void rota_situation_stall(struct rota_cause_list *list, const struct rota_ring *ring);
/* explain_setup.c: that a filter of system calls may be the reason. */
void rota_situation_seccomp(struct rota_cause_list *list);

/*
 * align.c
 */

/* What a file that is open past the page cache wants, and what does not fit. */
struct rota_alignment {
    unsigned memory, offset; /* multiples of these */
    bool known;
    bool vector;      /* an element of a vector */
    const char *what; /* NULL: all that was seen fits */
};

/* False when not all could be seen. */
bool rota_subject_alignment(const struct rota_subject *s, const struct rota_file_view *view,
                            struct rota_alignment *a);
/* Whether memory, length and position are multiples of what a file open with O_DIRECT wants. */
enum rota_answer rota_subject_aligned(const struct rota_subject *s,
                                      const struct rota_file_view *view);

/*
 * limits.c
 */

void rota_situation_limits(struct rota_subject *s);
/* That the process has no descriptor left; false when its limit cannot be seen. */
bool rota_limit_descriptors(struct rota_cause_list *list, const char *remedy);
/* The limit that an error of a register call tells of, in parentheses. */
void rota_limit_text(struct rota_text *text, const struct rota_process *process, int error);

/* chain.c: what the queue still shows of the requests around it, and their threads. */
void rota_chain_causes(struct rota_subject *s);

/* The directory that the path in a field starts from. */
int rota_subject_directory(const struct rota_subject *s, const struct rota_field_info *field);

/* One cause while it is written: `text` and `remedy` write into its place. */
struct rota_cause_writer {
    struct rota_text text;
    struct rota_text remedy;
};

/* Opens a place behind those that are as sure; false when there is no room for it. */
bool rota_cause_add(struct rota_cause_list *list, enum rota_certainty certainty,
                    struct rota_cause_writer *writer);
/* The same with fixed texts; `remedy` may be NULL. */
void rota_cause_put(struct rota_cause_list *list, enum rota_certainty certainty, const char *text,
                    const char *remedy);
/* What a row says; its full stop makes room where the sentence goes on. */
void rota_cause_sentence(struct rota_text *text, const struct rota_error_info *error, bool goes_on);
/* True when there is a cause of at least that certainty. */
bool rota_cause_known(const struct rota_cause_list *list, enum rota_certainty certainty);

/* The causes after a first line, which `text` holds already. */
void rota_cause_text(struct rota_text *text, const struct rota_cause *causes, int count);
/* "NAME: -22 EINVAL: what it means" */
void rota_answer_text(struct rota_text *text, const char *name, int ret);

#endif /* ROTA_SRC_EXPLAIN_H */
