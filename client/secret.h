/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * secret — a passphrase or PIN: asked for on the terminal, or read from where the user keeps it.
 * Never from the command line or the environment, which others see.
 */
#include "proto/bytes.h"

struct secret_question {
    const char *source; /* "file:PATH", "credential:NAME"; NULL: ask on the terminal */
    const char *prompt; /* "passphrase of 'root.key'" */
    const char *option; /* by which a source is given, for sentences: "--passphrase" */
    bool takes_path;    /* the source is a path and nothing else */
};

/*
 * Append it to ret, without the end of its line; bytes_wipe(). credential: a file in
 * $CREDENTIALS_DIRECTORY. RC_LOCKED: there is no terminal, no such credential, or it is empty;
 * what to do. RC_MALFORMED: a source of another form. RC_REFUSED: others may read the file, or
 * whoever was asked gave up. RC_TOO_LARGE: more than ret->max. RC_INTERRUPTED: a
 * signal that somebody holds. RC_NOT_FOUND, RC_SYSTEM.
 */
must_check enum rc secret_read(
    struct bytes *ret, const struct secret_question *question, struct why *why);
