/* SPDX-License-Identifier: MIT */
/* `rota doctor`: can a ring be made here, and if not, what is in the way. */
#include "tool/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <rota.h>
#include <rota/explain.h>
#include <string.h>
#include <sys/utsname.h>

#define ENTRIES 64

static const char help[] =
    "Usage: rota doctor [OPTION]...\n"
    "Tries whether this process can make rings: a plain one, and each of the usual\n"
    "profiles. Looks at what may be in the way (kernel, sysctl, seccomp, security\n"
    "modules) and at limits that programs with rings run into, and says what to do,\n"
    "and whether a program that falls back on the emulated kernel would run.\n"
    "Nothing is changed.\n"
    "\n"
    "Options:\n"
    "  -j, --json  as JSON\n"
    "  -h, --help  print this\n"
    "\n"
    "Profiles: single (rota_config_single_owner), shared, sqpoll, iopoll.\n"
    "Verdicts: ok; note, worth knowing; warning, a limit that will bite; blocked,\n"
    "this is in the way of any ring.\n"
    "\n"
    "Exit status: 0 a plain ring can be made; 1 none can; 2 bad arguments; 3 the\n"
    "trial itself failed.\n"
    "\n"
    "Examples:\n"
    "  rota doctor\n"
    "  docker run -v /usr/bin/rota:/rota IMAGE /rota doctor\n"
    "  rota doctor --json | jq '.checks[] | select(.verdict == \"blocked\")'\n";

/* A kind of ring, and what became of it. */
struct profile {
    const char *name;
    const char *title;
    void (*fill)(struct rota_config *config);
    int ret;
    uint32_t flags;   /* obtained */
    uint32_t dropped; /* preferred, and not taken by this kernel */
    struct rota_cause causes[ROTA_MAX_CAUSES];
    unsigned cause_count;
};

static struct profile profiles[] = {
    {.name = "plain", .title = "plain", .fill = rota_config_plain},
    {.name = "single", .title = "single owner", .fill = rota_config_single_owner},
    {.name = "shared", .title = "shared", .fill = rota_config_shared},
    {.name = "sqpoll", .title = "SQPOLL", .fill = rota_config_sqpoll},
    {.name = "iopoll", .title = "IOPOLL", .fill = rota_config_iopoll},
};

#define PROFILE_COUNT (sizeof(profiles) / sizeof(profiles[0]))

static const char *error_text(int ret)
{
    const char *name = rota_error_name(ret);

    return name ? name : "unknown error";
}

static void try_profile(struct profile *profile)
{
    struct io_uring_params params;
    struct rota_config config;
    struct rota_ring ring;
    int count;

    profile->fill(&config);
    profile->ret = make_ring(&ring, ENTRIES, &config);
    if (!profile->ret) {
        profile->flags = ring.flags;
        profile->dropped = config.preferred_flags & ~ring.flags;
        rota_queue_exit(&ring);
        return;
    }
    memset(&params, 0, sizeof(params));
    params.flags = config.required_flags;
    count = rota_setup_causes(ENTRIES, &params, profile->ret, profile->causes, ROTA_MAX_CAUSES);
    profile->cause_count = count > 0 ? (unsigned)count : 0;
}

/*
 * Text
 */

static void print_profile(const struct profile *profile, bool explained)
{
    char flags[256], dropped[256];

    if (profile->ret < 0) {
        entry(2, 17, TONE_BAD, profile->title, "no: %s", error_text(profile->ret));
        for (unsigned i = 0; i < profile->cause_count && !explained; i++) {
            paragraph(17, "%s", profile->causes[i].text);
            if (profile->causes[i].remedy[0])
                paragraph(19, "-> %s", profile->causes[i].remedy);
        }
        return;
    }
    flags_text("setup", profile->flags, ", ", flags, sizeof(flags));
    flags_text("setup", profile->dropped, ", ", dropped, sizeof(dropped));
    entry(2, 17, TONE_GOOD, profile->title, "yes%s%s%s%s", profile->flags ? ", with " : "",
          profile->flags ? flags : "", profile->dropped ? "; this kernel lacks " : "",
          profile->dropped ? dropped : "");
}

static void print_check(const struct check *check)
{
    static const enum tone tones[] = {[VERDICT_OK] = TONE_GOOD,
                                      [VERDICT_NOTE] = TONE_PLAIN,
                                      [VERDICT_WARNING] = TONE_WARNING,
                                      [VERDICT_BLOCKED] = TONE_BAD};

    entry(2, 19, tones[check->verdict], check->name, "%s%s",
          check->verdict == VERDICT_BLOCKED   ? "IN THE WAY: "
          : check->verdict == VERDICT_WARNING ? "warning: "
                                              : "",
          check->text);
    if (check->remedy[0])
        paragraph(19, "-> %s", check->remedy);
}

