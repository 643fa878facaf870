/* SPDX-License-Identifier: MIT */
/*
 * What rings are called: by a descriptor of a process, or by an index of a thread.
 * A ring without a name is let go.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/trace/model.h"
#include "tool/trace/trace.h"

/*
 * Processes
 */

struct process *model_known_process(const struct model *model, int pid)
{
    struct link *link = table_find(&model->processes, (unsigned)pid);

    return link ? entry_of(link, struct process, link) : NULL;
}

struct process *model_process_of(struct model *model, int pid)
{
    struct process *process = model_known_process(model, pid);

    if (process)
        return process;
    process = need_memory(calloc(1, sizeof(*process)));
    process->pid = pid;
    list_start(&process->names);
    list_append(&model->all_processes, &process->node);
    table_add(&model->processes, &process->link, (unsigned)pid);
    return process;
}

static void let_process_go(struct model *model, struct process *process)
{
    if (process->tasks || !list_empty(&process->names))
        return;
    table_remove(&model->processes, &process->link);
    list_remove(&process->node);
    free(process);
}

/*
 * Names
 */

static uint64_t key_of(int pid, int fd)
{
    return (uint64_t)(unsigned)pid << 32 | (unsigned)fd;
}

static struct ring_name *find_name(const struct model *model, int pid, int fd)
{
    struct link *link = table_find(&model->names, key_of(pid, fd));

    return link ? entry_of(link, struct ring_name, link) : NULL;
}

struct ring *model_named(struct model *model, int pid, int fd)
{
    struct ring_name *name = find_name(model, pid, fd);

    return name ? name->ring : NULL;
}

static void unname(struct model *model, struct ring *ring)
{
    if (!--ring->names)
        model_close(model, ring);
}

void model_name(struct model *model, int pid, int fd, struct ring *ring)
{
    struct ring_name *name = find_name(model, pid, fd);
    struct ring *former = NULL;

    ring->names++;
    if (name) {
        former = name->ring;
        name->ring = ring;
        unname(model, former);
        return;
    }
    name = need_memory(calloc(1, sizeof(*name)));
    name->pid = pid;
    name->fd = fd;
    name->ring = ring;
    table_add(&model->names, &name->link, key_of(pid, fd));
    list_append(&model->all_names, &name->node);
    list_append(&model_process_of(model, pid)->names, &name->of_process);
    model->name_count++;
}

static void remove_name(struct model *model, struct ring_name *name)
{
    struct ring *ring = name->ring;

    table_remove(&model->names, &name->link);
    list_remove(&name->node);
    list_remove(&name->of_process);
    model->name_count--;
    free(name);
    unname(model, ring);
}

void model_copy_names(struct model *model, int from, int to)
{
    const struct process *process = model_known_process(model, from);

    if (!process)
        return;
    for (struct node *node = process->names.next; node != &process->names; node = node->next) {
        struct ring_name *name = entry_of(node, struct ring_name, of_process);

        if (!find_name(model, to, name->fd))
            model_name(model, to, name->fd, name->ring);
    }
}

void model_forget(struct model *model, int pid)
{
    struct process *process = model_known_process(model, pid);

    if (!process)
        return;
    while (!list_empty(&process->names))
        remove_name(model, entry_of(process->names.next, struct ring_name, of_process));
    let_process_go(model, process);
}

void model_index(struct model *model, struct task *task, unsigned index, struct ring *ring)
{
    struct ring *former = task->indices[index];

    if (ring)
        ring->names++;
    task->indices[index] = ring;
    if (former)
        unname(model, former);
}

void model_no_indices(struct model *model, struct task *task)
{
    for (unsigned i = 0; i < REGISTERED_RINGS; i++)
        model_index(model, task, i, NULL);
}

/*
 * Whether they are still true
 */

/* What a descriptor is, by its link in /proc: rings are all called the same. */
bool is_ring(int pid, int fd)
{
    char path[64], target[64];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    return !strcmp(target, "anon_inode:[io_uring]");
}

bool is_same_file(int a, int pid, int b)
{
    struct stat first, second;
    char path[64];
    long ret = syscall(SYS_kcmp, getpid(), pid ? pid : getpid(), KCMP_FILE, a, b);

    if (ret >= 0)
        return !ret;
    /* A kernel without kcmp(2): on newer ones each ring has an inode of its own. */
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid ? pid : getpid(), b);
    return !fstat(a, &first) && !stat(path, &second) && first.st_ino == second.st_ino;
}

static void check_name(struct model *model, struct ring_name *name)
{
    if (is_ring(name->pid, name->fd) &&
        (name->ring->file < 0 || is_same_file(name->ring->file, name->pid, name->fd))) {
        model_compare(model, name->ring, name->pid, name->fd);
        return;
    }
    remove_name(model, name);
}

void model_check_names(struct model *model, unsigned count)
{
    for (; count && !list_empty(&model->all_names); count--)
        check_name(model, entry_of(list_turn(&model->all_names), struct ring_name, node));
}

void model_check_process(struct model *model, int pid)
{
    struct process *process = model_known_process(model, pid);

    if (!process)
        return;
    for (struct node *node = process->names.next, *next; node != &process->names; node = next) {
        next = node->next;
        check_name(model, entry_of(node, struct ring_name, of_process));
    }
}
