/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * database — one SQLite file that is ours alone: opening it, transactions, cached statements. What
 * is in it is the caller's (ledger.h).
 *
 * What is committed is on the disk (WAL, synchronous=FULL), what the process before has committed
 * not later than what this one does first. The file is held exclusively, so
 * nothing else can write to it and no shared memory file is needed.
 *
 *     closing(query_done) struct query q = query_of(database, MARK);
 *     query_text(&q, repository);                 parameters, in their order
 *     rc = query_next(&q, why);                   RC_NOT_FOUND: no row
 *     version = query_int_at(&q, 0);
 */
#include "proto/bytes.h"

struct database;
struct sqlite3_stmt;

struct database_form {
    int32_t application_id;
    int32_t version;          /* of the schema: user_version */
    const char *const *steps; /* SQL from each version to the next, from that of an empty file on */
    const char *const *statements;
    size_t n_statements;
};

/*
 * Open or create path, and bring an older schema up to date. The form is borrowed for life.
 * RC_BUSY: another program has it open. RC_STORAGE: a newer schema, not ours, damaged, or not
 * writable; says what to do.
 */
must_check enum rc database_open(
    struct database **ret, const char *path, const struct database_form *form, struct why *why);
void database_close(struct database *database); /* rolls back what is not committed */
DEFINE_CLEANUP(struct database, database_close);

/* As of ledger.h. All RC_STORAGE. */
must_check enum rc database_begin(struct database *database, struct why *why);
must_check enum rc database_commit(struct database *database, struct why *why);
void database_rollback(struct database *database);
must_check enum rc database_savepoint(struct database *database, struct why *why);
must_check enum rc database_release(struct database *database, struct why *why);
void database_back_to_savepoint(struct database *database);
bool database_is_in_transaction(const struct database *database);

/* One use of a statement, until query_done(). A statement cannot be used twice at a time. */
struct query {
    struct database *database;
    struct sqlite3_stmt *stmt;
    int n_bound;
    int failed; /* SQLite's code of the first parameter that could not be bound */
};

struct query query_of(struct database *database, size_t statement);
void query_done(struct query *q);

/* Bind the next parameter; borrowed until query_done(). A failure is reported by the next call. */
void query_int(struct query *q, int64_t value);
void query_text(struct query *q, const char *text);
void query_text_span(struct query *q, struct span text);
void query_blob(struct query *q, struct span blob);

/* Run to the end, within a transaction. *ret_n: rows changed; NULL: do not tell. RC_STORAGE. */
must_check enum rc query_write(struct query *q, int *ret_n, struct why *why);
/* Next row. RC_NOT_FOUND: there is no more, why is untouched. RC_STORAGE. */
must_check enum rc query_next(struct query *q, struct why *why);

/* A column of the row, from 0; borrowed until the next call for this query. */
int64_t query_int_at(struct query *q, int column);
struct span query_span_at(struct query *q, int column); /* blob or text */
/* RC_STORAGE: another length. */
must_check enum rc query_digest_at(
    struct digest *ret, struct query *q, int column, struct why *why);
