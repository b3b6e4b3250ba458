/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * credentials — user and password for a server: from NOTARY_AUTH, docker's config.json, its
 * helpers, or podman's auth.json.
 */
#include "proto/bytes.h"

struct credentials {
    char *user;          /* NULL: anonymous */
    struct bytes secret; /* password, or identity token; wiped by credentials_done() */
    bool is_identity_token;
};

/*
 * host: "localhost:5000"; docker.io stands for docker's "https://index.docker.io/v1/".
 * is_trust_server: NOTARY_AUTH counts as well, first.
 * RC_OK with user NULL: none are configured. RC_MALFORMED: a file that is damaged, with its name.
 * RC_NETWORK: a helper that failed, with what it said: never silently anonymous.
 */
must_check enum rc credentials_find(
    struct credentials *ret, const char *host, bool is_trust_server, struct why *why);
void credentials_done(struct credentials *c);
