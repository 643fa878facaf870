/* SPDX-License-Identifier: MIT */
/*
 * What the examples stand on: `--kernel real`, which is the default, `--kernel
 * emulated`, or `--kernel auto`: the emulated one where io_uring is refused, as
 * in containers. With the option they say on the standard error on which one
 * they run, and why: a program that falls back and keeps it to itself is one
 * whose slowness nobody understands.
 */
#ifndef EXAMPLE_KERNEL_H
#define EXAMPLE_KERNEL_H

#include <rota.h>
#include <rota/emulate.h>
#include <stdio.h>
#include <string.h>

/* What --kernel said; NULL: nothing. */
static const char *kernel_option;

/* Takes the option's argument; false, after a word about it, when there is no such kernel. */
static bool kernel_is(const char *name)
{
    kernel_option = name;
    if (!strcmp(name, "real") || !strcmp(name, "emulated") || !strcmp(name, "auto"))
        return true;
    fprintf(stderr, "--kernel is real, emulated or auto\n");
    return false;
}

/* To be called when all else in `config` is filled in. */
static void choose_kernel(struct rota_config *config)
{
    if (kernel_option && !strcmp(kernel_option, "emulated"))
        config->kernel = &rota_kernel_emulated;
    else if (kernel_option && !strcmp(kernel_option, "auto"))
        rota_config_fall_back(config, &rota_kernel_emulated);
}

/* To be called when there is a ring. */
static void tell_kernel(const char *program, const struct rota_ring *ring)
{
    char text[256];

    if (kernel_option && rota_ring_explain_kernel(ring, text, sizeof(text)) > 0)
        fprintf(stderr, "%s: on %s\n", program, text);
}

#endif /* EXAMPLE_KERNEL_H */
