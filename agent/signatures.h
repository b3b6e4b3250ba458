/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signatures — all signatures of one request whose decision allows them, on their way through the
 * tokens.
 *
 * What has its turn at a token only after something changed is decided anew first, see ending.h.
 *
 * It ends its request by itself: released when the last one is there, failed when one cannot be
 * made. Where the client said partial, that key is left out of the verdict instead, as long as
 * another one signs.
 */
#include "agent/ending.h"
#include "agent/waiting.h"

struct signatures;

/*
 * Send everything to the tokens that ending->judgment allows. The ending is borrowed for life and
 * is told whom to blame, here too. What was sent before a failure is under way until
 * signatures_stop(). RC_TOO_LARGE, and nothing is sent; RC_TOKEN, RC_BUSY, RC_NO_MEMORY.
 * *ret: signatures_free(), also after a failure.
 */
must_check enum rc signatures_begin(
    struct signatures **ret, struct ending *ending, struct why *why);
/* Nothing is awaited any more; what was made stays. NULL: nothing. */
void signatures_stop(struct signatures *signatures);
void signatures_free(struct signatures *signatures);
DEFINE_CLEANUP(struct signatures, signatures_free);

/* That of a choice of a document's verdict; empty: there is none. NULL, as in a dry run, has none.
 */
struct span signatures_find(const struct signatures *signatures, size_t document, size_t choice,
    enum verify_method *ret_method);
/* What is waited for, for people. False: for nothing. */
bool signatures_describe_wait(const struct signatures *signatures, char text[WAITING_TEXT_BYTES]);
