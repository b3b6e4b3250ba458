/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * forge — published files of Notary v1 for tests, sound or hostile: keys in software, documents
 * from a description, signatures by whom the test wants. Whatever fails, fails the test.
 */
#include <openssl/types.h>

#include "proto/tuf_role.h"

struct forge_key {
    EVP_PKEY *evp;
    struct pubkey *key; /* as metadata lists it */
};

/* algorithm: as softkey_new() has them, "P-256" or "RSA-2048". */
void forge_key_init(struct forge_key *k, const char *algorithm);
/* From now on listed under a self-signed certificate, valid from start to end (seconds UTC). */
void forge_key_certify(struct forge_key *k, const char *common_name, int64_t start, int64_t end);
void forge_key_done(struct forge_key *k);
const char *forge_key_id(const struct forge_key *k);

/* Up to this many keys in one list; lists end with NULL. */
#define FORGE_KEYS_MAX 8

/* Replace file by the wire form of message, signed by each of signers. */
void forge_file(
    struct bytes *file, struct span message, const struct forge_key *const signers[FORGE_KEYS_MAX]);

struct forge_role {
    const char *name;
    const struct forge_key *keys[FORGE_KEYS_MAX];
    int64_t threshold;
    const char *paths; /* JSON; NULL: no such member */
};

struct forge_listed {
    const char *role;
    struct span file; /* its hashes and length are listed */
};

/* Each replaces message by a canonical document. roles: root, snapshot, targets, timestamp. */
void forge_root(
    struct bytes *message, int64_t version, const char *expires, const struct forge_role roles[4]);
/* targets: the JSON of that member. */
void forge_targets(struct bytes *message, int64_t version, const char *expires,
    const struct forge_role *roles, size_t n_roles, const char *targets);
/* files: sorted by role. */
void forge_snapshot(struct bytes *message, int64_t version, const char *expires,
    const struct forge_listed *files, size_t n_files);
void forge_timestamp(
    struct bytes *message, int64_t version, const char *expires, struct span snapshot);
