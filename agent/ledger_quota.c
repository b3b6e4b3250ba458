/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_quota.h"

#include "agent/schema.h"

enum rc
ledger_quota_count(int64_t *ret_n, int64_t *ret_freeing, struct ledger *ledger,
    const struct ledger_quota *whose, int64_t from, int64_t limit, struct why *why)
{
    int64_t n = 0;
    enum rc rc;

    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_QUOTA);
    query_text(&q, whose->grant);
    query_int(&q, whose->uid);
    query_int(&q, from);
    while (!(rc = query_next(&q, why))) { /* from the newest on */
        bool was_less = n < limit;
        n += query_int_at(&q, 1);
        if (was_less && n >= limit)
            *ret_freeing = query_int_at(&q, 0);
    }

    if (rc != RC_NOT_FOUND)
        return rc;

    *ret_n = n;
    return RC_OK;
}

enum rc
ledger_quota_add(struct ledger *ledger, const struct ledger_quota *whose, int64_t minute, int64_t n,
    struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_ADD_QUOTA);
    query_text(&q, whose->grant);
    query_int(&q, whose->uid);
    query_int(&q, minute);
    query_int(&q, n);

    return query_write(&q, NULL, why);
}

enum rc
ledger_quota_newest(int64_t *ret, struct ledger *ledger, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_NEWEST_QUOTA);

    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    *ret = query_int_at(&q, 0);
    return RC_OK;
}

enum rc
ledger_quota_move_back(struct ledger *ledger, int64_t minute, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_COPY_QUOTA);
    query_int(&q, minute);
    query_int(&q, minute);
    enum rc rc = query_write(&q, NULL, why);
    if (rc)
        return rc;

    closing(query_done) struct query forget =
        query_of(ledger_database(ledger), STATEMENT_FORGET_QUOTA_AFTER);
    query_int(&forget, minute);
    return query_write(&forget, NULL, why);
}

enum rc
ledger_quota_purge(struct ledger *ledger, int64_t before, struct why *why)
{
    closing(query_done) struct query q =
        query_of(ledger_database(ledger), STATEMENT_FORGET_QUOTA_BEFORE);
    query_int(&q, before);

    return query_write(&q, NULL, why);
}

enum rc
ledger_quota_next(struct ledger_quota *whose, struct ledger *ledger, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_NEXT_QUOTA);
    query_text(&q, whose->grant);
    query_int(&q, whose->uid);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    struct span grant = query_span_at(&q, 0);
    snprintf(whose->grant, sizeof whose->grant, "%.*s", (int)grant.len, (const char *)grant.p);
    whose->uid = (uid_t)query_int_at(&q, 1);
    return RC_OK;
}
