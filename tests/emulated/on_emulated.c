/* SPDX-License-Identifier: MIT */
/*
 * Puts a test program on the emulated kernel: with ROTA_TEST_KERNEL=emulated in the
 * environment every ring that names no kernel of its own stands on it, and so do the
 * system calls by hand. The linker leads the calls here (--wrap); the program and the
 * library are the same, to the byte, and without the variable nothing changes.
 */
#include <rota.h>
#include <rota/emulate.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int __real_rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                           const struct rota_config *config);
int __wrap_rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                           const struct rota_config *config);
int __wrap_rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                 struct io_uring_params *params);
int __wrap_rota_queue_init_mem_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                     struct io_uring_params *params, void *buf, size_t buf_size);
int __wrap_rota_queue_mmap_sized(int fd, const struct io_uring_params *params,
                                 struct rota_ring *ring, size_t ring_size);
int __wrap_rota_caps_get_sized(struct rota_caps *caps, size_t size,
                               const struct rota_kernel *kernel);
int __real_rota_caps_get_sized(struct rota_caps *caps, size_t size,
                               const struct rota_kernel *kernel);
int __real_rota_sys_setup(uint32_t entries, struct io_uring_params *params);
int __wrap_rota_sys_setup(uint32_t entries, struct io_uring_params *params);
int __real_rota_sys_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                          const void *arg, size_t size);
int __wrap_rota_sys_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                          const void *arg, size_t size);
int __real_rota_sys_register(int fd, uint32_t opcode, const void *arg, uint32_t nr_args);
int __wrap_rota_sys_register(int fd, uint32_t opcode, const void *arg, uint32_t nr_args);

static const struct rota_kernel *chosen(void)
{
    static const struct rota_kernel *kernel;
    const char *name;

    if (kernel)
        return kernel == &rota_kernel_real ? NULL : kernel;
    name = getenv("ROTA_TEST_KERNEL");
    kernel = name && !strcmp(name, "emulated") ? &rota_kernel_emulated : &rota_kernel_real;
    return chosen();
}

int __wrap_rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                           const struct rota_config *config)
{
    struct rota_config copy;

    if (!chosen() || (config && config->kernel))
        return __real_rota_init_sized(ring, ring_size, entries, config);
    if (config)
        copy = *config;
    else
        rota_config_single_owner(&copy);
    copy.kernel = chosen();
    return __real_rota_init_sized(ring, ring_size, entries, &copy);
}

int __wrap_rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                 struct io_uring_params *params)
{
    return rota_queue_init_on_sized(entries, ring, ring_size, params, chosen());
}

int __wrap_rota_queue_init_mem_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                     struct io_uring_params *params, void *buf, size_t buf_size)
{
    return rota_queue_init_mem_on_sized(entries, ring, ring_size, params, buf, buf_size, chosen());
}

int __wrap_rota_queue_mmap_sized(int fd, const struct io_uring_params *params,
                                 struct rota_ring *ring, size_t ring_size)
{
    return rota_queue_mmap_on_sized(fd, params, ring, ring_size, chosen());
}

int __wrap_rota_caps_get_sized(struct rota_caps *caps, size_t size,
                               const struct rota_kernel *kernel)
{
    return __real_rota_caps_get_sized(caps, size, kernel ? kernel : chosen());
}

int __wrap_rota_sys_setup(uint32_t entries, struct io_uring_params *params)
{
    return chosen() ? chosen()->setup(entries, params) : __real_rota_sys_setup(entries, params);
}

int __wrap_rota_sys_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                          const void *arg, size_t size)
{
    int ret, real;

    if (!chosen())
        return __real_rota_sys_enter(fd, to_submit, min_complete, flags, arg, size);
    ret = chosen()->enter(fd, to_submit, min_complete, flags, arg, size);
    if (ret != -EBADF && !(ret == -EINVAL && (flags & IORING_ENTER_REGISTERED_RING)))
        return ret;
    /* Not its ring, but it may be one that the program has put on the real kernel itself. */
    real = __real_rota_sys_enter(fd, to_submit, min_complete, flags, arg, size);
    return real == -EINVAL || real == -EBADF ? ret : real;
}

int __wrap_rota_sys_register(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    return chosen() ? chosen()->reg(fd, opcode, arg, nr_args)
                    : __real_rota_sys_register(fd, opcode, arg, nr_args);
}
