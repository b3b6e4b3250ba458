/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "agent/records.h"
#include "agent/schema.h"
#include "agent/statedir.h"
#include "proto/bounds.h"

struct ledger {
    int dir_fd; /* holds the lock */
    struct database *database;
    struct records *records;
    struct record_head at_begin, at_savepoint;
};

enum rc
ledger_open(struct ledger **ret, const char *dir, struct why *why)
{
    closing(ledger_closep) struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        return fail_memory(why);

    ledger->dir_fd = -1;
    enum rc rc = statedir_open(&ledger->dir_fd, dir, why);
    if (rc)
        return rc;

    closing(freep) char *path = NULL;
    if (asprintf(&path, "%s/ledger.db", dir) < 0)
        return fail_memory(why);

    rc = database_open(&ledger->database, path, &schema_form, why);
    if (!rc)
        rc = records_new(&ledger->records, ledger->database, why);
    if (rc)
        return rc;

    *ret = steal(ledger);
    return RC_OK;
}

void
ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;

    records_free(ledger->records);
    database_close(ledger->database);
    fd_close(&ledger->dir_fd);
    free(ledger);
}

struct database *
ledger_database(const struct ledger *ledger)
{
    return ledger->database;
}

const char *
ledger_id(const struct ledger *ledger)
{
    return records_id(ledger->records);
}

int64_t
ledger_head_seq(const struct ledger *ledger)
{
    return records_head(ledger->records).seq;
}

void
ledger_head_hash(struct digest *ret, const struct ledger *ledger)
{
    *ret = records_head(ledger->records).hash;
}

enum rc
ledger_begin(struct ledger *ledger, struct why *why)
{
    enum rc rc = database_begin(ledger->database, why);
    if (rc)
        return rc;

    ledger->at_begin = records_head(ledger->records);
    return RC_OK;
}

enum rc
ledger_commit(struct ledger *ledger, struct why *why)
{
    enum rc rc = database_commit(ledger->database, why);
    if (rc)
        records_rewind(ledger->records, &ledger->at_begin);

    return rc;
}

void
ledger_rollback(struct ledger *ledger)
{
    if (!database_is_in_transaction(ledger->database))
        return;

    database_rollback(ledger->database);
    records_rewind(ledger->records, &ledger->at_begin);
}

enum rc
ledger_savepoint(struct ledger *ledger, struct why *why)
{
    enum rc rc = database_savepoint(ledger->database, why);
    if (rc)
        return rc;

    ledger->at_savepoint = records_head(ledger->records);
    return RC_OK;
}

enum rc
ledger_release(struct ledger *ledger, struct why *why)
{
    return database_release(ledger->database, why);
}

void
ledger_back_to_savepoint(struct ledger *ledger)
{
    database_back_to_savepoint(ledger->database);
    records_rewind(ledger->records, &ledger->at_savepoint);
}

bool
ledger_has_room(const struct ledger *ledger)
{
    struct statvfs fs;

    return fstatvfs(ledger->dir_fd, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize > LEDGER_RESERVE_BYTES;
}

int64_t
ledger_size(const struct ledger *ledger)
{
    static const char *const names[] = {"ledger.db", "ledger.db-wal"};
    int64_t size = 0;
    struct stat st;

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        if (fstatat(ledger->dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            size += st.st_size;

    return size;
}

enum rc
ledger_put_record(
    struct ledger *ledger, int64_t at_us, struct span body, int64_t *ret_seq, struct why *why)
{
    enum rc rc = records_put(ledger->records, at_us, body, why);
    if (rc)
        return rc;

    *ret_seq = ledger_head_seq(ledger);
    return RC_OK;
}

enum rc
ledger_verify(struct ledger *ledger, int64_t *ret_n, struct why *why)
{
    enum rc rc = records_verify(ledger->records, why);
    if (rc)
        return rc;

    *ret_n = ledger_head_seq(ledger);
    return RC_OK;
}

enum rc
ledger_mark(struct ledger_mark *ret, struct ledger *ledger, const char *repository,
    const char *role, struct why *why)
{
    struct ledger_mark mark;

    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_MARK);
    query_text(&q, repository);
    query_text(&q, role);
    enum rc rc = query_next(&q, why);
    if (!rc)
        rc = query_digest_at(&mark.digest, &q, 1, why);
    if (!rc)
        rc = query_digest_at(&mark.delegations, &q, 2, why);
    if (rc)
        return rc;

    mark.version = query_int_at(&q, 0);
    *ret = mark;
    return RC_OK;
}

enum rc
ledger_put_mark(struct ledger *ledger, const char *repository, const char *role,
    const struct ledger_mark *mark, struct why *why)
{
    int n = 0;

    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PUT_MARK);
    query_text(&q, repository);
    query_text(&q, role);
    query_int(&q, mark->version);
    query_blob(&q, digest_span(&mark->digest));
    query_blob(&q, digest_span(&mark->delegations));
    enum rc rc = query_write(&q, &n, why);
    if (rc)
        return rc;

    if (n == 0)
        return fail(why, RC_ROLLBACK,
            "version %" PRId64 " of '%s' in '%s': a higher one, or other bytes under it, was "
            "released",
            mark->version, role, repository);

    return RC_OK;
}

/* Append the blob in column of the query's one row. */
static enum rc
read_blob(struct bytes *ret, struct query *q, int column, struct why *why)
{
    enum rc rc = query_next(q, why);
    if (rc)
        return rc;

    bytes_put(ret, query_span_at(q, column));
    return bytes_check(ret, why);
}

enum rc
ledger_root(struct bytes *ret_file, int64_t *ret_version, struct ledger *ledger,
    const char *repository, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_ROOT);
    query_text(&q, repository);
    enum rc rc = read_blob(ret_file, &q, 1, why);
    if (rc)
        return rc;

    *ret_version = query_int_at(&q, 0);
    return RC_OK;
}

