/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * challenge — what a server that says 401 wants: the reading of WWW-Authenticate (RFC 9110 §11.6.1,
 * with the parameters of docker's token protocol).
 */
#include "proto/bytes.h"

enum challenge_kind {
    CHALLENGE_NONE, /* none, or none that we can answer */
    CHALLENGE_BASIC,
    CHALLENGE_BEARER,
    CHALLENGE_MAX_
};

struct challenge {
    enum challenge_kind kind;
    char *realm;   /* URL of the token server; NULL: none */
    char *service; /* NULL: none */
    char *error;   /* "invalid_token", "insufficient_scope"; NULL: none */
};

/*
 * header: one challenge or several, separated by ',' or a line feed. Bearer is preferred to Basic;
 * of two of a kind the first counts; other schemes are passed over. RC_MALFORMED: a Bearer
 * challenge without a realm; a header that cannot be read.
 */
must_check enum rc challenge_parse(struct challenge *ret, const char *header, struct why *why);
void challenge_done(struct challenge *challenge);
