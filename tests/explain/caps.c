/* SPDX-License-Identifier: MIT */
/*
 * What the kernel can do: the answers against the kernel's own interfaces,
 * against a kernel that does not tell, and against one that refuses.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <rota.h>
#include <stdlib.h>
#include <time.h>

#include "tap.h"

static struct rota_caps caps;

static int deny_setup(uint32_t entries, struct io_uring_params *params)
{
    (void)entries;
    (void)params;
    return -EPERM;
}

static int deny_query(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    return opcode == IORING_REGISTER_QUERY ? -EINVAL : rota_sys_register(fd, opcode, arg, nr_args);
}

static int deny_both(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    if (opcode == IORING_REGISTER_QUERY || opcode == IORING_REGISTER_PROBE)
        return -EINVAL;
    return rota_sys_register(fd, opcode, arg, nr_args);
}

/* The probe by hand. */
static void against_probe(void)
{
    struct io_uring_probe *probe = calloc(1, sizeof(*probe) + 256 * sizeof(probe->ops[0]));
    struct io_uring_params params;
    unsigned wrong = 0;
    int fd;

    memset(&params, 0, sizeof(params));
    fd = rota_sys_setup(1, &params);
    if (!probe || fd < 0 || rota_sys_register(fd, IORING_REGISTER_PROBE, probe, 256) < 0) {
        skip(2, "this kernel has no probe");
    } else {
        for (unsigned i = 0; i < 65; i++) {
            bool has = i < probe->ops_len && (probe->ops[i].flags & IO_URING_OP_SUPPORTED);

            wrong += (rota_caps_opcode(&caps, i, NULL) == ROTA_YES) != has;
        }
        is_int(wrong, 0, "each opcode is there exactly when the probe lists it");
        is_hex(caps.features, params.features, "the features are those of a ring");
    }
    free(probe);
}

/* Trials must not contradict what the kernel tells where it does. */
static void without(const char *name, int (*reg)(int, uint32_t, const void *, uint32_t))
{
    struct rota_kernel kernel = rota_kernel_real;
    unsigned contradicted = 0, known = 0, unknown = 0;
    static struct rota_caps blind;
    const struct rota_flag_rule *rules;
    unsigned count;

    kernel.reg = reg;
    is_int(rota_caps_get(&blind, &kernel), 0, "%s: the rest is learnt all the same", name);
    rules = rota_group_info("setup", &count);
    for (unsigned i = 0; i < count; i++) {
        enum rota_learnt how;
        enum rota_answer told = rota_caps_flag(&caps, "setup", rules[i].value, 0, NULL);
        enum rota_answer tried = rota_caps_flag(&blind, "setup", rules[i].value, 0, &how);

        known += tried != ROTA_UNKNOWN;
        unknown += tried == ROTA_UNKNOWN;
        if (tried != ROTA_UNKNOWN && told != ROTA_UNKNOWN && tried != told) {
            contradicted++;
            diag("%s: told %d, tried %d", rota_info_text(rules[i].name), told, tried);
        }
        if (tried == ROTA_UNKNOWN ? how != ROTA_LEARNT_NOT : how == ROTA_LEARNT_QUERY)
            contradicted++;
    }
    is_int(contradicted, 0, "%s: no set-up flag is contradicted (%u known, %u not)", name, known,
           unknown);
    ok(known >= 15, "%s: most set-up flags are known", name);
    contradicted = 0;
    for (unsigned i = 0; i < 37; i++) {
        enum rota_answer told = rota_caps_register(&caps, i, NULL);
        enum rota_answer tried = rota_caps_register(&blind, i, NULL);

        contradicted += tried != ROTA_UNKNOWN && told != ROTA_UNKNOWN && tried != told;
    }
    is_int(contradicted, 0, "%s: no register call is contradicted", name);
    contradicted = 0;
    for (unsigned i = 0; i < 65; i++) {
        enum rota_answer told = rota_caps_opcode(&caps, i, NULL);
        enum rota_answer tried = rota_caps_opcode(&blind, i, NULL);

        contradicted += tried != ROTA_UNKNOWN && told != tried;
    }
    is_int(contradicted, 0, "%s: no opcode is contradicted", name);
}

