/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/known.h"

#include "agent/base_state.h"
#include "agent/ledger_past.h"
#include "agent/ledger_unpublished.h"
#include "proto/bounds.h"

static enum rc
gather_chains(struct known *known, const struct published_sources *from, struct why *why)
{
    size_t n = from->sign->n_bases;

    known->chains = calloc(n + 1, sizeof *known->chains);
    if (!known->chains)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        known->n_chains++;
        enum rc rc = published_read(&known->chains[i], from, &from->sign->bases[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static const struct published *
find_chain(const struct known *known, const char *repository)
{
    for (size_t i = 0; i < known->n_chains; i++)
        if (!strcmp(known->chains[i].repository, repository))
            return &known->chains[i];

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
know_role(struct decide_known *fact, const struct base_role *role)
{
    fact->base_version = role->version;
    fact->base_delegations = role->delegations;
    if (role->version >= fact->version)
        fact->newest_delegations = role->delegations;
    if (role->version > fact->version) {
        fact->version = role->version;
        fact->digest = role->message;
    }
}

static void
know_chain(struct decide_known *fact, struct published_stale *stale, const struct subject *subject,
    const struct published *chain)
{
    const struct base *base = chain->base;

    *stale = chain->stale;
    if (stale->role) /* what it says of the role does not matter any more */
        fact->base = DECIDE_BASE_EMPTY;
    if (chain->problem.text[0])
        fact->base_problem = chain->problem.text;
    if (!base || chain->problem.text[0])
        return;

    const struct base_role *role = base_find(base, subject->role);
    if (!stale->role)
        fact->base = base_state(base, subject->role);
    fact->listings = base->listings;
    fact->n_listings = base->n_listings;
    if (!stale->role)
        (void)published_is_missing(stale, chain, subject->role);
    if (role)
        know_role(fact, role);
}

/* Tags that versions change which were released on top of the base. */
static enum rc
know_unpublished(struct decide_known *fact, json_t **ret, const struct subject *subject,
    struct ledger *ledger, struct why *why)
{
    const char *tag;
    json_t *value;

    if (fact->version <= fact->base_version ||
        (subject->rank != RANK_TARGETS && subject->rank != RANK_DELEGATION))
        return RC_OK;

    enum rc rc =
        ledger_unpublished(ret, ledger, subject->repository, subject->role, fact->version, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    fact->unpublished = calloc(json_object_size(*ret) + 1, sizeof *fact->unpublished);
    if (!fact->unpublished)
        return fail_memory(why);

    json_object_foreach(*ret, tag, value)
        fact->unpublished[fact->n_unpublished++] = tag;
    fact->knows_unpublished = true;
    return RC_OK;
}

static const struct subject *
find_first_root(const struct known_request *request, const char *repository)
{
    for (size_t i = 0; i < request->n_subjects; i++)
        if (request->subjects[i]->rank == RANK_ROOT && request->subjects[i]->version == 1 &&
            !strcmp(request->subjects[i]->repository, repository))
            return request->subjects[i];

    return NULL;
}

/* Whether the request makes the repository, so that there is no chain: it has a first root. Where
 * another first root was released that is a rollback, and nothing of the request is signed; the
 * same one again makes nothing. */
static enum rc
is_founding(bool *ret, const struct known_request *request, const char *repository, struct why *why)
{
    const struct subject *root = find_first_root(request, repository);
    struct ledger_mark mark;

    *ret = false;
    if (!root)
        return RC_OK;

    enum rc rc = ledger_mark(&mark, request->from.ledger, repository, "root", why);
    *ret = rc == RC_NOT_FOUND || (!rc && !digest_eq(&mark.digest, &root->digest));
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* A certificate to be issued is about nothing that is published. */
static enum rc
know_need(struct decide_known *fact, const struct subject *subject,
    const struct known_request *request, struct why *why)
{
    const struct published_sources *from = &request->from;
    enum published_pin pin = PUBLISHED_FREE;
    bool is_new = false;

    if (subject->is_certificate)
        return RC_OK;

    enum rc rc = published_pin_of(&pin, from->ledger, from->policy, subject->repository, why);
    if (!rc && pin != PUBLISHED_FREE)
        rc = is_founding(&is_new, request, subject->repository, why);
    fact->needs_base = pin != PUBLISHED_FREE && !is_new;
    return rc;
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

/* What is published of a root is not known, but the newest one that was released is. */
static enum rc
compare_released(struct decide_known *fact, const struct subject *subject, struct ledger *ledger,
    struct why *why)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *was = NULL, *is = NULL;
    closing(changes_done) struct changes changes = {0};
    int64_t version;

    enum rc rc = ledger_root(&raw, &version, ledger, subject->repository, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    rc = tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&was, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "the root in the ledger");

    rc = tuf_root_parse(&is, subject->message, why);
    if (!rc)
        rc = changes_of_root(&changes, was, is, 0, why);
    fact->lowers_threshold = changes.lowers_threshold;
    return rc;
}

/* Where what is published is known. A document with a flaw is refused for it, and may be of another
 * type than its role. */
static enum rc
compare(struct decide_known *fact, struct changes *changes, const struct subject *subject,
    const struct published *chain, const struct known_request *request, struct why *why)
{
    bool is_known = chain && chain->base && !fact->base_problem &&
                    (fact->base == DECIDE_BASE_FILE || fact->base == DECIDE_BASE_EMPTY);
    size_t max_bytes = CHANGES_MAX_BYTES / request->n_subjects;
    enum rc rc = RC_OK;

    if (subject->flaw != REASON_NONE || subject->is_certificate)
        return RC_OK;

    if (subject->rank == RANK_ROOT)
        rc = is_known ? compare_roots(changes, subject, chain->base, max_bytes, why)
                      : compare_released(fact, subject, request->from.ledger, why);
    else if (is_known && (subject->rank == RANK_TARGETS || subject->rank == RANK_DELEGATION))
        rc = compare_targets(changes, subject, chain->base, max_bytes, why);
    if (rc || !changes->list)
        return rc;

    fact->tags = (const char *const *)changes->tags;
    fact->n_tags = changes->n_tags;
    fact->lowers_threshold = changes->lowers_threshold;
    return RC_OK;
}

static enum rc
gather_fact(struct known *known, size_t i, const struct known_request *request, struct why *why)
{
    const struct subject *subject = request->subjects[i];
    const struct published *chain = find_chain(known, subject->repository);
    struct decide_known *fact = &known->facts[i];

    enum rc rc = know_mark(fact, subject, request->from.ledger, why);
    if (!rc)
        rc = know_replays(fact, subject, request->from.ledger, why);
    if (!rc)
        rc = know_need(fact, subject, request, why);
    if (rc)
        return rc;

    if (chain)
        know_chain(fact, &known->stale[i], subject, chain);
    fact->stale_role = known->stale[i].role;
    fact->stale_version = known->stale[i].version;
    rc = know_unpublished(fact, &known->unpublished[i], subject, request->from.ledger, why);
    if (rc)
        return rc;

    return compare(fact, &known->changes[i], subject, chain, request, why);
}

static enum rc
gather_facts(struct known *known, const struct known_request *request, struct why *why)
{
    enum rc rc = RC_OK;

    known->n_documents = request->n_subjects;
    known->facts = calloc(request->n_subjects, sizeof *known->facts);
    known->changes = calloc(request->n_subjects, sizeof *known->changes);
    known->stale = calloc(request->n_subjects, sizeof *known->stale);
    known->unpublished = calloc(request->n_subjects, sizeof(json_t *));
    if (!known->facts || !known->changes || !known->stale || !known->unpublished)
        return fail_memory(why);

    for (size_t i = 0; !rc && i < request->n_subjects; i++)
        rc = gather_fact(known, i, request, why);

    return rc;
}

enum rc
known_new(struct known **ret, const struct known_request *request, struct why *why)
{
    closing(known_freep) struct known *known = calloc(1, sizeof *known);
    if (!known)
        return fail_memory(why);

    enum rc rc = gather_chains(known, &request->from, why);
    if (!rc)
        rc = gather_facts(known, request, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < known->n_chains; i++)
        base_settle(known->chains[i].base);
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
    for (size_t i = 0; i < known->n_documents && known->facts; i++)
        free(known->facts[i].unpublished);
    for (size_t i = 0; i < known->n_documents && known->unpublished; i++)
        json_decref(known->unpublished[i]);
    for (size_t i = 0; i < known->n_chains; i++)
        published_done(&known->chains[i]);
    free(known->changes);
    free(known->stale);
    free(known->unpublished);
    free(known->facts);
    free(known->chains);
    free(known);
}
