/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * judgment — the documents of one request, scanned once, and what is decided about them.
 *
 * It gathers what decide.h wants: the policy, the keys as they are now, and what is known of the
 * documents (known.h). A request that had to wait is judged again.
 */
#include "agent/agent.h"
#include "agent/known.h"
#include "agent/quota.h"
#include "agent/votes.h"

struct judgment_detail {
    char text[200]; /* as in keyring.h */
};

struct judgment {
    struct message_sign request; /* owns what subjects borrow */
    struct subject **subjects;   /* one for each document */
    size_t n_subjects;
    struct policy *policy; /* under which it was decided; counted */
    struct decide_key *keys;
    struct judgment_detail *details; /* of keys: the keyring's do not outlive a reload */
    size_t n_keys;
    struct known *known;
    struct votes votes;        /* on this request; none where no grant asks for any */
    struct decision *decision; /* NULL before judgment_decide() */
    struct quota_hold *hold;   /* what it takes of quotas; NULL: nothing */
    int64_t decided_us;        /* when, by the wall clock */
    uint64_t epoch;            /* what it stands on, see epoch.h */
    uint64_t n_retired;        /* repositories, by then */
};

/*
 * Parse and scan. is_explain: parameters are those of Explain. On failure *ret_document is the
 * index of the document that is at fault, or -1. RC_MALFORMED, RC_TOO_LARGE, RC_UNSUPPORTED,
 * RC_NO_MEMORY.
 */
must_check enum rc judgment_new(struct judgment **ret, const json_t *parameters, bool is_explain,
    int *ret_document, struct why *why);
/* The only document is a root certificate to be issued for repository; the strings are borrowed. */
must_check enum rc judgment_new_certificate(struct judgment **ret, const char *repository,
    const struct keyid *key, int64_t expires_at, struct why *why);
void judgment_free(struct judgment *judgment);
DEFINE_CLEANUP(struct judgment, judgment_free);

/* Decide, on the policy, keys, roots and marks of this moment; *judgment->decision says what. What
 * was decided before is forgotten. RC_NOT_FOUND: as published_read(). RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc judgment_decide(
    struct judgment *judgment, struct agent *agent, const struct peer *peer, struct why *why);

/* Whether nothing that this decision stands on has changed since, and it is not older than a
 * second: time is a fact, too. */
must_check bool judgment_holds(
    const struct judgment *judgment, const struct agent *agent, const struct peer *peer);

/* How a request ended, for its record. */
struct judgment_end {
    struct agent *agent;
    const struct peer *peer;
    const char *method; /* "Sign" */
    enum audit_outcome outcome;
    const char *failure; /* why there is no signature; NULL where outcome says it all */
};
/* Write the record of the request into the open transaction of the ledger. *ret: its sequence; 0:
 * it was only counted. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc judgment_record(
    int64_t *ret, const struct judgment *judgment, const struct judgment_end *end, struct why *why);
/* Remember what the verified chains show: floors, newer roots, and marks, which are raised to the
 * versions published. Where a key of this agent signed what raises a mark, that is recorded and
 * logged. Within the open transaction of the ledger. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc judgment_put_bases(
    const struct judgment *judgment, const struct judgment_end *end, struct why *why);