static void refused(void)
{
    struct rota_kernel kernel = rota_kernel_real;
    struct rota_caps denied;
    char text[200];

    kernel.setup = deny_setup;
    kernel.reg = deny_both;
    is_int(rota_caps_get(&denied, &kernel), -EPERM, "without a ring the reason comes back");
    is_int(denied.ring_error, -EPERM, "and stands in the answer");
    is_int(rota_caps_opcode(&denied, IORING_OP_NOP, NULL), ROTA_UNKNOWN, "nothing is claimed");
    rota_caps_why(&denied, "opcode", IORING_OP_NOP, 0, text, sizeof(text));
    is_str(text, "unknown: nothing told of it; no ring could be made: EPERM; first in 5.1",
           "and said why");
    is_int(rota_caps_get(NULL, NULL), -EINVAL, "no place is EINVAL");
    is_int(denied.kind, ROTA_KERNEL_OTHER, "and of whom: not of the real kernel");

    kernel.kind = ROTA_KERNEL_EMULATED;
    rota_caps_get(&denied, &kernel);
    is_int(denied.kind, ROTA_KERNEL_EMULATED, "of an emulated one it says so");
    rota_caps_why(&denied, "opcode", IORING_OP_NOP, 0, text, sizeof(text));
    is_str(text, "unknown: nothing told of it; no ring could be made: EPERM",
           "and not which release would help");
    denied.opcodes_how = ROTA_LEARNT_PROBE;
    rota_caps_why(&denied, "opcode", IORING_OP_NOP, 0, text, sizeof(text));
    is_str(text, "no: the emulated kernel's probe says so", "nor that it was the kernel's word");
}

/* A program that was compiled with another structure. */
static void other_sizes(void)
{
    struct {
        struct rota_caps caps;
        unsigned char behind[64];
    } larger;
    unsigned char *bytes = (unsigned char *)&larger;
    size_t small = offsetof(struct rota_caps, ops), wrong = 0;

    memset(&larger, 0x5a, sizeof(larger));
    is_int(rota_caps_get_sized(&larger.caps, small, NULL), -EINVAL, "an older, smaller one");
    for (size_t i = 0; i < small; i++)
        wrong += bytes[i] != 0;
    is_int((long)wrong, 0, "is cleared");
    for (size_t i = small; i < sizeof(larger); i++)
        wrong += bytes[i] != 0x5a;
    is_int((long)wrong, 0, "and not overrun");
    ok(!rota_caps_valid(&larger.caps), "it is none");
    is_int(rota_caps_opcode(&larger.caps, IORING_OP_NOP, NULL), ROTA_UNKNOWN, "and knows nothing");
    is_int(rota_caps_get_sized(&larger.caps, sizeof(larger.caps) - 1, NULL), -EINVAL,
           "by a byte, too");
    is_int(bytes[sizeof(larger.caps) - 1], 0x5a, "which stays");
    is_int(rota_caps_get_sized(&larger.caps, sizeof(larger), NULL), 0, "a newer, larger one");
    for (size_t i = 0; i < sizeof(larger.behind); i++)
        wrong += larger.behind[i] != 0;
    is_int((long)wrong, 0, "is zero where this library knows nothing");
    ok(rota_caps_valid(&larger.caps), "and holds the rest");
}

static int boast(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    const struct io_uring_query_hdr *hdr = arg;
    struct io_uring_query_opcode *answer;

    if (opcode != IORING_REGISTER_QUERY)
        return rota_sys_register(fd, opcode, arg, nr_args);
    answer = (struct io_uring_query_opcode *)(uintptr_t)hdr->query_data;
    answer->nr_request_opcodes = UINT32_MAX;
    answer->nr_register_opcodes = 65536 + 3;
    return 0;
}

static void boastful(void)
{
    struct rota_kernel kernel = rota_kernel_real;
    struct rota_caps boasted;

    kernel.setup = deny_setup;
    kernel.reg = boast;
    is_int(rota_caps_get(&boasted, &kernel), -EPERM, "a kernel that says it has four billion");
    is_int(boasted.opcode_count, 256, "has as many as there can be");
    is_int(boasted.register_count, 256, "of both kinds");
}

