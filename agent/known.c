/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/known.h"

#include "agent/ledger_past.h"
#include "proto/bounds.h"

/* Without a root of ours nothing vouches for a chain, so it says nothing. */
static enum rc
gather_base(struct known_base *ret, const struct message_chain *chain,
    const struct known_request *request, struct why *why)
{
    closing(bytes_done) struct bytes root = BYTES_INIT(DOCUMENT_MAX_BYTES);
    int64_t version;

    ret->repository = chain->repository;
    enum rc rc = ledger_root(&root, &version, request->ledger, chain->repository, why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (!rc)
        rc = base_new(&ret->base, chain, bytes_span(&root), request->now, why);
    if (rc != RC_UNTRUSTED)
        return rc;

    ret->problem = *why;
    return RC_OK;
}

static enum rc
gather_bases(struct known *known, const struct known_request *request, struct why *why)
{
    size_t n = request->sign->n_bases;

    known->bases = calloc(n > 0 ? n : 1, sizeof *known->bases);
    if (!known->bases)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        known->n_bases++;
        enum rc rc = gather_base(&known->bases[i], &request->sign->bases[i], request, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static const struct known_base *
find_base(const struct known *known, const char *repository)
{
    for (size_t i = 0; i < known->n_bases; i++)
        if (!strcmp(known->bases[i].repository, repository))
            return &known->bases[i];

    return NULL;
}

static enum rc
know_mark(struct decide_known *fact, const struct subject *subject, struct ledger *ledger,
    struct why *why)
{
    struct ledger_mark mark;

    enum rc rc = ledger_mark(&mark, ledger, subject->repository, subject->role, why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc)
        return rc;

    fact->version = mark.version;
    fact->digest = mark.digest;
    fact->newest_delegations = mark.delegations;
    if (subject->rank != RANK_ROOT)
        return RC_OK;

    /* As if it had never been released. If it is published after all, the base shows it. */
    rc = ledger_superseded(ledger, subject->repository, &mark, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    fact->version--;
    fact->digest = (struct digest){0};
    return RC_OK;
}

static enum rc
know_replay(struct decide_known *fact, const struct keyid *key, const struct subject *subject,
    struct ledger *ledger, struct why *why)
{
    enum rc rc = ledger_retired(ledger, subject->repository, key, why);
    if (!rc)
        fact->replays = key;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Root keys that are retired there: of a certificate that is asked for, or that the root lists. */
static enum rc
know_replays(struct decide_known *fact, const struct subject *subject, struct ledger *ledger,
    struct why *why)
{
    enum rc rc = RC_OK;

    if (subject->rank != RANK_ROOT)
        return RC_OK;

    if (subject->version == 0)
        rc = know_replay(fact, &subject->keys[0], subject, ledger, why);
    for (size_t i = 0; !rc && i < subject->n_listings; i++)
        if (span_eq(subject->listings[i].role, SPAN("root")))
            rc = know_replay(fact, &subject->listings[i].key, subject, ledger, why);
    return rc;
}

/* On top of the mark. What was released under the version that is published, but is not what is
 * published, can never be published any more. */
static void
know_base(struct decide_known *fact, const struct subject *subject, const struct known_base *base)
{
    if (!base)
        return;

    if (base->problem.text[0])
        fact->base_problem = base->problem.text;
    const struct base_role *role = base->base ? base_find(base->base, subject->role) : NULL;
    if (base->base)
        fact->base = role ? DECIDE_BASE_FILE : DECIDE_BASE_EMPTY;
    if (!role)
        return;

    fact->base_version = role->version;
    fact->base_delegations = role->delegations;
    if (role->version >= fact->version)
        fact->newest_delegations = role->delegations;
    if (role->version > fact->version) {
        fact->version = role->version;
        fact->digest = role->digest;
    }
}

static enum rc
compare_targets(struct changes *ret, const struct subject *subject, const struct base *base,
    size_t max_bytes, struct why *why)
{
    closing(tuf_targets_freep) struct tuf_targets *is = NULL;

    enum rc rc = tuf_targets_parse(&is, subject->message, why);
    return rc ? rc : changes_of_targets(ret, base_targets(base, subject->role), is, max_bytes, why);
}

static enum rc
compare_roots(struct changes *ret, const struct subject *subject, const struct base *base,
    size_t max_bytes, struct why *why)
{
    closing(tuf_root_freep) struct tuf_root *is = NULL;

    enum rc rc = tuf_root_parse(&is, subject->message, why);
    return rc ? rc : changes_of_root(ret, base_root(base), is, max_bytes, why);
}

/* Where what is published is known. A document with a flaw is refused for it, and may be of another
 * type than its role. */
static enum rc
compare(struct decide_known *fact, struct changes *changes, const struct subject *subject,
    const struct known_base *base, size_t max_bytes, struct why *why)
{
    bool is_known = fact->base == DECIDE_BASE_FILE || fact->base == DECIDE_BASE_EMPTY;
    enum rc rc = RC_OK;

    if (!is_known || subject->flaw != REASON_NONE)
        return RC_OK;

    if (subject->rank == RANK_ROOT)
        rc = compare_roots(changes, subject, base->base, max_bytes, why);
    else if (subject->rank == RANK_TARGETS || subject->rank == RANK_DELEGATION)
        rc = compare_targets(changes, subject, base->base, max_bytes, why);
    if (rc)
        return rc;

    fact->tags = (const char *const *)changes->tags;
    fact->n_tags = changes->n_tags;
    fact->lowers_threshold = changes->lowers_threshold;
    return RC_OK;
}

static enum rc
gather_facts(struct known *known, const struct known_request *request, struct why *why)
{
    known->n_documents = request->n_subjects;
    known->facts = calloc(request->n_subjects, sizeof *known->facts);
    known->changes = calloc(request->n_subjects, sizeof *known->changes);
    if (!known->facts || !known->changes)
        return fail_memory(why);

    for (size_t i = 0; i < request->n_subjects; i++) {
        const struct subject *subject = request->subjects[i];
        const struct known_base *base = find_base(known, subject->repository);

        enum rc rc = know_mark(&known->facts[i], subject, request->ledger, why);
        if (!rc)
            rc = know_replays(&known->facts[i], subject, request->ledger, why);
        if (rc)
            return rc;

        know_base(&known->facts[i], subject, base);
        rc = compare(&known->facts[i], &known->changes[i], subject, base,
            CHANGES_MAX_BYTES / request->n_subjects, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

enum rc
known_new(struct known **ret, const struct known_request *request, struct why *why)
{
    closing(known_freep) struct known *known = calloc(1, sizeof *known);
    if (!known)
        return fail_memory(why);

    enum rc rc = gather_bases(known, request, why);
    if (!rc)
        rc = gather_facts(known, request, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < known->n_bases; i++)
        base_settle(known->bases[i].base);
    *ret = steal(known);
    return RC_OK;
}

void
known_free(struct known *known)
{
    if (!known)
        return;

    for (size_t i = 0; i < known->n_documents && known->changes; i++)
        changes_done(&known->changes[i]);
    for (size_t i = 0; i < known->n_bases; i++)
        base_free(known->bases[i].base);
    free(known->changes);
    free(known->facts);
    free(known->bases);
    free(known);
}
