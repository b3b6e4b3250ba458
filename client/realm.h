/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * realm — the token server that a challenge names: what it is asked, and what it gives.
 *
 * By password, or anonymously, it is asked by GET; with an identity token by POST, as OAuth 2 has
 * it, and by GET where it knows no POST.
 */
#include "client/challenge.h"
#include "client/credentials.h"
#include "client/http.h"

struct realm {
    struct http *http; /* of the server that named it: its certificates are believed here as well */
    const struct challenge *challenge;
    const struct credentials *credentials; /* user NULL: anonymous */
    const char *scope;                     /* several have a space between them */
};

struct realm_token {
    struct bytes header; /* "Bearer …" */
    int64_t expires_at;  /* to be renewed by then; seconds of the monotonic clock; 0: unknown */
};
#define REALM_TOKEN_INIT ((struct realm_token){.header = BYTES_INIT(2 * SECRET_MAX_BYTES)})
void realm_token_done(struct realm_token *token);
/* RC_MALFORMED: what could forge a header. */
must_check enum rc realm_token_set(
    struct realm_token *ret, const char *text, int64_t expires_at, struct why *why);

/*
 * RC_DENIED: the token server says no; why is what it says. RC_NETWORK: it cannot be asked, must
 * not be, or its answer cannot be used. Whatever happens, *ret is as before where it fails.
 */
must_check enum rc realm_fetch(struct realm_token *ret, const struct realm *realm, struct why *why);

/* Append "Basic …". RC_NETWORK: a name that it cannot say. */
must_check enum rc realm_put_basic(
    struct bytes *header, const struct credentials *credentials, struct why *why);
