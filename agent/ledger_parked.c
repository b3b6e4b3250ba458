/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_parked.h"

#include <errno.h>
#include <sys/random.h>

#include "agent/schema.h"
#include "proto/bounds.h"

void
parked_done(struct parked *parked)
{
    free(parked->reason);
    json_decref(parked->summary);
    *parked = (struct parked){0};
}

/* Nobody has to tell I from l, or 0 from O. */
static enum rc
make_id(char ret[PARKED_ID_LEN + 1], struct why *why)
{
    static const char characters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t random[PARKED_ID_LEN];

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return fail(why, RC_SYSTEM, "no random bytes: %s", strerror(errno));

    for (size_t i = 0; i < PARKED_ID_LEN; i++)
        ret[i] = characters[random[i] % (sizeof characters - 1)];
    ret[PARKED_ID_LEN] = 0;
    return RC_OK;
}

/* Whether one more open request, of that many bytes, is too much. */
static enum rc
check_room(struct ledger *ledger, uid_t uid, size_t len, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_COUNT_PARKED);
    query_int(&q, uid);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    if (query_int_at(&q, 0) >= PARKED_MAX_PER_UID)
        return fail(why, RC_REFUSED,
            "%d of your requests wait for approval already; withdraw one, see 'countersign "
            "pending'",
            PARKED_MAX_PER_UID);

    if (query_int_at(&q, 1) >= PARKED_MAX)
        return fail(why, RC_BUSY, "PARKED_MAX");

    if (query_int_at(&q, 2) + (int64_t)len > PARKED_MAX_BYTES)
        return fail(why, RC_BUSY, "PARKED_MAX_BYTES");

    return RC_OK;
}

static enum rc
put_request(struct ledger *ledger, const char *id, const struct parked_request *request,
    const char *summary, const char *body, int64_t now, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_PUT_PARKED);
    query_text(&q, id);
    query_int(&q, request->uid);
    query_blob(&q, digest_span(&request->claim));
    query_blob(&q, digest_span(&request->digest));
    query_int(&q, now);
    query_int(&q, now + PARKED_LIFETIME_S);
    query_text(&q, summary);
    query_text(&q, body);

    return query_write(&q, NULL, why);
}

static enum rc
put_role(struct ledger *ledger, const char *id, const struct parked_role *role, struct why *why)
{
    closing(query_done) struct query q =
        query_of(ledger_database(ledger), STATEMENT_PUT_PARKED_ROLE);
    query_text(&q, id);
    query_text(&q, role->repository);
    query_text(&q, role->role);
    query_int(&q, role->version);
    query_blob(&q, digest_span(&role->digest));

    return query_write(&q, NULL, why);
}

enum rc
ledger_park(char ret_id[PARKED_ID_LEN + 1], struct ledger *ledger,
    const struct parked_request *request, int64_t now, struct why *why)
{
    closing(freep) char *summary = json_dumps(request->summary, JSON_COMPACT);
    closing(freep) char *body = json_dumps(request->body, JSON_COMPACT);
    char id[PARKED_ID_LEN + 1];

    if (!summary || !body)
        return fail_memory(why);

    if (strlen(summary) + strlen(body) > PARKED_REQUEST_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "PARKED_REQUEST_MAX_BYTES");

    enum rc rc = ledger_purge_parked(ledger, now, why);
    if (!rc && !ledger_has_room(ledger))
        rc = fail(why, RC_STORAGE,
            "what is left of the file system is for requests that need no approval: make room "
            "where the ledger is");
    if (!rc)
        rc = check_room(ledger, request->uid, strlen(body), why);
    if (!rc)
        rc = make_id(id, why);
    if (!rc)
        rc = put_request(ledger, id, request, summary, body, now, why);
    for (size_t i = 0; !rc && i < request->n_roles; i++)
        rc = put_role(ledger, id, &request->roles[i], why);
    if (rc)
        return rc;

    memcpy(ret_id, id, sizeof id);
    return RC_OK;
}

/* A column of text that is JSON. */
static enum rc
read_json(json_t **ret, struct query *q, int column, struct why *why)
{
    struct span text = query_span_at(q, column);
    json_error_t error;

    *ret = json_loadb((const char *)text.p, text.len, 0, &error);
    if (!*ret && json_error_code(&error) == json_error_out_of_memory)
        return fail_memory(why);

    return *ret ? RC_OK : fail(why, RC_STORAGE, "the ledger has a parked request that is no JSON");
}

