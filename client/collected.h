/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * collected — signatures as the agent gives them, put under the IDs by which metadata lists their
 * keys, and made into a file that is fit to be published. It does not verify them.
 */
#include "proto/members.h"
#include "proto/tuf.h"

struct collected {
    struct verify_signature *signatures;
    size_t n;
    struct bytes bytes; /* of all signatures, one after the other */
};

#define COLLECTED_INIT                                                                             \
    ((struct collected){.bytes = BYTES_INIT(SIGNATURES_MAX * SIGNATURE_MAX_BYTES)})
void collected_done(struct collected *collected);

/* Append a copy of a signature, unless one by the same key ID is there. RC_TOO_LARGE: more than
 * SIGNATURES_MAX. RC_NO_MEMORY. */
must_check enum rc collected_add(
    struct collected *collected, const struct verify_signature *signature, struct why *why);

/* Keys that may sign, as the metadata lists them; those of a root besides as the root before does.
 */
struct collected_keys {
    struct pubkey *const *listed;
    size_t n_listed;
    struct pubkey *const *former;
    size_t n_former;
};

/* Read an array of type Signature, once. One of a key that has several certificates, former ones
 * and a new one, is there under each of their IDs. RC_UNTRUSTED: a signature by another key.
 * RC_MALFORMED, RC_NO_MEMORY. */
must_check enum rc collected_read(
    struct collected *ret, const json_t *array, const struct collected_keys *keys, struct why *why);

/* Replace ret by the file, and read it back as strictly as anybody will. RC_MALFORMED,
 * RC_NO_MEMORY. */
must_check enum rc collected_make_file(
    struct bytes *ret, struct span message, const struct collected *collected, struct why *why);
