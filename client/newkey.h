/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * newkey — the keys that a verb has just made on a token, or brought to it, and what the user is to
 * do next: paste their entries into the policy, and destroy the files that they came from.
 */
#include "client/session.h"

/* Where a key is from; borrowed. */
struct newkey_origin {
    const char *path;             /* of its file; NULL: the token made it */
    const char *certificate;      /* path; NULL: none */
    struct span role, repository; /* as header lines say; empty: they do not */
    const struct keyid *expected; /* that it must have; NULL: any */
};

struct newkey;

struct newkeys {
    struct newkey *keys;
    size_t n;
    json_t *list; /* of Key, for --json */
    struct bytes stanzas;
};

#define NEWKEYS_INIT ((struct newkeys){.stanzas = BYTES_INIT(1024 * 1024)})
void newkeys_done(struct newkeys *keys);

/* reply: of GenerateKey or ImportKey. RC_UNTRUSTED: it is another key than the one expected.
 * RC_MALFORMED: no such reply. */
must_check enum rc newkeys_add(
    struct newkeys *keys, const json_t *reply, const struct newkey_origin *origin, struct why *why);

bool newkeys_has(const struct newkeys *keys, const char *name);

/* The entries on standard output, or with --json the keys; the rest are notes. rc and why: how the
 * verb ended, which is returned. */
must_check enum rc newkeys_print(
    const struct newkeys *keys, struct session *session, enum rc rc, struct why *why);
