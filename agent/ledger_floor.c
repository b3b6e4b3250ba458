/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_floor.h"

#include "agent/schema.h"
#include "proto/bounds.h"

void
ledger_floors_free(struct ledger_floor *floors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(floors[i].role);
    free(floors);
}

static enum rc
read_floor(struct ledger_floor *floor, struct query *q, struct why *why)
{
    enum rc rc = query_digest_at(&floor->message, q, 2, why);
    if (!rc)
        rc = query_digest_at(&floor->file, q, 3, why);
    if (rc)
        return rc;

    floor->version = query_int_at(q, 1);
    floor->role = span_dup(query_span_at(q, 0));
    return floor->role ? RC_OK : fail_memory(why);
}

static enum rc
read_floors(struct ledger_floor **floors, size_t *n, struct query *q, struct why *why)
{
    enum rc rc = query_next(q, why);

    for (; !rc; rc = query_next(q, why)) {
        struct ledger_floor *floor = mem_grow(floors, *n, sizeof *floor, FLOORS_MAX);
        if (!floor)
            return fail_memory(why);

        ++*n;
        rc = read_floor(floor, q, why);
        if (rc)
            return rc;
    }

    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
ledger_floors(struct ledger_floor **ret, size_t *ret_n, struct ledger *ledger,
    const char *repository, struct why *why)
{
    struct ledger_floor *floors = NULL;
    size_t n = 0;

    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_FLOORS);
    query_text(&q, repository);
    enum rc rc = read_floors(&floors, &n, &q, why);
    if (rc) {
        ledger_floors_free(floors, n);
        return rc;
    }

    *ret = floors;
    *ret_n = n;
    return RC_OK;
}

enum rc
ledger_floor_raise(struct ledger *ledger, const char *repository, const struct ledger_floor *floor,
    struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_RAISE_FLOOR);
    query_text(&q, repository);
    query_text(&q, floor->role);
    query_int(&q, floor->version);
    query_blob(&q, digest_span(&floor->message));
    query_blob(&q, digest_span(&floor->file));

    return query_write(&q, NULL, why);
}

enum rc
ledger_floor_forget(
    struct ledger *ledger, const char *repository, const char *role, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger_database(ledger), STATEMENT_FORGET_FLOOR);
    query_text(&q, repository);
    query_text(&q, role);
    query_text(&q, role);
    query_text(&q, role);

    return query_write(&q, NULL, why);
}
