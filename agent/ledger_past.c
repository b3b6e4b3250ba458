/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_past.h"

#include <inttypes.h>

#include "agent/ledger_anchor.h"
#include "agent/schema.h"

/* A statement whose parameters are the repository alone. */
static enum rc
write_about(int *ret_n, struct ledger *ledger, enum statement statement, const char *repository,
    struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), statement);
    query_text(&q, repository);

    return query_write(&q, ret_n, why);
}

enum rc
ledger_put_root_key(
    struct ledger *ledger, const char *repository, const struct keyid *key, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_PUT_ROOT_KEY);
    query_text(&q, repository);
    query_text(&q, key->hex);

    return query_write(&q, NULL, why);
}

enum rc
ledger_retire(struct ledger *ledger, const char *repository, bool accept_replay, struct why *why)
{
    static const enum statement forgets[] = {
        STATEMENT_FORGET_ROOT, STATEMENT_FORGET_ROOT_MARK, STATEMENT_FORGET_SUPERSESSION};
    int n_known = 0;

    enum rc rc = write_about(NULL, ledger,
        accept_replay ? STATEMENT_FORGET_RETIRED : STATEMENT_RETIRE_ROOT_KEYS, repository, why);
    for (size_t i = 0; !rc && i < N_ELEMENTS(forgets); i++) {
        int n = 0;
        rc = write_about(&n, ledger, forgets[i], repository, why);
        n_known += n;
    }
    if (!rc && n_known == 0)
        rc = fail(why, RC_NOT_FOUND, "root of '%s'", repository);
    return rc ? rc : ledger_anchor_forget(ledger, repository, why);
}

enum rc
ledger_retired(
    struct ledger *ledger, const char *repository, const struct keyid *key, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_RETIRED);
    query_text(&q, repository);
    query_text(&q, key->hex);

    return query_next(&q, why);
}

enum rc
ledger_next_retired(
    struct keyid *key, struct ledger *ledger, const char *repository, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_NEXT_RETIRED);
    query_text(&q, repository);
    query_text(&q, key->hex);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    if (keyid_parse(key, query_span_at(&q, 0), NULL))
        return fail(
            why, RC_STORAGE, "a retired root key of '%s' in the ledger is damaged", repository);

    return RC_OK;
}

enum rc
ledger_supersede(struct ledger *ledger, const char *repository, int64_t version, struct why *why)
{
    int n = 0;

    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_SUPERSEDE);
    query_text(&q, repository);
    query_int(&q, version);
    enum rc rc = query_write(&q, &n, why);
    if (rc)
        return rc;

    if (n == 0)
        return fail(why, RC_NOT_FOUND, "root version %" PRId64 " of '%s', as the newest released",
            version, repository);

    return RC_OK;
}

enum rc
ledger_superseded(
    struct ledger *ledger, const char *repository, const struct ledger_mark *mark, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_SUPERSESSION);
    query_text(&q, repository);
    query_int(&q, mark->version);
    query_blob(&q, digest_span(&mark->digest));

    return query_next(&q, why);
}

enum rc
ledger_use_supersession(struct ledger *ledger, const char *repository, int64_t version,
    const struct digest *digest, struct why *why)
{
    int n = 0;

    closing(query_done) struct query q =
        query_of(ledger_database(ledger), STATEMENT_USE_SUPERSESSION);
    query_text(&q, repository);
    query_int(&q, version);
    query_blob(&q, digest_span(digest));
    enum rc rc = query_write(&q, &n, why);
    if (rc || n == 0)
        return rc;

    return write_about(NULL, ledger, STATEMENT_FORGET_ROOT_MARK, repository, why);
}
