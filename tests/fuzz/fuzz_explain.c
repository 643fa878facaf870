/* SPDX-License-Identifier: MIT */
/* Any result of any request, set-up, submit or register call: an explanation comes out. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t memory[16]; /* behind the argument of a register call */
    static struct rota_caps caps;
    struct rota_register_call call;
    struct io_uring_params params;
    struct io_uring_sqe sqe;
    struct rota_ring ring;
    uint32_t number;
    uint8_t choice;
    uint16_t room;
    int32_t ret;
    char *text;

    take(&data, &size, &choice, sizeof(choice));
    take(&data, &size, &room, sizeof(room));
    take(&data, &size, &ret, sizeof(ret));
    take(&data, &size, &number, sizeof(number));
    take(&data, &size, &sqe, sizeof(sqe));
    take(&data, &size, &params, sizeof(params));
    memset(&ring, 0, sizeof(ring));
    take(&data, &size, &ring.flags, sizeof(ring.flags));
    take(&data, &size, &ring.features, sizeof(ring.features));
    take(&data, &size, &ring.int_flags, sizeof(ring.int_flags));
    take(&data, &size, &ring.ring_fd, sizeof(ring.ring_fd));
    take(&data, &size, &ring.owner, sizeof(ring.owner));
    take(&data, &size, &call.nr_args, sizeof(call.nr_args));
    take(&data, &size, &call.arg, sizeof(call.arg));
    take(&data, &size, memory, sizeof(memory));
    take(&data, &size, &caps, sizeof(caps));
    call.opcode = number & 0x3f;
    room %= 3000;
    if (choice & 16)
        call.arg = (uintptr_t)memory;
    /* Where structures have the address of an array. */
    if (choice & 32)
        memory[choice & 64 ? 2 : 0] = (uintptr_t)memory;
    if (choice & 128)
        call.nr_args &= 63;
    if (choice & 1)
        ret = -(ret & 0xff); /* mostly real errors */

    text = start_text(room);
    finish_text(
        text, room,
        rota_explain(choice & 2 ? &ring : NULL, choice & 4 ? &caps : NULL, &sqe, ret, text, room));
    text = start_text(room);
    finish_text(text, room, rota_explain_submit(&ring, ret, text, room));
    text = start_text(room);
    finish_text(text, room,
                rota_explain_register(choice & 2 ? &ring : NULL, choice & 4 ? &caps : NULL,
                                      number & 0x3f, ret, text, room));
    text = start_text(room);
    finish_text(text, room,
                rota_explain_register_call(choice & 2 ? &ring : NULL, choice & 4 ? &caps : NULL,
                                           &call, ret, text, room));
    /* The reasons for a failed set-up make rings to find out: not each time. */
    if (!(number & 0x1f00)) {
        text = start_text(room);
        finish_text(
            text, room,
            rota_explain_setup(number & 0xffff, choice & 8 ? &params : NULL, ret, text, room));
    }
    text = start_text(room);
    finish_text(text, room, rota_caps_format(&caps, text, room));
    return 0;
}