enum rc
ledger_put_root(struct ledger *ledger, const char *repository, int64_t version, struct span file,
    const char *pinned_by, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PUT_ROOT);
    query_text(&q, repository);
    query_int(&q, version);
    query_blob(&q, file);
    query_text(&q, pinned_by);

    return query_write(&q, NULL, why);
}

enum rc
ledger_certificate(struct bytes *ret_pem, struct ledger *ledger, const char *repository,
    const struct keyid *key, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_CERTIFICATE);
    query_text(&q, repository);
    query_text(&q, key->hex);

    return read_blob(ret_pem, &q, 0, why);
}

enum rc
ledger_put_certificate(struct ledger *ledger, const char *repository, const struct keyid *key,
    struct span pem, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PUT_CERTIFICATE);
    query_text(&q, repository);
    query_text(&q, key->hex);
    query_blob(&q, pem);

    return query_write(&q, NULL, why);
}

enum rc
ledger_pinned_key(struct bytes *ret_spki, struct ledger *ledger, const char *name, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PINNED_KEY);
    query_text(&q, name);

    return read_blob(ret_spki, &q, 0, why);
}

enum rc
ledger_pin_key(struct ledger *ledger, const char *name, struct span spki, const char *token_serial,
    struct why *why)
{
    int n = 0;

    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PIN_KEY);
    query_text(&q, name);
    query_blob(&q, spki);
    query_text(&q, token_serial);
    enum rc rc = query_write(&q, &n, why);
    if (rc)
        return rc;

    return n > 0 ? RC_OK : fail(why, RC_DENIED, "key '%s' is pinned already", name);
}

enum rc
ledger_pinned_serial(char **ret, struct ledger *ledger, const char *token, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PINNED_SERIAL);
    query_text(&q, token);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    char *serial = span_dup(query_span_at(&q, 0));
    if (!serial)
        return fail_memory(why);

    *ret = serial;
    return RC_OK;
}

enum rc
ledger_pin_serial(struct ledger *ledger, const char *token, const char *serial, struct why *why)
{
    int n = 0;

    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PIN_SERIAL);
    query_text(&q, token);
    query_text(&q, serial);
    enum rc rc = query_write(&q, &n, why);
    if (rc)
        return rc;

    return n > 0 ? RC_OK : fail(why, RC_DENIED, "token '%s' is pinned already", token);
}

enum rc
ledger_refused_pin(struct ledger *ledger, const char *serial, const char *source, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_REFUSED_PIN);
    query_text(&q, serial);
    query_text(&q, source);

    return query_next(&q, why);
}

enum rc
ledger_put_refused_pin(
    struct ledger *ledger, const char *serial, const char *source, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PUT_REFUSED_PIN);
    query_text(&q, serial);
    query_text(&q, source);

    return query_write(&q, NULL, why);
}

enum rc
ledger_forget_refused_pin(
    struct ledger *ledger, const char *serial, const char *source, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_FORGET_REFUSED_PIN);
    query_text(&q, serial);
    query_text(&q, source);

    return query_write(&q, NULL, why);
}

enum rc
ledger_pin_try(char **ret_pin, bool *ret_is_accepted, struct ledger *ledger, const char *token,
    struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PIN_TRY);
    query_text(&q, token);
    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    char *pin = span_dup(query_span_at(&q, 0));
    if (!pin)
        return fail_memory(why);

    *ret_pin = pin;
    *ret_is_accepted = query_int_at(&q, 1) != 0;
    return RC_OK;
}

enum rc
ledger_put_pin_try(
    struct ledger *ledger, const char *token, const char *pin, bool is_accepted, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PUT_PIN_TRY);
    query_text(&q, token);
    query_text(&q, pin);
    query_int(&q, is_accepted);

    return query_write(&q, NULL, why);
}

enum rc
ledger_forget_pin_try(struct ledger *ledger, const char *token, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_FORGET_PIN_TRY);
    query_text(&q, token);

    return query_write(&q, NULL, why);
}

enum rc
ledger_key_use(int64_t *ret_at_us, struct ledger *ledger, const char *key, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_KEY_USE);
    query_text(&q, key);

    enum rc rc = query_next(&q, why);
    if (rc)
        return rc;

    *ret_at_us = query_int_at(&q, 0);
    return RC_OK;
}

enum rc
ledger_put_key_use(struct ledger *ledger, const char *key, int64_t at_us, struct why *why)
{
    closing(query_done) struct query q = query_of(ledger->database, STATEMENT_PUT_KEY_USE);
    query_text(&q, key);
    query_int(&q, at_us);

    return query_write(&q, NULL, why);
}
