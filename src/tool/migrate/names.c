/* SPDX-License-Identifier: MIT */
/* Looking names up, and what a person may write where rota has none that means the same. */
#include "tool/migrate/names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* In the order of strcmp(). */
static const struct migrate_name instead[] = {
    {"IO_URING_CHECK_VERSION", "<rota.h> has all of 2.15, and ROTA_VERSION_AT_LEAST()"},
    {"IO_URING_READ_ONCE", "__atomic_load_n(&x, __ATOMIC_RELAXED)"},
    {"IO_URING_VERSION_MAJOR", "ROTA_VERSION_MAJOR is another count"},
    {"IO_URING_VERSION_MINOR", "ROTA_VERSION_MINOR is another count"},
    {"IO_URING_WRITE_ONCE", "__atomic_store_n(&x, value, __ATOMIC_RELAXED)"},
    {"LIBURING_HAVE_DATA64", "it holds always"},
    {"LIBURING_NOEXCEPT", "leave it out"},
    {"LIBURING_UDATA_TIMEOUT", "no timeout of the library's own is ever submitted"},
    {"__io_uring_clone_buffers", "rota_clone_buffers"},
    {"__io_uring_get_cqe", "rota_submit_and_wait and rota_wait_cqe"},
    {"__io_uring_peek_cqe", "rota_peek_cqe"},
    {"__io_uring_prep_uring_cmd", "rota_prep_uring_cmd"},
    {"__io_uring_set_target_fixed_file", "sqe->file_index = index + 1"},
    {"io_uring_check_version", "<rota.h> has all of 2.15, and ROTA_VERSION_AT_LEAST()"},
    {"io_uring_cqe_iter", "rota_for_each_cqe"},
    {"io_uring_cqe_iter_init", "rota_for_each_cqe"},
    {"io_uring_cqe_iter_next", "rota_for_each_cqe"},
    {"io_uring_cqe_shift", "ring->flags & IORING_SETUP_CQE32 ? 1 : 0"},
    {"io_uring_cqe_shift_from_flags", "flags & IORING_SETUP_CQE32 ? 1 : 0"},
    {"io_uring_free_probe", "a struct rota_caps needs no end"},
    {"io_uring_get_probe", "rota_caps_get, or rota_register_probe into memory of your own"},
    {"io_uring_get_probe_ring", "rota_caps_get, or rota_register_probe into memory of your own"},
    {"io_uring_initialize_sqe", "rota_get_sqe hands out cleared entries; memset one of your own"},
    {"io_uring_load_sq_head", "__atomic_load_n(ring->sq.khead, __ATOMIC_ACQUIRE)"},
    {"io_uring_major_version", "ROTA_VERSION_MAJOR is another count"},
    {"io_uring_minor_version", "ROTA_VERSION_MINOR is another count"},
    {"io_uring_opcode_supported",
     "rota_caps_opcode, or the flags that rota_register_probe fills in"},
    {"io_uring_prep_rw", "the request's own function, or the members opcode, fd, addr, len, off"},
    {"io_uring_skip_cqe", "cqe->flags & IORING_CQE_F_SKIP"},
    {"io_uring_smp_load_acquire", "__atomic_load_n(p, __ATOMIC_ACQUIRE)"},
    {"io_uring_smp_mb", "__atomic_thread_fence(__ATOMIC_SEQ_CST)"},
    {"io_uring_smp_store_release", "__atomic_store_n(p, value, __ATOMIC_RELEASE)"},
    {"io_uring_sqe_shift", "ring->flags & IORING_SETUP_SQE128 ? 1 : 0"},
    {"io_uring_sqe_shift_from_flags", "flags & IORING_SETUP_SQE128 ? 1 : 0"},
    {"uring_likely", "__builtin_expect(!!(x), 1)"},
    {"uring_ptr_to_u64", "(uint64_t)(uintptr_t)p"},
    {"uring_unlikely", "__builtin_expect(!!(x), 0)"},
};

static int find_name(const struct migrate_name *names, unsigned count, const char *name)
{
    unsigned low = 0, high = count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(names[middle].name, name);

        if (!order)
            return (int)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static bool has_name(const char *const *names, unsigned count, const char *name)
{
    unsigned low = 0, high = count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(names[middle], name);

        if (!order)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

int names_function(const char *name)
{
    return find_name(migrate_functions, migrate_function_count, name);
}

int names_tag(const char *name)
{
    return find_name(migrate_tags, migrate_tag_count, name);
}

bool names_kernel_tag(const char *name)
{
    return has_name(migrate_kernel_tags, migrate_kernel_tag_count, name);
}

bool names_own(const char *name)
{
    return has_name(migrate_own_names, migrate_own_name_count, name);
}

const char *names_member(const char *name)
{
    int found = find_name(migrate_members, migrate_member_count, name);

    return found < 0 ? NULL : migrate_members[found].rota;
}

const char *names_instead(const char *name)
{
    int found = find_name(instead, sizeof(instead) / sizeof(instead[0]), name);

    return found < 0 ? NULL : instead[found].rota;
}

const char *names_token(const struct file *file, const struct token *token)
{
    static char name[128];

    if (token->length >= sizeof(name))
        return "";
    memcpy(name, file->text.data + token->at, token->length);
    name[token->length] = '\0';
    return name;
}

bool names_like_liburing(const char *name)
{
    name += strspn(name, "_");
    return !strncmp(name, "io_uring_", 9);
}

/* Not as in "measuring": what stands before it ends a word, or makes one of these. */
static bool begins_uring(const char *text, size_t at)
{
    if (!at || !isalpha((unsigned char)text[at - 1]))
        return true;
    if (text[at] == 'U' && islower((unsigned char)text[at - 1]))
        return true;
    return (at >= 2 && (!strncasecmp(text + at - 2, "io", 2) || !memcmp(text + at - 2, "-l", 2))) ||
           (at >= 3 && !strncasecmp(text + at - 3, "lib", 3));
}

bool names_uring(const char *text, size_t length)
{
    for (size_t at = 0; at + 5 <= length; at++) {
        if (!strncasecmp(text + at, "uring", 5) && begins_uring(text, at))
            return true;
    }
    return false;
}
