/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_trail.h"

#include "agent/schema.h"

enum rc
ledger_put_trail_user(struct ledger *ledger, int64_t at_us, uid_t uid, struct why *why)
{
    closing(query_done) struct query q =
        query_of(ledger_database(ledger), STATEMENT_PUT_TRAIL_USER);
    query_int(&q, uid);
    query_int(&q, at_us);
    query_int(&q, ledger_head_seq(ledger));

    return query_write(&q, NULL, why);
}

enum rc
ledger_put_trail_repository(
    struct ledger *ledger, int64_t at_us, const char *repository, struct why *why)
{
    closing(query_done) struct query q =
        query_of(ledger_database(ledger), STATEMENT_PUT_TRAIL_REPOSITORY);
    query_text(&q, repository);
    query_int(&q, at_us);
    query_int(&q, ledger_head_seq(ledger));

    return query_write(&q, NULL, why);
}

void
ledger_trail_begin(struct ledger_trail *trail)
{
    /* Before all those of that time, or behind them. */
    trail->at_us = trail->is_backwards ? trail->until_us : trail->since_us;
    trail->seq = trail->is_backwards ? INT64_MAX : trail->after;
}

static struct query
trail_query(const struct ledger_trail *trail, struct ledger *ledger)
{
    static const enum statement statements[LEDGER_TRAIL_ORDER_MAX_][2] = {
        [LEDGER_TRAIL_ALL] = {STATEMENT_RECORDS_FROM, STATEMENT_RECORDS_FROM},
        [LEDGER_TRAIL_TIME] = {STATEMENT_TRAIL, STATEMENT_TRAIL_BACK},
        [LEDGER_TRAIL_USER] = {STATEMENT_TRAIL_USER, STATEMENT_TRAIL_USER_BACK},
        [LEDGER_TRAIL_REPOSITORY] = {STATEMENT_TRAIL_REPOSITORY, STATEMENT_TRAIL_REPOSITORY_BACK},
    };
    struct query q =
        query_of(ledger_database(ledger), statements[trail->order][trail->is_backwards]);

    if (trail->order == LEDGER_TRAIL_ALL) {
        query_int(&q, trail->seq + 1);
        return q;
    }

    query_int(&q, trail->at_us);
    query_int(&q, trail->seq);
    query_int(&q, trail->is_backwards ? trail->since_us : trail->until_us);
    if (trail->order == LEDGER_TRAIL_USER)
        query_int(&q, trail->uid);
    else if (trail->order == LEDGER_TRAIL_REPOSITORY)
        query_text(&q, trail->repository);
    return q;
}

enum rc
ledger_trail_read(struct ledger_trail *trail, struct ledger *ledger,
    bool (*take)(void *userdata, const struct record *record), void *userdata, struct why *why)
{
    closing(query_done) struct query q = trail_query(trail, ledger);

    for (;;) {
        struct record record;

        enum rc rc = query_next(&q, why);
        if (!rc)
            rc = query_digest_at(&record.hash, &q, 2, why);
        if (rc)
            return rc;

        record.seq = trail->seq = query_int_at(&q, 0);
        record.at_us = trail->at_us = query_int_at(&q, 1);
        record.body = query_span_at(&q, 3);
        if (!take(userdata, &record))
            return RC_OK;
    }
}
