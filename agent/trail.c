/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trail.h"

#include <assert.h>
#include <inttypes.h>
#include <sys/queue.h>
#include <time.h>

#include "agent/answer.h"
#include "agent/audit_filter.h"
#include "agent/ledger_trail.h"
#include "agent/log.h"
#include "agent/refusal.h"
#include "agent/timer.h"
#include "proto/bounds.h"

#define STEP_US     (TURN_SHORT_US / 2) /* the rest is for writing it, so that nobody pays */
#define REPLY_BYTES (32 * 1024)         /* of bodies; then a reply is worth its frame */

TAILQ_HEAD(trail_list, trail);

struct trails {
    struct trail_list all;
};

struct trail {
    TAILQ_ENTRY(trail) next;
    struct agent *agent;
    struct conn *conn;
    json_t *parameters; /* own all texts */
    struct audit_filter filter;
    struct ledger_trail place;
    int64_t n_left;   /* of those that are wanted */
    int64_t head_seq; /* up to here, unless it follows */
    struct digest head_hash;
    bool is_following, is_waiting, is_expired;
    struct timer expiry;
    /* of the step */
    uint64_t step_ends_at;
    json_t *records; /* for the next reply; NULL: no memory */
    size_t n_bytes;
    bool is_over;
    int64_t no_text; /* a record that is none; 0: all are */
};

enum rc
trails_new(struct trails **ret, struct why *why)
{
    struct trails *trails = calloc(1, sizeof *trails);
    if (!trails)
        return fail_memory(why);

    TAILQ_INIT(&trails->all);
    *ret = trails;
    return RC_OK;
}

void
trails_free(struct trails *trails)
{
    free(trails);
}

static void
trail_free(struct trail *trail)
{
    if (!trail)
        return;

    TAILQ_REMOVE(&trail->agent->trails->all, trail, next);
    timer_done(&trail->expiry);
    json_decref(trail->parameters);
    json_decref(trail->records);
    free(trail);
}
DEFINE_CLEANUP(struct trail, trail_free);

static void
on_cancel(void *work)
{
    trail_free(work);
}

