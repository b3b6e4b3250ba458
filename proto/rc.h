/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rc — how things go wrong: one closed enum that says what kind, one sentence that says about what.
 *
 * Agent and client share it. Each kind has one error of the Varlink interface (rc_error_name) and
 * one exit status of the client (rc_exit_status).
 *
 *     if (doc.len > DOCUMENT_MAX_BYTES)
 *         return fail(why, RC_TOO_LARGE, "document is %zu bytes, the limit is %d", …);
 *
 *     rc = tuf_root_parse(&root, doc, why);
 *     if (rc)
 *         return within(why, rc, "root of '%s'", repository);
 */
#include <stddef.h>

#include "proto/mem.h"

enum rc {
    RC_OK,
    RC_MALFORMED,   /* bytes that are not of the form they claim */
    RC_UNSUPPORTED, /* understood, but not offered */
    RC_TOO_LARGE,   /* over a bound of bounds.h */
    RC_NOT_FOUND,
    RC_REFUSED,  /* it cannot be done as it was asked for; the sentence says what can */
    RC_DENIED,   /* the policy says no */
    RC_PENDING,  /* the policy says: not without approval */
    RC_ROLLBACK, /* a version at or above this one was already released */
    RC_STALE,    /* the base is not the newest version known */
    RC_LOCKED,   /* the token wants its PIN */
    RC_TOKEN,    /* the token is absent or fails */
    RC_BUSY,
    RC_TIMEOUT,
    RC_STORAGE,     /* the ledger, or a file of ours, cannot be written */
    RC_SYSTEM,      /* an operating system call failed */
    RC_NO_MEMORY,   /* an allocation failed */
    RC_UNTRUSTED,   /* trust data does not verify */
    RC_NETWORK,     /* a server or the way to it */
    RC_CONFLICT,    /* others publish faster than we can */
    RC_USAGE,       /* the command line does not say enough; the sentence says what is missing */
    RC_INTERRUPTED, /* the user does not want it any more */
    RC_MAX_
};

/* About what; lives on the stack of whoever will report it. Printable ASCII only. */
struct why {
    char text[720]; /* a URL, a repository, what came instead, and what to do */
};

/* Set the sentence and return rc. why may be NULL: the caller wants the kind only. */
must_check like_printf(3, 4) enum rc fail(struct why *why, enum rc rc, const char *fmt, ...);

/* Put "…: " before the sentence that is there, and return rc. */
must_check like_printf(3, 4) enum rc within(struct why *why, enum rc rc, const char *fmt, ...);

/* The usual sentence for RC_NO_MEMORY. */
must_check enum rc fail_memory(struct why *why);

/* Name of the Varlink error, without its interface; NULL for kinds that never cross the socket. */
const char *rc_error_name(enum rc rc);

/* The reverse; RC_SYSTEM for a name that is none of ours. */
enum rc rc_from_error_name(const char *name);

/* Exit status of the client. */
int rc_exit_status(enum rc rc);
