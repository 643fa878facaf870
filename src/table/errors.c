/* SPDX-License-Identifier: MIT */
/* Names of errors, and what each of them means when nothing more is known. */
#include <asm/errno.h>
#include <rota/explain.h>

struct error_text {
    const char *name;
    const char *meaning;
};

/* clang-format off */
static const struct error_text errors[] = {
    [EPERM] = {"EPERM", "the operation is not allowed to this process"},
    [ENOENT] = {"ENOENT", "what was named does not exist"},
    [ESRCH] = {"ESRCH", "there is no such process"},
    [EINTR] = {"EINTR", "a signal interrupted it"},
    [EIO] = {"EIO", "the device failed"},
    [ENXIO] = {"ENXIO", "there is no such device, or nothing of the kind was registered"},
    [E2BIG] = {"E2BIG", "too much was asked for"},
    [ENOEXEC] = {"ENOEXEC", "the file is no program"},
    [EBADF] = {"EBADF", "the descriptor is not open, the slot is empty, or the file is not open for this"},
    [ECHILD] = {"ECHILD", "there is no such child"},
    [EAGAIN] = {"EAGAIN", "it cannot be done without waiting, or a resource is used up for now"},
    [ENOMEM] = {"ENOMEM", "the kernel has no memory for it, or a limit on memory is reached"},
    [EACCES] = {"EACCES", "permissions or the ring's restrictions forbid it"},
    [EFAULT] = {"EFAULT", "an address does not belong to the process, or not to the registered memory"},
    [ENOTBLK] = {"ENOTBLK", "a block device is needed"},
    [EBUSY] = {"EBUSY", "it is in use"},
    [EEXIST] = {"EEXIST", "it exists already, or the ring belongs to another thread"},
    [EXDEV] = {"EXDEV", "the two are on different file systems"},
    [ENODEV] = {"ENODEV", "the device cannot do this"},
    [ENOTDIR] = {"ENOTDIR", "a part of the path, or the descriptor, is no directory"},
    [EISDIR] = {"EISDIR", "it is a directory"},
    [EINVAL] = {"EINVAL", "the kernel does not take a field, a flag or a combination of them"},
    [ENFILE] = {"ENFILE", "the system, or the ring's file table, has no place for another file"},
    [EMFILE] = {"EMFILE", "the process has as many descriptors as it may have"},
    [ENOTTY] = {"ENOTTY", "the file does not know this command"},
    [ETXTBSY] = {"ETXTBSY", "the program is running"},
    [EFBIG] = {"EFBIG", "the file would be too large"},
    [ENOSPC] = {"ENOSPC", "the device has no space left"},
    [ESPIPE] = {"ESPIPE", "the file has no positions"},
    [EROFS] = {"EROFS", "the file system is read-only"},
    [EMLINK] = {"EMLINK", "the file has too many names"},
    [EPIPE] = {"EPIPE", "nobody reads at the other end"},
    [EDOM] = {"EDOM", "the number is outside of what is defined"},
    [ERANGE] = {"ERANGE", "the buffer is too small, or the number too large"},
    [EDEADLK] = {"EDEADLK", "it would wait for itself"},
    [ENAMETOOLONG] = {"ENAMETOOLONG", "the name is too long"},
    [ENOLCK] = {"ENOLCK", "there are no locks left"},
    [ENOSYS] = {"ENOSYS", "the kernel lacks it"},
    [ENOTEMPTY] = {"ENOTEMPTY", "the directory is not empty"},
    [ELOOP] = {"ELOOP", "the path has too many symbolic links, or rings wait for each other"},
    [ENOMSG] = {"ENOMSG", "there is no such message"},
    [EIDRM] = {"EIDRM", "it was removed"},
    [EBADE] = {"EBADE", "the exchange with the device or server failed"},
    [EBADR] = {"EBADR", "completions were lost, because there was no memory to keep them"},
    [ENODATA] = {"ENODATA", "there is no such attribute or no data"},
    [ETIME] = {"ETIME", "the time is over"},
    [ENOPKG] = {"ENOPKG", "a part that the kernel can be built with is left out"},
    [EREMOTEIO] = {"EREMOTEIO", "the device at the other end failed"},
    [ENOLINK] = {"ENOLINK", "the way to the device or server is gone"},
    [EPROTO] = {"EPROTO", "the other side does not follow the protocol"},
    [EBADMSG] = {"EBADMSG", "the data were damaged, or are no message of the kind"},
    [EOVERFLOW] = {"EOVERFLOW", "the value does not fit, or completions overflowed"},
    [EBADFD] = {"EBADFD", "the ring is in another state: disabled, or no longer"},
    [EILSEQ] = {"EILSEQ", "the bytes are no text"},
    [EUSERS] = {"EUSERS", "there are too many users"},
    [ENOTSOCK] = {"ENOTSOCK", "the descriptor is not a socket"},
    [EDESTADDRREQ] = {"EDESTADDRREQ", "the socket needs an address to send to"},
    [EMSGSIZE] = {"EMSGSIZE", "the message is too long"},
    [EPROTOTYPE] = {"EPROTOTYPE", "the protocol is of another kind than the socket"},
    [ENOPROTOOPT] = {"ENOPROTOOPT", "the protocol has no such option"},
    [EPROTONOSUPPORT] = {"EPROTONOSUPPORT", "the kernel lacks the protocol"},
    [ESOCKTNOSUPPORT] = {"ESOCKTNOSUPPORT", "the address family has no sockets of this type"},
    [EOPNOTSUPP] = {"EOPNOTSUPP", "the operation or flag is not possible on this file or request"},
    [EPFNOSUPPORT] = {"EPFNOSUPPORT", "the kernel lacks the protocol family"},
    [EAFNOSUPPORT] = {"EAFNOSUPPORT", "the kernel lacks the address family, or the address is of another"},
    [EADDRINUSE] = {"EADDRINUSE", "the address is taken"},
    [EADDRNOTAVAIL] = {"EADDRNOTAVAIL", "no interface of this machine has the address"},
    [ENETDOWN] = {"ENETDOWN", "the network interface is down"},
    [ENETRESET] = {"ENETRESET", "the network has dropped the connection"},
    [ENETUNREACH] = {"ENETUNREACH", "there is no way to that network"},
    [ECONNABORTED] = {"ECONNABORTED", "the connection was given up before it was accepted"},
    [ECONNRESET] = {"ECONNRESET", "the peer has reset the connection"},
    [ENOBUFS] = {"ENOBUFS", "the buffer group is empty or unknown, or the network has no memory"},
    [EISCONN] = {"EISCONN", "the socket is connected already"},
    [ENOTCONN] = {"ENOTCONN", "the socket is not connected"},
    [ESHUTDOWN] = {"ESHUTDOWN", "the socket was shut down, or everything on the ring is being cancelled"},
    [ETIMEDOUT] = {"ETIMEDOUT", "the other side did not answer in time"},
    [ECONNREFUSED] = {"ECONNREFUSED", "nobody listens at that address"},
    [EHOSTDOWN] = {"EHOSTDOWN", "the host is down"},
    [EHOSTUNREACH] = {"EHOSTUNREACH", "there is no way to that host"},
    [EALREADY] = {"EALREADY", "it is under way already and can no longer be changed"},
    [EINPROGRESS] = {"EINPROGRESS", "it has begun and is not finished"},
    [ESTALE] = {"ESTALE", "the file on the server is gone"},
    [EUCLEAN] = {"EUCLEAN", "the file system is damaged"},
    [ENOMEDIUM] = {"ENOMEDIUM", "there is no medium in the device"},
    [EMEDIUMTYPE] = {"EMEDIUMTYPE", "the medium is of another kind"},
    [ENOKEY] = {"ENOKEY", "the key is missing"},
    [EKEYEXPIRED] = {"EKEYEXPIRED", "the key has expired"},
    [EKEYREVOKED] = {"EKEYREVOKED", "the key was revoked"},
    [EKEYREJECTED] = {"EKEYREJECTED", "the key was rejected"},
    [EDQUOT] = {"EDQUOT", "the quota is used up"},
    [ECANCELED] = {"ECANCELED", "it was cancelled, or the request before it in the chain failed"},
    [EOWNERDEAD] = {"EOWNERDEAD", "the ring's polling thread has ended"},
    [ENOTRECOVERABLE] = {"ENOTRECOVERABLE", "it has failed halfway, and there is no way back"},
    [ERFKILL] = {"ERFKILL", "the radio is switched off"},
    [EHWPOISON] = {"EHWPOISON", "the memory is broken"},
};
/* clang-format on */

static const struct error_text *find(int error)
{
    /* The sum of an int and its negation cannot overflow here: the range is looked at first. */
    if (error < 0 && error > -4096)
        error = -error;
    if (error <= 0 || (unsigned)error >= sizeof(errors) / sizeof(errors[0]) || !errors[error].name)
        return NULL;
    return &errors[error];
}

const char *rota_error_name(int error)
{
    const struct error_text *found = find(error);

    return found ? found->name : NULL;
}

const char *rota_error_meaning(int error)
{
    const struct error_text *found = find(error);

    return found ? found->meaning : NULL;
}
