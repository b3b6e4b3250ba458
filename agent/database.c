/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/database.h"

#include <assert.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <unistd.h>

#include "agent/datafile.h"

#define SCHEMA_MAX_BYTES (64 * 1024)
#define SYNCHRONOUS_FULL 2      /* as "PRAGMA synchronous" answers */
#define CACHE_SIZE       "-256" /* KiB: the top of each tree; the system keeps the rest at hand */

/* The ends and beginnings of a transaction, which all requests share. */
enum bracket {
    BRACKET_BEGIN,
    BRACKET_COMMIT,
    BRACKET_SAVEPOINT,
    BRACKET_RELEASE,
    BRACKET_MAX_,
};

static const char *const brackets[BRACKET_MAX_] = {
    [BRACKET_BEGIN] = "BEGIN IMMEDIATE",
    [BRACKET_COMMIT] = "COMMIT",
    [BRACKET_SAVEPOINT] = "SAVEPOINT request",
    [BRACKET_RELEASE] = "RELEASE request",
};

struct database {
    sqlite3 *db;
    char *path;
    const struct database_form *form;
    sqlite3_stmt **stmts;
    sqlite3_stmt *brackets[BRACKET_MAX_];
    bool is_settled;        /* see settle() */
    bool is_in_transaction; /* of the caller; SQLite may have ended its own after an error */
};

/* SQLite's last error as a sentence with what to do. */
static enum rc
database_fail(struct database *d, struct why *why)
{
    int code = sqlite3_extended_errcode(d->db);
    int error = sqlite3_system_errno(d->db);
    const char *text = error ? strerror(error) : sqlite3_errmsg(d->db);

    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return fail_memory(why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail(why, RC_BUSY, "'%s' is in use by another program: end that", d->path);
    case SQLITE_FULL:
        return fail(why, RC_STORAGE,
            "the file system of '%s' is full: make room there, then ask again", d->path);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return fail(why, RC_STORAGE,
            "cannot write '%s': %s: it and its directory must belong to uid %u, on a file system "
            "that is mounted for writing",
            d->path, text, geteuid());
    case SQLITE_IOERR:
        return fail(why, RC_STORAGE,
            "cannot read or write '%s': %s: check its file system, quota and the kernel's messages",
            d->path, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail(why, RC_STORAGE,
            "'%s' is damaged (%s): restore it from a backup, or move it away to begin without the "
            "marks and pins it holds",
            d->path, sqlite3_errmsg(d->db));
    default:
        return fail(why, RC_STORAGE, "'%s': %s: check its file system and the kernel's messages",
            d->path, sqlite3_errmsg(d->db));
    }
}

static enum rc
run(struct database *d, const char *sql, struct why *why)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) ? database_fail(d, why) : RC_OK;
}

static enum rc
pragma_int(int64_t *ret, struct database *d, const char *pragma, struct why *why)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(d->db, pragma, -1, &stmt, NULL))
        return database_fail(d, why);

    int code = sqlite3_step(stmt);
    int64_t value = sqlite3_column_int64(stmt, 0);
    if (sqlite3_finalize(stmt) || code != SQLITE_ROW)
        return database_fail(d, why);

    *ret = value;
    return RC_OK;
}

/* From a version to that of the form, in one transaction. */
static enum rc
bring_up(struct database *d, int64_t version, struct why *why)
{
    closing(bytes_done) struct bytes sql = BYTES_INIT(SCHEMA_MAX_BYTES);

    bytes_puts(&sql, "BEGIN EXCLUSIVE; ");
    for (; version < d->form->version; version++)
        bytes_printf(&sql, "%s; ", d->form->steps[version]);
    bytes_printf(&sql,
        "PRAGMA application_id = %" PRId32 "; PRAGMA user_version = %" PRId32 "; COMMIT",
        d->form->application_id, d->form->version);
    enum rc rc = bytes_check(&sql, why);
    if (rc)
        return rc;

    return run(d, bytes_text(&sql), why);
}

static enum rc
check_schema(struct database *d, struct why *why)
{
    int64_t application_id = 0, version = 0, n_tables = 0;

    enum rc rc = pragma_int(&application_id, d, "PRAGMA application_id", why);
    if (!rc)
        rc = pragma_int(&version, d, "PRAGMA user_version", why);
    if (!rc)
        rc = pragma_int(&n_tables, d, "SELECT count(*) FROM sqlite_schema", why);
    if (rc)
        return rc;

    if (application_id == 0 && version == 0 && n_tables == 0)
        return bring_up(d, 0, why);

    if (application_id != d->form->application_id)
        return fail(why, RC_STORAGE,
            "'%s' is the database of another program: move it away, or name another directory with "
            "--state",
            d->path);

    if (version > d->form->version)
        return fail(why, RC_STORAGE,
            "'%s' was written by a newer countersign-agent (schema %" PRId64 ", this one knows %d):"
            " install that version again",
            d->path, version, d->form->version);

    return version < d->form->version ? bring_up(d, version, why) : RC_OK;
}