static void print_all(const struct checks *checks, const struct first_look *look)
{
    int ret = profiles[0].ret;

    if (look->killed)
        paint(TONE_BAD, "No ring can be made here: io_uring_setup kills the process\n");
    else if (ret < 0)
        paint(TONE_BAD, "No ring can be made here: %s, %s\n", error_text(ret),
              rota_error_meaning(ret) ? rota_error_meaning(ret) : "which is no usual error");
    else
        paint(TONE_GOOD, "A ring can be made here.\n");
    if (!look->killed) {
        heading("Profiles");
        for (unsigned i = 0; i < PROFILE_COUNT; i++)
            print_profile(&profiles[i], profiles[i].ret == ret && is_blocked(checks));
    }
    heading("Surroundings and limits");
    for (unsigned i = 0; i < checks->count; i++)
        print_check(&checks->of[i]);
}

/*
 * JSON
 */

static void write_flags(const char *key, uint32_t flags)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info("setup", &count);

    json_array(key);
    for (unsigned i = 0; i < count; i++) {
        if (flags & rules[i].value)
            json_string(NULL, rota_info_text(rules[i].name));
    }
    json_end();
}

static void write_profile(const struct profile *profile)
{
    static const char *const certainties[] = {
        [ROTA_POSSIBLE] = "possible", [ROTA_LIKELY] = "likely", [ROTA_CERTAIN] = "certain"};

    json_object(NULL);
    json_string("name", profile->name);
    json_bool("ok", !profile->ret);
    json_string("error", profile->ret ? error_text(profile->ret) : NULL);
    write_flags("flags", profile->flags);
    write_flags("dropped", profile->dropped);
    json_array("causes");
    for (unsigned i = 0; i < profile->cause_count; i++) {
        json_object(NULL);
        json_string("certainty", certainties[profile->causes[i].certainty]);
        json_string("text", profile->causes[i].text);
        json_string("remedy", profile->causes[i].remedy[0] ? profile->causes[i].remedy : NULL);
        json_end();
    }
    json_end();
    json_end();
}

static void write_all(const struct checks *checks, const struct first_look *look)
{
    static const char *const verdicts[] = {[VERDICT_OK] = "ok",
                                           [VERDICT_NOTE] = "note",
                                           [VERDICT_WARNING] = "warning",
                                           [VERDICT_BLOCKED] = "blocked"};
    int ret = profiles[0].ret;
    struct utsname uts;

    uname(&uts);
    json_object(NULL);
    json_object("kernel");
    json_string("release", uts.release);
    json_string("machine", uts.machine);
    json_end();
    json_object("ring");
    json_bool("ok", !ret && !look->killed);
    json_string("error", ret ? error_text(ret) : NULL);
    json_bool("killed", look->killed != 0);
    json_end();
    json_array("profiles");
    for (unsigned i = 0; i < PROFILE_COUNT && !look->killed; i++)
        write_profile(&profiles[i]);
    json_end();
    json_array("checks");
    for (unsigned i = 0; i < checks->count; i++) {
        const struct check *check = &checks->of[i];

        json_object(NULL);
        json_string("name", check->name);
        json_string("verdict", verdicts[check->verdict]);
        json_string("text", check->text);
        json_string("remedy", check->remedy[0] ? check->remedy : NULL);
        json_end();
    }
    json_end();
    json_end();
}

static int examine(bool json)
{
    static struct checks checks;
    struct first_look look;
    int ret = look_first(&look);

    if (ret < 0) {
        complain("cannot start a process for the trial: %s", strerror(-ret));
        return STATUS_TROUBLE;
    }
    for (unsigned i = 0; i < PROFILE_COUNT && !look.killed; i++)
        try_profile(&profiles[i]);
    ret = look.killed ? -ENOSYS : profiles[0].ret;
    check_kernel(&checks, &look, ret);
    check_sysctl(&checks, ret);
    check_seccomp(&checks, &look, ret);
    check_module(&checks, ret);
    check_emulated(&checks, &look, ret);
    check_memlock(&checks, ret);
    check_nofile(&checks, ret);
    check_poll_queues(&checks);
    check_tracing(&checks);
    if (json)
        write_all(&checks, &look);
    else
        print_all(&checks, &look);
    return ret < 0 ? STATUS_NO : STATUS_OK;
}

int doctor_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, "jh", long_options, NULL)) != -1) {
        switch (option) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return STATUS_OK;
        default:
            return bad_option();
        }
    }
    if (optind < argc)
        return usage_error("unexpected argument '%s'", argv[optind]);
    return examine(json);
}
