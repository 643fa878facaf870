/* SPDX-License-Identifier: MIT */
/* Any result of any request, set-up, submit or register call: an explanation comes out. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rota_caps caps;
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
    take(&data, &size, &caps, sizeof(caps));
    room %= 3000;
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
