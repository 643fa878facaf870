/* SPDX-License-Identifier: MIT */
/* Any bytes as a request, a completion and parameters, into buffers of any size. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct io_uring_sqe sqe[2];
    struct io_uring_params params;
    struct io_uring_cqe cqe[2];
    uint8_t options;
    uint16_t room;
    char *text;

    take(&data, &size, &options, sizeof(options));
    take(&data, &size, &room, sizeof(room));
    take(&data, &size, sqe, sizeof(sqe));
    take(&data, &size, cqe, sizeof(cqe));
    take(&data, &size, &params, sizeof(params));
    room %= 1500;

    text = start_text(room);
    finish_text(text, room, rota_sqe_format(sqe, options & 3, text, room));
    text = start_text(room);
    finish_text(text, room,
                rota_cqe_format(cqe, options & 4 ? sqe : NULL, options & 2, text, room));
    text = start_text(room);
    finish_text(text, room, rota_params_format(&params, text, room));
    return 0;
}