static uint64_t
now_us(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Bytes that are no text can be in a file that somebody changed; no message can have them. */
static void
add_record(struct trail *trail, const struct record *record)
{
    char hash[DIGEST_HEX_LEN + 1];

    if (!span_is_text(record->body)) {
        trail->no_text = record->seq;
        return;
    }

    digest_hex(hash, &record->hash);
    answer_add(&trail->records,
        json_pack("{s:I,s:I,s:s,s:s%}", "seq", (json_int_t)record->seq, "at_us",
            (json_int_t)record->at_us, "hash", hash, "body", record->body.p, record->body.len));
    trail->n_bytes += record->body.len;
    trail->n_left--;
}

/* Whether another one may be taken in this step. */
static bool
take(void *userdata, const struct record *record)
{
    struct trail *trail = userdata;
    bool is_new = record->seq > trail->head_seq && !trail->is_following;

    if (is_new && trail->place.order == LEDGER_TRAIL_ALL)
        trail->is_over = true;
    else if (!is_new && audit_filter_admits(&trail->filter, record->body))
        add_record(trail, record);

    if (trail->n_left == 0)
        trail->is_over = true;
    return !trail->is_over && trail->records && trail->no_text == 0 &&
           trail->n_bytes < REPLY_BYTES && now_us() < trail->step_ends_at;
}

static json_t *
take_records(struct trail *trail)
{
    json_t *reply = json_pack("{s:o}", "records", trail->records);

    trail->records = json_array();
    trail->n_bytes = 0;
    return reply;
}

/* Its last reply; it is gone afterwards. */
static void
end(struct trail *trail, bool is_complete)
{
    closing(trail_freep) struct trail *owned = trail;
    char hash[DIGEST_HEX_LEN + 1];

    digest_hex(hash, &trail->head_hash);
    json_t *reply = take_records(trail);
    answer_set(&reply, "head",
        json_pack("{s:s,s:I,s:s}", "ledger", ledger_id(trail->agent->ledger), "seq",
            (json_int_t)trail->head_seq, "hash", hash));
    answer_set(&reply, "complete", json_boolean(is_complete));
    conn_set_work(owned->conn, NULL, NULL);
    conn_reply(owned->conn, reply);
}

static void
fail_with(struct trail *trail, enum rc rc, const struct why *why)
{
    closing(trail_freep) struct trail *owned = trail;

    conn_set_work(owned->conn, NULL, NULL);
    if (rc != RC_STORAGE) {
        answer_error(owned->conn, rc, why);
        return;
    }

    log_once(LOG_LEVEL_ERROR, "records cannot be read: %s", why->text);
    conn_error(owned->conn, rc, json_pack("{s:s}", "remedy", why->text));
}

static void
forbid(struct trail *trail)
{
    closing(trail_freep) struct trail *owned = trail;

    conn_set_work(owned->conn, NULL, NULL);
    answer_reason(owned->conn, REASON_NOT_ADMIN, 0);
}

/* Somebody who was an admin when he asked may be none any more. */
static bool
is_still_allowed(const struct trail *trail)
{
    const struct peer *peer = conn_peer(trail->conn);
    const struct policy *policy = trail->agent->policy;

    return policy && policy_knows(policy, peer) &&
           ((trail->filter.has_uid && trail->filter.uid == peer->uid) ||
               policy_is_admin(policy, peer));
}

static void go_on(struct trail *trail);
static void tell(struct trail *trail);

/* All that there is was read. */
static void
rest(struct trail *trail)
{
    trail->head_seq = ledger_head_seq(trail->agent->ledger);
    ledger_head_hash(&trail->head_hash, trail->agent->ledger);
    if (trail->is_expired) {
        end(trail, true);
    } else if (trail->n_bytes > 0) {
        tell(trail);
    } else {
        trail->is_waiting = true;
        conn_rest(trail->conn);
    }
}

static void
step(void *work)
{
    struct trail *trail = work;
    struct why why;

    if (!is_still_allowed(trail)) {
        forbid(trail);
        return;
    }

    trail->step_ends_at = now_us() + STEP_US;
    enum rc rc = ledger_trail_read(&trail->place, trail->agent->ledger, take, trail, &why);
    if (!trail->records)
        rc = fail_memory(&why);
    else if (trail->no_text > 0)
        rc = fail(&why, RC_STORAGE, "the ledger was changed: record %" PRId64 " is no text",
            trail->no_text);
    if (rc && rc != RC_NOT_FOUND)
        fail_with(trail, rc, &why);
    else if (trail->is_over || (rc == RC_NOT_FOUND && !trail->is_following))
        end(trail, true);
    else if (rc == RC_NOT_FOUND)
        rest(trail);
    else if (trail->n_bytes < REPLY_BYTES)
        go_on(trail);
    else if (!conn_wants(trail->conn).more)
        end(trail, false);
    else
        tell(trail);
}

/* Wait for the next turn. It may be gone afterwards, here and below. */
static void
go_on(struct trail *trail)
{
    bool is_said = conn_continue(trail->conn, NULL, step);

    assert(is_said);
    (void)is_said;
}

/* Tell what was found, and wait for the next turn. */
static void
tell(struct trail *trail)
{
    json_t *reply = take_records(trail);
    struct why why;

    if (!reply || !conn_continue(trail->conn, reply, step))
        fail_with(trail, fail_memory(&why), &why);
}

static void
on_expired(void *userdata)
{
    struct trail *trail = userdata;

    trail->is_expired = true;
    if (trail->is_waiting)
        end(trail, true);
}

void
trails_wake(struct trails *trails)
{
    struct trail *next;

    for (struct trail *trail = TAILQ_FIRST(&trails->all); trail; trail = next) {
        next = TAILQ_NEXT(trail, next);
        if (!trail->is_waiting)
            continue;

        trail->is_waiting = false;
        go_on(trail);
    }
}

/* What the parameters say, but for whose records. */
struct question {
    int64_t after, since_us, until_us, limit;
    bool is_newest, wants_all, is_following;
    const char *user;
};

static enum rc
read_question(
    struct question *q, struct audit_filter *filter, const json_t *parameters, struct why *why)
{
    struct members m;

    *q = (struct question){.after = -1, .since_us = -1, .until_us = -1, .limit = INTEGER_MAX};
    members_open(&m, parameters, "parameters");
    members_int_maybe(&m, "after", 0, INTEGER_MAX, &q->after);
    members_int_maybe(&m, "since", 0, INTEGER_MAX, &q->since_us);
    members_int_maybe(&m, "until", 0, INTEGER_MAX, &q->until_us);
    members_bool_maybe(&m, "newest", &q->is_newest);
    members_bool_maybe(&m, "all", &q->wants_all);
    members_text_maybe(&m, "user", &q->user);
    members_text_maybe(&m, "repository", &filter->repository);
    members_text_maybe(&m, "role", &filter->role);
    members_text_maybe(&m, "outcome", &filter->outcome);
    members_text_maybe(&m, "reason", &filter->reason);
    members_int_maybe(&m, "limit", 1, INTEGER_MAX, &q->limit);
    members_bool_maybe(&m, "follow", &q->is_following);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = audit_filter_check(filter, why);
    if (rc)
        return rc;

    if (q->after >= 0 && (q->since_us >= 0 || q->until_us >= 0 || q->is_newest))
        return fail(why, RC_MALFORMED,
            "'after' is about the sequence; 'since', 'until' and 'newest' are about the time");

    if (q->is_following && q->after < 0)
        return fail(why, RC_MALFORMED, "'follow' needs 'after'");

    return RC_OK;
}

/* Whom the kernel cannot tell from others sees nothing, as it could be theirs. */
static bool
is_somebody(const struct peer *peer)
{
    return peer->uid != peer_overflow_uid();
}

/* Whose records; false: the call is answered already. */
static bool
settle_user(
    struct agent *agent, struct conn *conn, const struct question *q, struct audit_filter *filter)
{
    const struct peer *peer = conn_peer(conn);
    closing(peer_unrefp) struct peer *other = NULL;
    bool is_admin = policy_is_admin(agent->policy, peer);
    struct why why;

    filter->has_uid = !is_admin || q->user;
    filter->uid = peer->uid;
    filter->door = peer->door; /* root of one container is not that of another */
    if (q->user) {
        enum rc rc = peer_of_user(&other, q->user, NULL, &why);
        if (rc && is_admin) {
            answer_error(conn, rc, &why);
            return false;
        }
        if (!rc && is_admin)
            filter->uid = other->uid;
        if (!is_admin && (rc || other->uid != peer->uid)) {
            refusal_start(agent, conn, "Audit", REASON_NOT_ADMIN);
            return false;
        }
    }

    if (!is_admin && (q->wants_all || !is_somebody(peer))) {
        refusal_start(agent, conn, "Audit", REASON_NOT_ADMIN);
        return false;
    }

    return true;
}

static struct ledger_trail
place_of(const struct question *q, const struct audit_filter *filter)
{
    struct ledger_trail place = {
        .order = q->after >= 0        ? LEDGER_TRAIL_ALL
                 : filter->repository ? LEDGER_TRAIL_REPOSITORY
                 : filter->has_uid    ? LEDGER_TRAIL_USER
                                      : LEDGER_TRAIL_TIME,
        .is_backwards = q->is_newest,
        .since_us = q->since_us >= 0 ? q->since_us : INT64_MIN,
        .until_us = q->until_us >= 0 ? q->until_us : INT64_MAX,
        .after = q->after >= 0 ? q->after : 0,
        .uid = filter->uid,
        .repository = filter->repository,
    };

    ledger_trail_begin(&place);
    return place;
}

void
trail_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct audit_filter filter = {0};
    struct question q;
    struct why why;

    enum rc rc = read_question(&q, &filter, parameters, &why);
    if (!rc && q.is_following && !conn_wants(conn).more)
        rc = fail(&why, RC_MALFORMED, "'follow' needs a call with 'more'");
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    if (!settle_user(agent, conn, &q, &filter))
        return;

    struct trail *trail = calloc(1, sizeof *trail);
    if (!trail) {
        answer_error(conn, fail_memory(&why), &why);
        return;
    }

    *trail = (struct trail){
        .agent = agent,
        .conn = conn,
        .parameters = json_incref((json_t *)parameters),
        .filter = filter,
        .place = place_of(&q, &filter),
        .n_left = q.limit,
        .is_following = q.is_following,
        .head_seq = ledger_head_seq(agent->ledger),
        .records = json_array(),
    };
    ledger_head_hash(&trail->head_hash, agent->ledger);
    TAILQ_INSERT_TAIL(&agent->trails->all, trail, next);
    rc = timer_init(&trail->expiry, agent->event, on_expired, trail, &why);
    if (rc) {
        fail_with(trail, rc, &why);
        return;
    }

    if (q.is_following)
        timer_set(&trail->expiry, timer_after_s(&trail->expiry, FOLLOW_MAX_S));
    conn_set_work(conn, trail, on_cancel);
    go_on(trail);
}
