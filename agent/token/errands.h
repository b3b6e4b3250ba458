/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * errands — what admins want of a token besides signatures: new keys, and what it attests of a key.
 * It holds what the answers point to, and asks the token through token_site().
 */
#include "agent/token/newkey.h"
#include "agent/token/token.h"

struct errands {
    struct newkey made;
    struct bytes certificates; /* DER, one behind the other */
    struct why detail;
};

#define ERRANDS_INIT                                                                               \
    ((struct errands){.made.spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES),                               \
        .made.certificate = BYTES_INIT(PUBLIC_KEY_MAX_BYTES),                                      \
        .certificates = BYTES_INIT(ATTEST_MAX_BYTES)})
void errands_done(struct errands *errands);

/*
 * Do what was asked: GENERATE, IMPORT with the client's descriptor (borrowed), or ATTEST. *ret is
 * MADE or ATTESTED and points into errands until the next call. That the token does no such thing
 * is an answer; on failure the token is lost, as token_check() says.
 */
must_check enum rc errands_run(struct frame *ret, struct errands *errands, struct token *token,
    const struct frame *asked, int client, struct why *why);
