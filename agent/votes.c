/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/votes.h"

#define CLAIM_MAX_BYTES (2 * 1024 * 1024) /* all names and keys that a request can have */

void
votes_digest(struct digest *ret, const struct digest *documents, size_t n)
{
    if (n == 1)
        *ret = documents[0];
    else
        digest_of(ret, (struct span){documents[0].b, n * sizeof *documents});
}

/* Names hold no NUL, so nothing else reads as the same claim. */
static void
put_subject(struct bytes *b, const struct subject *subject)
{
    const char *const names[] = {subject->format, subject->repository, subject->role};

    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        bytes_puts(b, names[i]);
        bytes_putc(b, 0);
    }
    bytes_put(b, digest_span(&subject->digest));
    for (size_t i = 0; i < subject->n_keys; i++) {
        bytes_puts(b, subject->keys[i].hex);
        bytes_putc(b, 0);
    }
    bytes_putc(b, 0);
}

static enum rc
put_changes(struct bytes *b, const json_t *list, struct why *why)
{
    closing(freep) char *text = list ? json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS) : strdup("");
    if (!text)
        return fail_memory(why);

    bytes_puts(b, text);
    bytes_putc(b, 0);
    return RC_OK;
}

static enum rc
make_claim(struct votes *votes, const struct votes_request *request, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(CLAIM_MAX_BYTES);
    struct digest documents[DOCUMENTS_MAX];

    for (size_t i = 0; i < request->n_subjects; i++) {
        put_subject(&text, request->subjects[i]);
        documents[i] = request->subjects[i]->digest;
        enum rc rc = put_changes(&text, request->changes[i].list, why);
        if (rc)
            return rc;
    }
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    digest_of(&votes->claim, bytes_span(&text));
    votes_digest(&votes->digest, documents, request->n_subjects);
    return RC_OK;
}

enum rc
votes_peer(struct peer **ret, uid_t uid, struct why *why)
{
    char text[16];

    snprintf(text, sizeof text, "%u", uid);
    return peer_of_user(ret, text, NULL, why);
}

static enum rc
add_peers(struct votes *votes, struct ledger *ledger, const char *id, struct why *why)
{
    closing(freep) uid_t *uids = NULL;
    size_t n = 0;

    enum rc rc = ledger_votes(&uids, &n, ledger, id, why);
    if (rc)
        return rc;

    votes->peers = calloc(n + 1, sizeof *votes->peers);
    if (!votes->peers)
        return fail_memory(why);

    /* Who cannot be looked up does not count. */
    for (size_t i = 0; i < n && rc != RC_NO_MEMORY; i++) {
        rc = votes_peer(&votes->peers[votes->n_peers], uids[i], why);
        if (!rc)
            votes->n_peers++;
    }
    return rc == RC_NO_MEMORY ? rc : RC_OK;
}

static enum rc
find(struct votes *votes, struct ledger *ledger, const struct votes_request *request,
    struct why *why)
{
    closing(parked_done) struct parked parked = {0};

    enum rc rc =
        ledger_find_parked(&parked, ledger, request->uid, &votes->claim, request->now, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    memcpy(votes->id, parked.id, sizeof votes->id);
    votes->expires_at = parked.expires_at;
    votes->state = parked.state;
    if (parked.state != PARKED_DENIED)
        return add_peers(votes, ledger, parked.id, why);

    snprintf(votes->denial, sizeof votes->denial, "denied by uid %u%s%s", parked.denied_by,
        parked.reason[0] ? ": " : "", parked.reason);
    return RC_OK;
}

enum rc
votes_new(
    struct votes *ret, struct ledger *ledger, const struct votes_request *request, struct why *why)
{
    closing(votes_done) struct votes votes = {0};

    enum rc rc = make_claim(&votes, request, why);
    if (!rc)
        rc = find(&votes, ledger, request, why);
    if (rc)
        return rc;

    *ret = votes;
    votes = (struct votes){0};
    return RC_OK;
}

enum rc
votes_of(struct votes *ret, struct ledger *ledger, const char *id, struct why *why)
{
    closing(votes_done) struct votes votes = {0};

    enum rc rc = add_peers(&votes, ledger, id, why);
    if (rc)
        return rc;

    *ret = votes;
    votes = (struct votes){0};
    return RC_OK;
}

void
votes_done(struct votes *votes)
{
    for (size_t i = 0; i < votes->n_peers; i++)
        peer_unref(votes->peers[i]);
    free(votes->peers);
    *votes = (struct votes){0};
}