static enum rc
configure(struct database *d, struct why *why)
{
    int64_t mode = 0;

    sqlite3_extended_result_codes(d->db, 1);
    if (sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) ||
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL))
        return database_fail(d, why);

    /* Exclusive before WAL: then SQLite keeps the WAL's index in memory, not in a mapped file, and
     * holds its lock from the first read on. */
    enum rc rc = run(d,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA cell_size_check = ON; PRAGMA cache_size = " CACHE_SIZE,
        why);
    if (!rc)
        rc = pragma_int(&mode, d, "PRAGMA synchronous", why);
    if (rc)
        return rc;

    /* SQLite falls back to reading where it may not write. */
    if (mode != SYNCHRONOUS_FULL || sqlite3_db_readonly(d->db, "main"))
        return fail(
            why, RC_STORAGE, "cannot write '%s': let it belong to uid %u", d->path, geteuid());

    return RC_OK;
}

static enum rc
prepare_one(struct database *d, sqlite3_stmt **ret, const char *sql, struct why *why)
{
    return sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL)
               ? database_fail(d, why)
               : RC_OK;
}

static enum rc
prepare(struct database *d, struct why *why)
{
    enum rc rc = RC_OK;

    d->stmts = calloc(d->form->n_statements, sizeof *d->stmts);
    if (!d->stmts)
        return fail_memory(why);

    for (size_t i = 0; !rc && i < d->form->n_statements; i++)
        rc = prepare_one(d, &d->stmts[i], d->form->statements[i], why);
    for (size_t i = 0; !rc && i < BRACKET_MAX_; i++)
        rc = prepare_one(d, &d->brackets[i], brackets[i], why);

    return rc;
}

enum rc
database_open(
    struct database **ret, const char *path, const struct database_form *form, struct why *why)
{
    enum rc rc = datafile_make(path, why);
    if (rc)
        return rc;

    closing(database_closep) struct database *d = calloc(1, sizeof *d);
    if (!d)
        return fail_memory(why);

    d->form = form;
    d->path = strdup(path);
    if (!d->path)
        return fail_memory(why);

    int code = sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!d->db)
        return fail_memory(why);
    if (code)
        return database_fail(d, why);

    rc = configure(d, why);
    if (!rc)
        rc = check_schema(d, why);
    if (!rc)
        rc = prepare(d, why);
    if (rc)
        return rc;

    *ret = steal(d);
    return RC_OK;
}

void
database_close(struct database *d)
{
    if (!d)
        return;

    for (size_t i = 0; d->stmts && i < d->form->n_statements; i++)
        sqlite3_finalize(d->stmts[i]);
    free(d->stmts);
    for (size_t i = 0; i < BRACKET_MAX_; i++)
        sqlite3_finalize(d->brackets[i]);
    sqlite3_close(d->db);
    free(d->path);
    free(d);
}

/* SQLite ends a transaction by itself after some errors: a full disk, I/O. What is written then
 * would be committed one by one. */
static enum rc
check_transaction(struct database *d, struct why *why)
{
    assert(d->is_in_transaction);
    if (sqlite3_get_autocommit(d->db))
        return fail(
            why, RC_STORAGE, "'%s': an earlier error undid the transaction: ask again", d->path);

    return RC_OK;
}

static enum rc
put_bracket(struct database *d, enum bracket bracket, struct why *why)
{
    enum rc rc = sqlite3_step(d->brackets[bracket]) == SQLITE_DONE ? RC_OK : database_fail(d, why);

    sqlite3_reset(d->brackets[bracket]);
    return rc;
}

/* What the last process left in the WAL need not be on the disk, even after an fsync() of ours: one
 * that failed then made the kernel forget that it was to be written. Nothing may be built on it
 * before it is in the database file, written and synced by this process. */
static enum rc
settle(struct database *d, struct why *why)
{
    int64_t is_busy = 1;

    if (d->is_settled)
        return RC_OK;

    enum rc rc = pragma_int(&is_busy, d, "PRAGMA wal_checkpoint(RESTART)", why);
    if (rc)
        return rc;

    if (is_busy)
        return fail(
            why, RC_STORAGE, "the log of '%s' is in use by another program: end that", d->path);

    d->is_settled = true;
    return RC_OK;
}