static void sentences(void)
{
    char text[300];
    enum rota_learnt how;

    is_int(rota_caps_opcode(&caps, IORING_OP_READ, &how), ROTA_YES, "there is READ");
    is_int(how, ROTA_LEARNT_PROBE, "as the probe says");
    is_int(rota_caps_opcode(&caps, 255, NULL), ROTA_NO, "there is no opcode 255");
    rota_caps_why(&caps, "opcode", IORING_OP_READ, 0, text, sizeof(text));
    is_str(text, "yes: the kernel's probe says so", "in words");
    rota_caps_why(&caps, "poll", IORING_POLL_ADD_LEVEL, IORING_OP_POLL_ADD, text, sizeof(text));
    ok(!strncmp(text, "no: ", 4) && strstr(text, "Only release candidates"),
       "a flag that no kernel takes: %s", text);
    is_int(rota_caps_why(NULL, "opcode", 1, 0, text, sizeof(text)), -EINVAL, "of no answer");
    is_int(rota_caps_why(&caps, NULL, 1, 0, text, sizeof(text)), -EINVAL, "and of no kind");
    is_int(rota_caps_format(NULL, text, sizeof(text)), -EINVAL, "there is nothing to tell");
    is_int(rota_caps_flag(&caps, NULL, 1, 0, &how), ROTA_UNKNOWN, "a flag of no group");
    is_int(how, ROTA_LEARNT_NOT, "was not learnt");
    is_int(rota_caps_why(&caps, "nonsense", 1, 0, text, sizeof(text)), -EINVAL,
           "a kind that there is not is EINVAL");
    is_int(rota_caps_flag(&caps, "nonsense", 1, 0, NULL), ROTA_UNKNOWN,
           "a group that there is not is unknown");
}

/* Whether the text is one JSON value; enough of a parser for what the library writes. */
static const char *json_value(const char *p)
{
    char end;

    if (*p == '"') {
        for (p++; *p && *p != '"'; p++)
            p += *p == '\\';
        return *p ? p + 1 : NULL;
    }
    if (!strncmp(p, "null", 4))
        return p + 4;
    if (*p != '{' && *p != '[')
        return NULL;
    end = *p == '{' ? '}' : ']';
    for (p++; *p != end; p++) {
        if (end == '}') {
            p = json_value(p);
            if (!p || *p++ != ':')
                return NULL;
        }
        p = json_value(p);
        if (!p || (*p != ',' && *p != end))
            return NULL;
        if (*p == end)
            break;
    }
    return p + 1;
}

static void forms(void)
{
    int length = rota_caps_format(&caps, NULL, 0);
    char *text = malloc((size_t)length + 1);
    struct rota_caps copy;
    const char *end;

    if (!text)
        bail("no memory");
    is_int(rota_caps_format(&caps, text, (size_t)length + 1), length, "the JSON form has a length");
    end = json_value(text);
    ok(end && !*end, "and is one value of JSON");
    ok(!strncmp(text, "{\"kind\":\"real\",", 15), "which begins with what was asked");
    ok(strstr(text, "{\"name\":\"READ\",\"has\":\"yes\",\"how\":\"probe\",\"since\":\"5.6\"}"),
       "with an object for each opcode");
    free(text);
    memcpy(&copy, &caps, sizeof(copy));
    ok(rota_caps_valid(&copy), "its bytes are its binary form");
    copy.layout++;
    ok(!rota_caps_valid(&copy) && !rota_caps_valid(NULL), "and another layout is refused");
}

/* Printed, not judged: the machine may be busy. */
static void measure(void)
{
    struct timespec before, after;
    long best = 1000000000;

    for (int i = 0; i < 30; i++) {
        long took;

        clock_gettime(CLOCK_MONOTONIC, &before);
        rota_caps_get(&caps, NULL);
        clock_gettime(CLOCK_MONOTONIC, &after);
        took = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
        best = took < best ? took : best;
    }
    diag("rota_caps_get: %ld microseconds at best", best / 1000);
}

int main(void)
{
    int ret = rota_caps_get(&caps, NULL);

    if (ret < 0)
        skip_all("no ring can be made here");
    ok(rota_caps_valid(&caps), "the answer is valid");
    ok(caps.kernel_from >= ROTA_KERNEL(5, 4), "the kernel is at least 5.4");
    diag("fits kernels from %u.%u to before %u.%u", caps.kernel_from >> 8, caps.kernel_from & 255,
         caps.kernel_before >> 8, caps.kernel_before & 255);
    against_probe();
    without("without the query", deny_query);
    without("without query and probe", deny_both);
    refused();
    other_sizes();
    boastful();
    sentences();
    forms();
    measure();
    return done();
}
