/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * channel — the SOCK_SEQPACKET socket between the agent and a token worker, over which frames go;
 * from the agent also a descriptor beside a frame, such as the one from which a PIN is read.
 */
#include "agent/token/frame.h"

/* Send one frame, and a descriptor beside it, which stays the caller's; -1: none. RC_TOO_LARGE;
 * RC_SYSTEM: the other side does not read, or is gone. */
must_check enum rc channel_send(int fd, const struct frame *frame, int passed, struct why *why);

/*
 * Receive one frame into buffer, to which the spans of *ret point. *ret_passed: the descriptor that
 * came beside it, the caller's, closed on exec; -1: none. RC_NOT_FOUND: the other side is gone.
 * RC_TIMEOUT: nothing is there, and fd does not block. RC_MALFORMED: also more than one descriptor.
 * RC_SYSTEM.
 */
must_check enum rc channel_receive(struct frame *ret, int *ret_passed, int fd,
    uint8_t buffer[WORKER_MESSAGE_BYTES], enum frame_side from, struct why *why);
