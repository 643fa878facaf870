/* SPDX-License-Identifier: MIT */
/*
 * A program whose plugin uses librota-thread: the plugin goes, the thread that
 * has a ring lives on, and ends; so does a process that forks.
 *
 *     unload LIBRARY
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static pthread_barrier_t step;
static void *(*thread_ring)(void);

static void *worker(void *unused)
{
    void *ring = thread_ring();

    (void)unused;
    pthread_barrier_wait(&step); /* it has a ring */
    pthread_barrier_wait(&step); /* the library is closed */
    return ring;
}

int main(int argc, char **argv)
{
    void *library, *ring = NULL;
    pthread_t thread;
    int status = -1;
    pid_t child;

    if (argc != 2)
        bail("usage: unload LIBRARY");
    library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        bail("%s", dlerror());
    *(void **)&thread_ring = dlsym(library, "rota_thread_ring");
    if (!thread_ring)
        bail("%s", dlerror());
    pthread_barrier_init(&step, NULL, 2);
    if (pthread_create(&thread, NULL, worker, NULL))
        bail("no thread");
    pthread_barrier_wait(&step);
    is_int(dlclose(library), 0, "the library is closed");
    pthread_barrier_wait(&step);
    pthread_join(thread, &ring);
    ok(ring != NULL, "a thread that used it ends well");
    fflush(stdout);
    child = fork();
    if (!child)
        _exit(7);
    waitpid(child, &status, 0);
    is_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 7, "and a child begins well");
    return done();
}
