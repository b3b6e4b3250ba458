/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * stanza — the entry of a key for the policy, to be pasted or to be a file of its own in policy.d.
 *
 * Its scope is a proposal: what the header lines of a key file say, or else names that whoever
 * pastes it has to think about.
 */
#include "proto/bytes.h"

struct stanza {
    const char *name, *token;
    const char *certificate; /* path; NULL: none */
    struct span role;        /* as docker and notary write it; empty: unknown */
    struct span repository;  /* likewise */
};

/* The first line of entries. */
void stanza_begin(struct bytes *b);
void stanza_format(struct bytes *b, const struct stanza *stanza);

/* A name for a key with such header lines: "root", "web-targets", "qa". id: to end with the first
 * digits of it, where others have that name; NULL: without. *ret: free(). RC_NO_MEMORY. */
must_check enum rc stanza_name(
    char **ret, struct span role, struct span repository, const struct keyid *id, struct why *why);
