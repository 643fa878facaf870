/* SPDX-License-Identifier: MIT */
/* Names of errors, and what each of them means when nothing more is known. */
#include <asm/errno.h>
#include <rota/names.h>
#include <stddef.h>

/* clang-format off */
#define ERRORS(E) \
    E(EPERM, "the operation is not allowed to this process") \
    E(ENOENT, "what was named does not exist") \
    E(ESRCH, "there is no such process") \
    E(EINTR, "a signal interrupted it") \
    E(EIO, "the device failed") \
    E(ENXIO, "there is no such device, or nothing of the kind was registered") \
    E(E2BIG, "too much was asked for") \
    E(ENOEXEC, "the file is no program") \
    E(EBADF, "the descriptor is not open, the slot is empty, or the file is not open for this") \
    E(ECHILD, "there is no such child") \
    E(EAGAIN, "it cannot be done without waiting, or a resource is used up for now") \
    E(ENOMEM, "the kernel has no memory for it, or a limit on memory is reached") \
    E(EACCES, "permissions or the ring's restrictions forbid it") \
    E(EFAULT, "an address does not belong to the process, or not to the registered memory") \
    E(ENOTBLK, "a block device is needed") \
    E(EBUSY, "it is in use") \
    E(EEXIST, "it exists already, or the ring belongs to another thread") \
    E(EXDEV, "the two are on different file systems") \
    E(ENODEV, "the device cannot do this") \
    E(ENOTDIR, "a part of the path, or the descriptor, is no directory") \
    E(EISDIR, "it is a directory") \
    E(EINVAL, "the kernel does not take a field, a flag or a combination of them") \
    E(ENFILE, "the system, or the ring's file table, has no place for another file") \
    E(EMFILE, "the process has as many descriptors as it may have") \
    E(ENOTTY, "the file does not know this command") \
    E(ETXTBSY, "the program is running") \
    E(EFBIG, "the file would be too large") \
    E(ENOSPC, "the device has no space left") \
    E(ESPIPE, "the file has no positions") \
    E(EROFS, "the file system is read-only") \
    E(EMLINK, "the file has too many names") \
    E(EPIPE, "nobody reads at the other end") \
    E(EDOM, "the number is outside of what is defined") \
    E(ERANGE, "the buffer is too small, or the number too large") \
    E(EDEADLK, "it would wait for itself") \
    E(ENAMETOOLONG, "the name is too long") \
    E(ENOLCK, "there are no locks left") \
    E(ENOSYS, "the kernel lacks it") \
    E(ENOTEMPTY, "the directory is not empty") \
    E(ELOOP, "the path has too many symbolic links, or rings wait for each other") \
    E(ENOMSG, "there is no such message") \
    E(EIDRM, "it was removed") \
    E(EBADE, "the exchange with the device or server failed") \
    E(EBADR, "completions were lost, because there was no memory to keep them") \
    E(ENODATA, "there is no such attribute or no data") \
    E(ETIME, "the time is over") \
    E(ENOPKG, "a part that the kernel can be built with is left out") \
    E(EREMOTEIO, "the device at the other end failed") \
    E(ENOLINK, "the way to the device or server is gone") \
    E(EPROTO, "the other side does not follow the protocol") \
    E(EBADMSG, "the data were damaged, or are no message of the kind") \
    E(EOVERFLOW, "the value does not fit, or completions overflowed") \
    E(EBADFD, "the ring or the file is in a state that does not allow it") \
    E(EILSEQ, "the bytes are no text") \
    E(EUSERS, "there are too many users") \
    E(ENOTSOCK, "the descriptor is not a socket") \
    E(EDESTADDRREQ, "the socket needs an address to send to") \
    E(EMSGSIZE, "the message is too long") \
    E(EPROTOTYPE, "the protocol is of another kind than the socket") \
    E(ENOPROTOOPT, "the protocol has no such option") \
    E(EPROTONOSUPPORT, "the kernel lacks the protocol") \
    E(ESOCKTNOSUPPORT, "the address family has no sockets of this type") \
    E(EOPNOTSUPP, "the operation or flag is not possible on this file or request") \
    E(EPFNOSUPPORT, "the kernel lacks the protocol family") \
    E(EAFNOSUPPORT, "the kernel lacks the address family, or the address is of another") \
    E(EADDRINUSE, "the address is taken") \
    E(EADDRNOTAVAIL, "no interface of this machine has the address") \
    E(ENETDOWN, "the network interface is down") \
    E(ENETRESET, "the network has dropped the connection") \
    E(ENETUNREACH, "there is no way to that network") \
    E(ECONNABORTED, "the connection was given up before it was accepted") \
    E(ECONNRESET, "the peer has reset the connection") \
    E(ENOBUFS, "the buffer group is empty or unknown, or the network has no memory") \
    E(EISCONN, "the socket is connected already") \
    E(ENOTCONN, "the socket is not connected") \
    E(ESHUTDOWN, "the socket was shut down, or everything on the ring is being cancelled") \
    E(ETIMEDOUT, "the other side did not answer in time") \
    E(ECONNREFUSED, "nobody listens at that address") \
    E(EHOSTDOWN, "the host is down") \
    E(EHOSTUNREACH, "there is no way to that host") \
    E(EALREADY, "it is under way already and can no longer be changed") \
    E(EINPROGRESS, "it has begun and is not finished") \
    E(ESTALE, "the file on the server is gone") \
    E(EUCLEAN, "the file system is damaged") \
    E(ENOMEDIUM, "there is no medium in the device") \
    E(EMEDIUMTYPE, "the medium is of another kind") \
    E(ENOKEY, "the key is missing") \
    E(EKEYEXPIRED, "the key has expired") \
    E(EKEYREVOKED, "the key was revoked") \
    E(EKEYREJECTED, "the key was rejected") \
    E(EDQUOT, "the quota is used up") \
    E(ECANCELED, "it was cancelled, or the request before it in the chain failed") \
    E(EOWNERDEAD, "the ring's polling thread has ended") \
    E(ENOTRECOVERABLE, "it has failed halfway, and there is no way back") \
    E(ERFKILL, "the radio is switched off") \
    E(EHWPOISON, "the memory is broken")

/* All texts one after another, so that the table holds distances and no addresses. */
struct texts {
#define TEXTS(error, text)             \
    char name_##error[sizeof(#error)]; \
    char meaning_##error[sizeof(text)];
    ERRORS(TEXTS)
};

static const struct texts texts = {
#define FILLED(error, text) .name_##error = #error, .meaning_##error = text,
    ERRORS(FILLED)
};

struct error_text {
    uint16_t name;
    uint16_t meaning; /* 0: there is no such error, since a name stands at the start */
};

static const struct error_text errors[] = {
#define PLACE(error, text) \
    [error] = {offsetof(struct texts, name_##error), offsetof(struct texts, meaning_##error)},
    ERRORS(PLACE)
};
/* clang-format on */

static const struct error_text *find(int error)
{
    /* The sum of an int and its negation cannot overflow here: the range is looked at first. */
    if (error < 0 && error > -4096)
        error = -error;
    if (error <= 0 || (unsigned)error >= sizeof(errors) / sizeof(errors[0]) ||
        !errors[error].meaning)
        return NULL;
    return &errors[error];
}

const char *rota_error_name(int error)
{
    const struct error_text *found = find(error);

    return found ? (const char *)&texts + found->name : NULL;
}

const char *rota_error_meaning(int error)
{
    const struct error_text *found = find(error);

    return found ? (const char *)&texts + found->meaning : NULL;
}