enum rc
database_begin(struct database *d, struct why *why)
{
    assert(!d->is_in_transaction);
    enum rc rc = settle(d, why);
    if (!rc)
        rc = put_bracket(d, BRACKET_BEGIN, why);
    if (rc)
        return rc;

    d->is_in_transaction = true;
    return RC_OK;
}

enum rc
database_commit(struct database *d, struct why *why)
{
    enum rc rc = check_transaction(d, why);
    if (!rc)
        rc = put_bracket(d, BRACKET_COMMIT, why);
    if (rc) {
        database_rollback(d);
        return rc;
    }

    d->is_in_transaction = false;
    return RC_OK;
}

void
database_rollback(struct database *d)
{
    if (!d->is_in_transaction)
        return;

    if (!sqlite3_get_autocommit(d->db))
        sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
    d->is_in_transaction = false;
}

enum rc
database_savepoint(struct database *d, struct why *why)
{
    enum rc rc = check_transaction(d, why);

    return rc ? rc : put_bracket(d, BRACKET_SAVEPOINT, why);
}

enum rc
database_release(struct database *d, struct why *why)
{
    enum rc rc = check_transaction(d, why);

    return rc ? rc : put_bracket(d, BRACKET_RELEASE, why);
}

void
database_back_to_savepoint(struct database *d)
{
    if (check_transaction(d, NULL))
        return;

    /* What cannot be undone alone must not be committed either: end all of it. */
    if (run(d, "ROLLBACK TO request; RELEASE request", NULL))
        sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

bool
database_is_in_transaction(const struct database *d)
{
    return d->is_in_transaction;
}

struct query
query_of(struct database *d, size_t statement)
{
    return (struct query){.database = d, .stmt = d->stmts[statement]};
}

void
query_done(struct query *q)
{
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
}

static void
note_bound(struct query *q, int code)
{
    if (code && !q->failed)
        q->failed = code;
}

void
query_int(struct query *q, int64_t value)
{
    note_bound(q, sqlite3_bind_int64(q->stmt, ++q->n_bound, value));
}

void
query_text(struct query *q, const char *text)
{
    query_text_span(q, span_of(text));
}

void
query_text_span(struct query *q, struct span text)
{
    /* A NULL pointer would be bound as NULL. */
    const char *p = text.len > 0 ? (const char *)text.p : "";

    note_bound(
        q, sqlite3_bind_text64(q->stmt, ++q->n_bound, p, text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void
query_blob(struct query *q, struct span blob)
{
    const void *p = blob.len > 0 ? (const void *)blob.p : "";

    note_bound(q, sqlite3_bind_blob64(q->stmt, ++q->n_bound, p, blob.len, SQLITE_STATIC));
}

/* SQLITE_ROW or SQLITE_DONE in *ret. */
static enum rc
step(int *ret, struct query *q, struct why *why)
{
    if (q->failed)
        return database_fail(q->database, why);

    int code = sqlite3_step(q->stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return database_fail(q->database, why);

    *ret = code;
    return RC_OK;
}

enum rc
query_write(struct query *q, int *ret_n, struct why *why)
{
    int code = 0;

    enum rc rc = check_transaction(q->database, why);
    if (!rc)
        rc = step(&code, q, why);
    if (rc)
        return rc;

    assert(code == SQLITE_DONE);
    if (ret_n)
        *ret_n = sqlite3_changes(q->database->db);
    return RC_OK;
}

enum rc
query_next(struct query *q, struct why *why)
{
    int code = 0;

    enum rc rc = step(&code, q, why);
    if (rc)
        return rc;

    return code == SQLITE_ROW ? RC_OK : RC_NOT_FOUND;
}

int64_t
query_int_at(struct query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

struct span
query_span_at(struct query *q, int column)
{
    /* The pointer first: it may convert the value, and the length is that of the conversion. */
    const uint8_t *p = sqlite3_column_blob(q->stmt, column);

    return (struct span){p, (size_t)sqlite3_column_bytes(q->stmt, column)};
}

enum rc
query_digest_at(struct digest *ret, struct query *q, int column, struct why *why)
{
    struct span digest = query_span_at(q, column);

    if (digest.len != sizeof ret->b)
        return fail(why, RC_STORAGE, "'%s' is damaged: a digest has %zu bytes, want %zu",
            q->database->path, digest.len, sizeof ret->b);

    memcpy(ret->b, digest.p, digest.len);
    return RC_OK;
}
