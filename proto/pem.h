/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pem — keys and certificates as text (RFC 7468), read block by block and written as Go does.
 *
 * Reading says what a block is before anything of it is decoded, so that a private key given by
 * mistake is recognised and left alone.
 */
#include "proto/bytes.h"

struct pem_block {
    struct span label;   /* "CERTIFICATE" */
    struct span body;    /* lines of base64, not checked yet */
    struct span headers; /* lines of RFC 1421, with their ends; see pem_header() */
};

/*
 * The next block of *rest, which moves behind it. Text between blocks is skipped, and so are RFC
 * 1421 header lines as docker writes them ("role: alice").
 * RC_NOT_FOUND: no block follows. RC_MALFORMED: it has no proper end.
 */
must_check enum rc pem_next(struct pem_block *ret, struct span *rest, struct why *why);

/* The value of a header line ("role: alice") without the blanks around it; empty: there is none. */
struct span pem_header(const struct pem_block *block, const char *name);

/* Append what the block carries. RC_MALFORMED: not base64. RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc pem_decode(struct bytes *ret, const struct pem_block *block, struct why *why);

/* Append a block without headers: 64 columns, a newline at its end. Go writes so, and Notary's key
 * IDs depend on it. */
void pem_format(struct bytes *b, struct span label, struct span der);
