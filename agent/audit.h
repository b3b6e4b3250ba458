/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * audit — what is written down about each request: the body of its record in the ledger, and no
 * more records of refusals than a full disk is worth.
 *
 * A body is canonical JSON. Lists hold RECORD_NAMES_MAX entries; "NAME_more" then has the count of
 * the rest and the SHA-256 of the rest as a JSON array. Differences of documents are lists, too, of
 * as many entries as fit into one list of all of them. Of one uid REFUSALS_MAX_PER_MIN refusals in
 * a minute are recorded, of all strangers (one user can have many subordinate uids)
 * STRANGERS_MAX_PER_MIN, none while ledger_has_room() is false; one record counts the others, and
 * the frames that were not readable, when their minute is over. Everything else is always recorded.
 *
 * Writing needs an open transaction of the ledger. Counts that were written into a transaction that
 * is then lost are lost too.
 */
#include "agent/ledger.h"
#include "agent/peer.h"
#include "agent/reason.h"
#include "proto/members.h"

enum audit_outcome {
    AUDIT_RELEASED,
    AUDIT_DONE,      /* what releases nothing */
    AUDIT_FAILED,    /* allowed, but the token or the ledger failed */
    AUDIT_CANCELLED, /* allowed, but the client went away */
    AUDIT_REFUSED,
    AUDIT_PARKED, /* allowed, should others agree */
    AUDIT_OUTCOME_MAX_
};
const char *audit_outcome_name(enum audit_outcome outcome); /* as in records */

struct audit_document {
    const char *format, *repository, *role;
    int64_t version;
    struct digest digest;     /* of the message */
    const json_t *difference; /* from what is published, see changes.h; NULL: it is not known */
};

struct audit_request {
    int64_t at_us;               /* CLOCK_REALTIME */
    const char *method;          /* "Sign" */
    const struct digest *policy; /* under which it was decided; NULL: none was valid */
    const struct peer *peer;
    const struct audit_document *documents;
    size_t n_documents;
    const char *const *keys; /* canonical IDs */
    size_t n_keys;
    const char *const *grants; /* that allowed it, or the closest one */
    size_t n_grants;
    enum reason reason; /* REASON_NONE where nothing was refused or failed */
    const char *detail; /* want and have, or how it failed; NULL: nothing to add */
    enum audit_outcome outcome;
};

/* A version that is published with signatures of keys of this agent, and that it did not release,
 * as far as its ledger goes: that is an old copy, or somebody else has the keys. */
struct audit_foreign {
    const char *repository, *role;
    int64_t version;
    struct digest digest;
    int64_t mark;            /* the highest version known before; 0: none */
    const char *const *keys; /* canonical IDs */
    size_t n_keys;
    uid_t uid; /* who showed it */
};

struct audit;

/* The ledger is borrowed for life. RC_NO_MEMORY. */
must_check enum rc audit_new(struct audit **ret, struct ledger *ledger, struct why *why);
void audit_free(struct audit *audit); /* forgets counts; see audit_finish() */
DEFINE_CLEANUP(struct audit, audit_free);

/* One request. *ret_seq: its record; 0: only counted. RC_STORAGE, RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc audit_put(
    struct audit *audit, const struct audit_request *request, int64_t *ret_seq, struct why *why);
/* RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc audit_put_foreign(
    struct audit *audit, const struct audit_foreign *foreign, int64_t at_us, struct why *why);
/* A frame of uid that could not be read; is counted only. Needs no transaction. */
void audit_count_unreadable(struct audit *audit, uid_t uid, int64_t at_us);

/* Whether something was counted that is not written yet. */
bool audit_has_counts(const struct audit *audit);
/* Whether audit_flush() would write something; to be asked about once a minute. */
bool audit_is_due(const struct audit *audit, int64_t now_us);
/* Write the counts of the minutes that are over, if the ledger has room. RC_STORAGE. */
must_check enum rc audit_flush(struct audit *audit, int64_t now_us, struct why *why);
/* Write all counts, before the agent ends. RC_STORAGE. */
must_check enum rc audit_finish(struct audit *audit, int64_t now_us, struct why *why);
