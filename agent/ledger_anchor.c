/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_anchor.h"

#include "agent/schema.h"

enum rc
ledger_anchor(struct ledger_anchor *ret, struct bytes *ret_file, struct ledger *ledger,
    const char *repository, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_ANCHOR);
    query_text(&q, repository);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    bytes_put(ret_file, query_span_at(&q, 2));
    rc = bytes_check(ret_file, why);
    if (rc)
        return rc;

    *ret = (struct ledger_anchor){query_int_at(&q, 0), query_int_at(&q, 1) != 0};
    return RC_OK;
}

enum rc
ledger_anchor_any(struct ledger *ledger, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_ANY_ANCHOR);

    return query_next(&q, why);
}

static enum rc
put(struct ledger *ledger, size_t statement, const char *repository, int64_t version,
    struct span file, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), statement);
    query_text(&q, repository);
    query_int(&q, version);
    query_blob(&q, file);

    return query_write(&q, NULL, why);
}

enum rc
ledger_anchor_sign(struct ledger *ledger, const char *repository, int64_t version, struct span file,
    struct why *why)
{
    return put(ledger, STATEMENT_SIGN_ANCHOR, repository, version, file, why);
}

enum rc
ledger_anchor_see(struct ledger *ledger, const char *repository, int64_t version, struct span file,
    struct why *why)
{
    return put(ledger, STATEMENT_SEE_ANCHOR, repository, version, file, why);
}

static enum rc
forget(struct ledger *ledger, size_t statement, const char *repository, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), statement);
    query_text(&q, repository);

    return query_write(&q, NULL, why);
}

enum rc
ledger_anchor_forget(struct ledger *ledger, const char *repository, struct why *why)
{
    enum rc rc = forget(ledger, STATEMENT_FORGET_ANCHOR, repository, why);

    return rc ? rc : forget(ledger, STATEMENT_FORGET_FLOORS, repository, why);
}
