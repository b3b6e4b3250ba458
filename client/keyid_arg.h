/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keyid_arg — a key that is listed somewhere, as people name it on a command line: its canonical ID
 * or the one under which it is listed, a PEM file of it, or agent:NAME.
 */
#include "client/session.h"

struct keyid_args {
    struct keyid ids[OPTION_VALUES_MAX]; /* canonical where a file or the agent gives the key */
    size_t n;
};

/* RC_NOT_FOUND: no such file, or the agent has no such key. RC_TOO_LARGE: more than
 * OPTION_VALUES_MAX. What pubkey_args_read() says. */
must_check enum rc keyid_args_read(struct keyid_args *ret, struct session *session,
    const char *const *texts, size_t n, struct why *why);