/* The row of q, which is STATEMENT_FIND_PARKED or STATEMENT_PARKED. */
static enum rc
read_parked(struct parked *ret, struct query *q, struct why *why)
{
    closing(parked_done) struct parked parked = {0};

    enum rc rc = query_next(q, why);
    if (rc)
        return rc;

    struct span id = query_span_at(q, 0);
    if (id.len != PARKED_ID_LEN)
        return fail(why, RC_STORAGE, "the ledger has a parked request with a strange id");

    memcpy(parked.id, id.p, PARKED_ID_LEN);
    parked.uid = (uid_t)query_int_at(q, 1);
    rc = query_digest_at(&parked.digest, q, 2, why);
    if (!rc)
        rc = read_json(&parked.summary, q, 5, why);
    if (rc)
        return rc;

    parked.created_at = query_int_at(q, 3);
    parked.expires_at = query_int_at(q, 4);
    parked.state = (enum parked_state)query_int_at(q, 6);
    parked.denied_by = (uid_t)query_int_at(q, 7);
    parked.reason = span_dup(query_span_at(q, 8));
    if (!parked.reason)
        return fail_memory(why);

    *ret = parked;
    parked = (struct parked){0};
    return RC_OK;
}

enum rc
ledger_find_parked(struct parked *ret, struct ledger *ledger, uid_t uid, const struct digest *claim,
    int64_t now, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_FIND_PARKED);
    query_int(&q, uid);
    query_blob(&q, digest_span(claim));
    query_int(&q, now);

    return read_parked(ret, &q, why);
}

enum rc
ledger_parked(
    struct parked *ret, struct ledger *ledger, const char *id, int64_t now, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_PARKED);
    query_text(&q, id);
    query_int(&q, now);

    return read_parked(ret, &q, why);
}

enum rc
ledger_parked_body(json_t **ret, struct ledger *ledger, const char *id, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_PARKED_BODY);
    query_text(&q, id);
    enum rc rc = query_next(&q, why);

    return rc ? rc : read_json(ret, &q, 0, why);
}

enum rc
ledger_list_parked(char (**ret)[PARKED_ID_LEN + 1], size_t *ret_n, struct ledger *ledger,
    int64_t now, struct why *why)
{
    closing(freep) char(*ids)[PARKED_ID_LEN + 1] = calloc(PARKED_MAX, sizeof *ids);
    size_t n = 0;

    if (!ids)
        return fail_memory(why);

    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_LIST_PARKED);
    query_int(&q, now);
    enum rc rc = query_next(&q, why);
    for (; !rc && n < PARKED_MAX; rc = query_next(&q, why)) {
        struct span id = query_span_at(&q, 0);
        if (id.len == PARKED_ID_LEN)
            memcpy(ids[n++], id.p, PARKED_ID_LEN);
    }
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    *ret = steal(ids);
    *ret_n = n;
    return RC_OK;
}

enum rc
ledger_votes(uid_t **ret, size_t *ret_n, struct ledger *ledger, const char *id, struct why *why)
{
    closing(freep) uid_t *uids = calloc(PARKED_VOTES_MAX, sizeof *uids);
    size_t n = 0;

    if (!uids)
        return fail_memory(why);

    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_VOTES);
    query_text(&q, id);
    enum rc rc = query_next(&q, why);
    for (; !rc && n < PARKED_VOTES_MAX; rc = query_next(&q, why))
        uids[n++] = (uid_t)query_int_at(&q, 0);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    *ret = steal(uids);
    *ret_n = n;
    return RC_OK;
}

enum rc
ledger_put_vote(struct ledger *ledger, const char *id, uid_t uid, int64_t now, struct why *why)
{
    closing(freep) uid_t *uids = NULL;
    size_t n = 0;

    enum rc rc = ledger_votes(&uids, &n, ledger, id, why);
    if (rc)
        return rc;

    if (n == PARKED_VOTES_MAX)
        return fail(why, RC_BUSY, "PARKED_VOTES_MAX");

    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_PUT_VOTE);
    query_text(&q, id);
    query_int(&q, uid);
    query_int(&q, now);

    return query_write(&q, NULL, why);
}

static enum rc
close_parked(struct ledger *ledger, const char *id, enum parked_state state, uid_t uid,
    const char *reason, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_CLOSE_PARKED);
    query_int(&q, state);
    query_int(&q, uid);
    query_text(&q, reason);
    query_text(&q, id);

    return query_write(&q, NULL, why);
}

enum rc
ledger_put_released(struct ledger *ledger, const char *id, struct why *why)
{
    return close_parked(ledger, id, PARKED_RELEASED, 0, "", why);
}

enum rc
ledger_put_denied(
    struct ledger *ledger, const char *id, uid_t uid, const char *reason, struct why *why)
{
    return close_parked(ledger, id, PARKED_DENIED, uid, reason, why);
}

enum rc
ledger_forget_parked(struct ledger *ledger, const char *id, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_FORGET_PARKED);
    query_text(&q, id);

    return query_write(&q, NULL, why);
}

enum rc
ledger_purge_parked(struct ledger *ledger, int64_t now, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_PURGE_PARKED);
    query_int(&q, now);
    query_int(&q, PARKED_CLOSED_MAX);

    return query_write(&q, NULL, why);
}
