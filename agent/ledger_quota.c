/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_quota.h"

#include "agent/schema.h"

/* A statement about that grant and uid alone, so far. */
static struct query
ask_about(struct ledger *ledger, enum statement statement, const struct ledger_quota *whose)
{
    struct query q = query_of(ledger_database(ledger), statement);

    query_text(&q, whose->grant);
    query_int(&q, whose->uid);
    return q;
}

/* The newest minute, and all documents up to its end; zeros: there is none. */
static enum rc
find_end(int64_t *ret_minute, int64_t *ret_n, struct ledger *ledger,
    const struct ledger_quota *whose, struct why *why)
{
    closing(query_done) struct query q = ask_about(ledger, STATEMENT_QUOTA_END, whose);

    enum rc rc = query_next(&q, why);
    *ret_minute = rc ? 0 : query_int_at(&q, 0);
    *ret_n = rc ? 0 : query_int_at(&q, 1);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* One number that depends on another one. */
static enum rc
find_number(int64_t *ret, struct ledger *ledger, enum statement statement,
    const struct ledger_quota *whose, int64_t of, struct why *why)
{
    closing(query_done) struct query q = ask_about(ledger, statement, whose);

    query_int(&q, of);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    *ret = query_int_at(&q, 0);
    return RC_OK;
}

enum rc
ledger_quota_count(int64_t *ret_n, int64_t *ret_freeing, struct ledger *ledger,
    const struct ledger_quota *whose, int64_t from, int64_t limit, struct why *why)
{
    int64_t newest, end, before = 0;

    enum rc rc = find_end(&newest, &end, ledger, whose, why);
    if (rc)
        return rc;

    rc = find_number(&before, ledger, STATEMENT_QUOTA_SINCE, whose, from, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    *ret_n = rc ? 0 : end - before;
    if (*ret_n < limit)
        return RC_OK;

    rc = find_number(ret_freeing, ledger, STATEMENT_QUOTA_FREEING, whose, end - limit, why);
    return rc == RC_NOT_FOUND ? fail(why, RC_STORAGE, "quotas in the ledger are damaged") : rc;
}

enum rc
ledger_quota_add(struct ledger *ledger, const struct ledger_quota *whose, int64_t minute, int64_t n,
    struct why *why)
{
    int64_t newest, end;

    enum rc rc = find_end(&newest, &end, ledger, whose, why);
    if (rc)
        return rc;

    closing(query_done) struct query q = ask_about(ledger, STATEMENT_ADD_QUOTA, whose);
    query_int(&q, end > 0 && newest > minute ? newest : minute);
    query_int(&q, n);
    query_int(&q, end);

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
