/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * decide — may they? The one place where policy meets request; a pure function of its arguments.
 *
 * A request is all of its documents: one that is refused refuses them all. Each document passes a
 * table of rules about itself, then every key that it names is judged under every grant of the
 * caller; it is signed with all keys that pass, and with at least one.
 */
#include "agent/policy.h"
#include "agent/reason.h"
#include "agent/subject.h"

/* A key of the policy as the agent has it at this moment. */
struct decide_key {
    const struct policy_key *policy;
    struct keyid id;            /* canonical; empty text: never seen yet */
    enum reason state;          /* REASON_NONE: ready; REASON_TOKEN or REASON_KEY_CHANGED: not */
    enum rc rc;                 /* RC_TOKEN or RC_LOCKED where state is REASON_TOKEN */
    const char *token, *detail; /* for people; borrowed */
};

/* What the verified chain says of the role of the document. */
enum decide_base {
    DECIDE_BASE_NONE,       /* no chain was brought, or there is nothing to verify it from */
    DECIDE_BASE_EMPTY,      /* the role is not published, or not by those who may sign it now */
    DECIDE_BASE_FILE,       /* the published file */
    DECIDE_BASE_UNREADABLE, /* it is published, but was left out or is in another form */
};

/* What is known of one (repository, role): the mark of the ledger, and the base that the request
 * brings, which is what is published now. Delegations are as in subject.h. */
struct decide_known {
    int64_t version;                  /* the highest that was released or is published; 0: none */
    struct digest digest;             /* of that version */
    int64_t base_version;             /* of the published file; 0: there is none, or no base */
    struct digest base_delegations;   /* zeros also: there is no verified base */
    struct digest newest_delegations; /* of that version, which may be newer than the base */
    const char *base_problem; /* why the base that was brought does not verify; NULL: no problem */
    enum decide_base base;
    bool needs_base;         /* the agent could verify a base, so one must be brought */
    const char *stale_role;  /* whose file in the chain is older than one seen before; or NULL */
    int64_t stale_version;   /* the newest of it that was seen */
    bool lowers_threshold;   /* of any role, against the base, or takes its last key */
    const char *const *tags; /* decoded names of all that change against the base */
    size_t n_tags;
    bool knows_unpublished; /* what was released on top of the base: these tags change there */
    const char **unpublished;
    size_t n_unpublished;
    const struct keyid *replays; /* a root key whose old roots could come back; NULL: none */
    const struct subject_listing *listings; /* keys that the chain lists, and in which role */
    size_t n_listings;
};

struct decide_request {
    const struct policy *policy;
    const struct peer *peer;
    const struct decide_key *keys;
    size_t n_keys;
    struct subject *const *subjects;
    const struct decide_known *known; /* one for each subject */
    size_t n_subjects;
    const int64_t *used; /* for each grant of the policy: documents of this uid that were released,
                            or are in work, within the window of its quota; NULL: none */
    const struct peer *const *votes; /* who approved these bytes, as they are now */
    size_t n_votes;
    int64_t now; /* seconds UTC */
    bool is_partial;
    const int64_t *free_at; /* for each grant, where used is all that its quota allows: when there
                               is room again, seconds UTC; 0: not known; NULL: for none */
    const char
        *denial; /* by whom an approver's no to these bytes is, and why; NULL: none said no */
};

#define DECIDE_TEXT_BYTES sizeof((struct why){0}.text) /* what is wrong with a base, whole */

/* One rule as Explain shows it. */
struct decide_check {
    const char *rule;
    enum reason reason; /* why it does not hold */
    bool holds;
    char want[DECIDE_TEXT_BYTES], have[DECIDE_TEXT_BYTES];
};

/* What becomes of one key that a document names. */
struct decide_choice {
    const struct decide_key *key;     /* NULL: the agent has no such key */
    const struct policy_grant *grant; /* under which it signs, or the closest one; NULL: none */
    enum reason left_out;             /* REASON_NONE: it signs */
};

#define DECIDE_CHECKS_MAX 16

struct decide_verdict {
    enum rc rc; /* RC_OK, RC_DENIED, RC_PENDING, RC_ROLLBACK, RC_STALE, RC_TOKEN or RC_LOCKED */
    struct decide_check checks[DECIDE_CHECKS_MAX]; /* in the order of the rules */
    size_t n_checks;
    const struct decide_check *failed; /* the one that decided; NULL where rc is RC_OK */
    struct decide_choice *choices;     /* one for each key wanted, in its order */
    size_t n_choices;
    const struct policy_grant *grant; /* the first that allows, or the closest one; may be NULL */
};

struct decision {
    enum rc rc;     /* of the whole request: the gravest of its documents' */
    size_t refused; /* the first document with it, where rc is not RC_OK */
    struct decide_verdict *verdicts;
    size_t n_verdicts;
};

/* RC_OK: *ret holds the verdicts, whatever they are. RC_NO_MEMORY. */
must_check enum rc decide(
    struct decision **ret, const struct decide_request *request, struct why *why);
/* Add 1 for each grant of the policy under which the document, which is allowed, is signed. */
void decide_count(
    int64_t *counts, const struct policy *policy, const struct decide_verdict *verdict);
void decision_free(struct decision *decision);
DEFINE_CLEANUP(struct decision, decision_free);
