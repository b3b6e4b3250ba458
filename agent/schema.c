/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/schema.h"

#define APPLICATION_ID 0x4353474c /* "CSGL"; file(1) shows it */

static const char first_schema[] =
    "CREATE TABLE ledger (id TEXT NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE TABLE record (seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, hash BLOB NOT NULL,"
    " body TEXT NOT NULL) STRICT;"
    "CREATE TABLE mark (repository TEXT NOT NULL, role TEXT NOT NULL, version INTEGER NOT NULL,"
    " digest BLOB NOT NULL, delegations BLOB NOT NULL,"
    " PRIMARY KEY (repository, role)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE root (repository TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,"
    " file BLOB NOT NULL, pinned_by TEXT NOT NULL) STRICT;"
    "CREATE TABLE certificate (repository TEXT NOT NULL, key TEXT NOT NULL, pem BLOB NOT NULL,"
    " PRIMARY KEY (repository, key)) STRICT;"
    "CREATE TABLE pinned_key (name TEXT NOT NULL PRIMARY KEY, spki BLOB NOT NULL,"
    " token_serial TEXT NOT NULL) STRICT;"
    "CREATE TABLE pinned_serial (token TEXT NOT NULL PRIMARY KEY, serial TEXT NOT NULL) STRICT;"
    "CREATE TABLE refused_pin (serial TEXT NOT NULL, source TEXT NOT NULL,"
    " PRIMARY KEY (serial, source)) STRICT, WITHOUT ROWID;"
    "INSERT INTO ledger (id, seq, hash) VALUES (lower(hex(randomblob(16))), 0, zeroblob(32))";

/* What a parked request would release, so that a mark shows when it cannot be any more. */
static const char parked_schema[] =
    "CREATE TABLE parked (id TEXT NOT NULL PRIMARY KEY, uid INTEGER NOT NULL, claim BLOB NOT NULL,"
    " digest BLOB NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " summary TEXT NOT NULL, body TEXT NOT NULL, state INTEGER NOT NULL,"
    " closed_by INTEGER NOT NULL, reason TEXT NOT NULL, UNIQUE (uid, claim)) STRICT;"
    "CREATE TABLE parked_role (id TEXT NOT NULL, repository TEXT NOT NULL, role TEXT NOT NULL,"
    " version INTEGER NOT NULL, digest BLOB NOT NULL,"
    " PRIMARY KEY (id, repository, role)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE vote (id TEXT NOT NULL, uid INTEGER NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY (id, uid)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER parked_gone AFTER DELETE ON parked BEGIN"
    " DELETE FROM parked_role WHERE id = old.id; DELETE FROM vote WHERE id = old.id; END";

/* Other bytes have its version, which it may not supersede, or a later one is there. */
#define PARKED_IS_VOID                                                                             \
    "EXISTS (SELECT 1 FROM parked_role AS r JOIN mark AS m USING (repository, role)"               \
    " WHERE r.id = parked.id"                                                                      \
    " AND (m.version > r.version OR (m.version = r.version AND m.digest <> r.digest))"             \
    " AND NOT EXISTS (SELECT 1 FROM superseded AS s WHERE s.repository = m.repository"             \
    " AND m.role = 'root' AND s.version = m.version AND s.version = r.version"                     \
    " AND s.digest = m.digest))"

#define PARKED_COLUMNS                                                                             \
    "SELECT id, uid, digest, created_at, expires_at, summary, state, closed_by, reason"            \
    " FROM parked"

/* Of a record; what is no JSON text is none of ours, and is found by its time alone. */
#define TEXT "(CASE WHEN json_valid(body) THEN body ELSE '{}' END)"

/* By what records are found, those of older versions too: their bodies say it. */
static const char trail_schema[] =
    "CREATE INDEX record_at ON record (at_us);"
    "CREATE TABLE record_user (uid INTEGER NOT NULL, at_us INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (uid, at_us, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE record_repository (repository TEXT NOT NULL, at_us INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, PRIMARY KEY (repository, at_us, seq)) STRICT, WITHOUT ROWID;"
    "INSERT INTO record_user (uid, at_us, seq)"
    " SELECT CAST(coalesce(" TEXT " ->> '$.peer.uid', " TEXT " ->> '$.uid') AS INTEGER) AS user,"
    " at_us, seq FROM record WHERE user IS NOT NULL;"
    "INSERT OR IGNORE INTO record_repository (repository, at_us, seq)"
    " SELECT CAST(" TEXT " ->> '$.repository' AS TEXT) AS name, at_us, seq"
    " FROM record WHERE name IS NOT NULL"
    " UNION ALL SELECT CAST(value ->> '$.repository' AS TEXT) AS name, at_us, seq"
    " FROM record, json_each(" TEXT ", '$.documents') WHERE type = 'object' AND name IS NOT NULL";

/* before: the documents of all minutes before this one, so that those of a window are a difference
 * of two rows, however many there are in it. */
static const char quota_schema[] =
    "CREATE TABLE quota (grant TEXT NOT NULL, uid INTEGER NOT NULL, minute INTEGER NOT NULL,"
    " n INTEGER NOT NULL, before INTEGER NOT NULL,"
    " PRIMARY KEY (grant, uid, minute)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX quota_before ON quota (grant, uid, before);"
    "CREATE INDEX quota_minute ON quota (minute)";

static const char past_schema[] =
    "CREATE TABLE root_key (repository TEXT NOT NULL, key TEXT NOT NULL,"
    " PRIMARY KEY (repository, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE retired (repository TEXT NOT NULL, key TEXT NOT NULL,"
    " PRIMARY KEY (repository, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE superseded (repository TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,"
    " digest BLOB NOT NULL) STRICT";

/* Ledgers of older versions had one root for two purposes. */
static const char published_schema[] =
    "CREATE TABLE anchor (repository TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL,"
    " is_seen INTEGER NOT NULL, file BLOB NOT NULL) STRICT;"
    "INSERT INTO anchor (repository, version, is_seen, file)"
    " SELECT repository, version, pinned_by <> 'signed', file FROM root;"
    "CREATE TABLE floor (repository TEXT NOT NULL, role TEXT NOT NULL, version INTEGER NOT NULL,"
    " message BLOB NOT NULL, file BLOB NOT NULL,"
    " PRIMARY KEY (repository, role)) STRICT, WITHOUT ROWID";

/* A version of the schema is how many of these were taken. */
static const char *const steps[] = {
    first_schema,
    "CREATE TABLE key_use (key TEXT NOT NULL PRIMARY KEY, at_us INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE pin_try (token TEXT NOT NULL PRIMARY KEY, pin TEXT NOT NULL,"
    " is_accepted INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    parked_schema,
    quota_schema,
    past_schema,
    trail_schema,
    published_schema,
    "CREATE TABLE unpublished (repository TEXT NOT NULL, role TEXT NOT NULL,"
    " version INTEGER NOT NULL, tags TEXT NOT NULL,"
    " PRIMARY KEY (repository, role)) STRICT, WITHOUT ROWID",
};

/* The records from a place in an index on, up to a time; or backwards. */
#define FOUND_BY(index, condition)                                                                 \
    "SELECT record.seq, record.at_us, record.hash, record.body FROM " index                        \
    " AS found CROSS JOIN record ON record.seq = found.seq WHERE " condition
#define UP                                                                                         \
    "(found.at_us, found.seq) > (?1, ?2) AND found.at_us <= ?3 ORDER BY found.at_us, found.seq"
#define DOWN                                                                                       \
    "(found.at_us, found.seq) < (?1, ?2) AND found.at_us >= ?3"                                    \
    " ORDER BY found.at_us DESC, found.seq DESC"

static const char *const statements[STATEMENT_MAX_] = {
    [STATEMENT_HEAD] = "SELECT id, seq, hash FROM ledger",
    [STATEMENT_PUT_HEAD] = "UPDATE ledger SET seq = ?, hash = ?",
    [STATEMENT_RECORDS_FROM] =
        "SELECT seq, at_us, hash, body FROM record WHERE seq >= ? ORDER BY seq",
    [STATEMENT_PUT_RECORD] = "INSERT INTO record (seq, at_us, hash, body) VALUES (?, ?, ?, ?)",
    [STATEMENT_MARK] =
        "SELECT version, digest, delegations FROM mark WHERE repository = ? AND role = ?",
    /* The last guard of the promise that a version is released once: a mark never goes down, and
     * never to other bytes. */
    [STATEMENT_PUT_MARK] =
        "INSERT INTO mark (repository, role, version, digest, delegations) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, digest = excluded.digest,"
        " delegations = excluded.delegations"
        " WHERE excluded.version > version"
        " OR (excluded.version = version AND excluded.digest = digest)",
    [STATEMENT_UNPUBLISHED] =
        "SELECT tags FROM unpublished WHERE repository = ? AND role = ? AND version = ?",
    [STATEMENT_PUT_UNPUBLISHED] =
        "REPLACE INTO unpublished (repository, role, version, tags) VALUES (?, ?, ?, ?)",
    [STATEMENT_ROOT] = "SELECT version, file FROM root WHERE repository = ?",
    [STATEMENT_PUT_ROOT] =
        "INSERT INTO root (repository, version, file, pinned_by) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, file = excluded.file,"
        " pinned_by = excluded.pinned_by WHERE excluded.version >= version",
    [STATEMENT_ANCHOR] = "SELECT version, is_seen, file FROM anchor WHERE repository = ?",
    [STATEMENT_ANY_ANCHOR] = "SELECT 1 FROM anchor WHERE is_seen LIMIT 1",
    [STATEMENT_SIGN_ANCHOR] =
        "INSERT INTO anchor (repository, version, is_seen, file) VALUES (?, ?, 0, ?)"
        " ON CONFLICT DO UPDATE SET file = excluded.file"
        " WHERE NOT is_seen AND excluded.version = version",
    [STATEMENT_SEE_ANCHOR] =
        "INSERT INTO anchor (repository, version, is_seen, file) VALUES (?, ?, 1, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, is_seen = 1, file = excluded.file"
        " WHERE excluded.version > version OR (excluded.version = version AND NOT is_seen)",
    [STATEMENT_FORGET_ANCHOR] = "DELETE FROM anchor WHERE repository = ?",
    [STATEMENT_FLOORS] = "SELECT role, version, message, file FROM floor WHERE repository = ?",
    [STATEMENT_RAISE_FLOOR] =
        "INSERT INTO floor (repository, role, version, message, file) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET version = excluded.version, message = excluded.message,"
        " file = excluded.file WHERE excluded.version > version",
    [STATEMENT_FORGET_FLOOR] = "DELETE FROM floor WHERE repository = ?"
                               " AND (role = ? OR substr(role, 1, length(?) + 1) = ? || '/')",
    [STATEMENT_FORGET_FLOORS] = "DELETE FROM floor WHERE repository = ?",
    [STATEMENT_CERTIFICATE] = "SELECT pem FROM certificate WHERE repository = ? AND key = ?",
    [STATEMENT_PUT_CERTIFICATE] =
        "REPLACE INTO certificate (repository, key, pem) VALUES (?, ?, ?)",
    [STATEMENT_PINNED_KEY] = "SELECT spki FROM pinned_key WHERE name = ?",
    [STATEMENT_PIN_KEY] = ("INSERT INTO pinned_key (name, spki, token_serial) VALUES (?, ?, ?)"
                           " ON CONFLICT DO NOTHING"),
    [STATEMENT_PINNED_SERIAL] = "SELECT serial FROM pinned_serial WHERE token = ?",
    [STATEMENT_PIN_SERIAL] =
        "INSERT INTO pinned_serial (token, serial) VALUES (?, ?) ON CONFLICT DO NOTHING",
    [STATEMENT_REFUSED_PIN] = "SELECT 1 FROM refused_pin WHERE serial = ? AND source = ?",
    [STATEMENT_KEY_USE] = "SELECT at_us FROM key_use WHERE key = ?",
    /* To the minute, so that most uses write nothing. */
    [STATEMENT_PUT_KEY_USE] = "INSERT INTO key_use (key, at_us) VALUES (?, ?) ON CONFLICT DO UPDATE"
                              " SET at_us = excluded.at_us"
                              " WHERE excluded.at_us NOT BETWEEN at_us AND at_us + 60000000",
    [STATEMENT_PUT_REFUSED_PIN] = "REPLACE INTO refused_pin (serial, source) VALUES (?, ?)",
    [STATEMENT_FORGET_REFUSED_PIN] = "DELETE FROM refused_pin WHERE serial = ? AND source = ?",
    [STATEMENT_PIN_TRY] = "SELECT pin, is_accepted FROM pin_try WHERE token = ?",
    [STATEMENT_PUT_PIN_TRY] = "REPLACE INTO pin_try (token, pin, is_accepted) VALUES (?, ?, ?)",
    [STATEMENT_FORGET_PIN_TRY] = "DELETE FROM pin_try WHERE token = ?",
    [STATEMENT_PUT_TRAIL_USER] = "INSERT INTO record_user (uid, at_us, seq) VALUES (?, ?, ?)",
    [STATEMENT_PUT_TRAIL_REPOSITORY] =
        "INSERT OR IGNORE INTO record_repository (repository, at_us, seq) VALUES (?, ?, ?)",
    [STATEMENT_TRAIL] = FOUND_BY("record", UP),
    [STATEMENT_TRAIL_BACK] = FOUND_BY("record", DOWN),
    [STATEMENT_TRAIL_USER] = FOUND_BY("record_user", "uid = ?4 AND " UP),
    [STATEMENT_TRAIL_USER_BACK] = FOUND_BY("record_user", "uid = ?4 AND " DOWN),
    [STATEMENT_TRAIL_REPOSITORY] = FOUND_BY("record_repository", "repository = ?4 AND " UP),
    [STATEMENT_TRAIL_REPOSITORY_BACK] = FOUND_BY("record_repository", "repository = ?4 AND " DOWN),
    [STATEMENT_PUT_PARKED] = ("INSERT INTO parked (id, uid, claim, digest, created_at, expires_at,"
                              " summary, body, state, closed_by, reason)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '')"),
    [STATEMENT_PUT_PARKED_ROLE] =
        "INSERT INTO parked_role (id, repository, role, version, digest) VALUES (?, ?, ?, ?, ?)",
    [STATEMENT_COUNT_PARKED] =
        "SELECT count(*) FILTER (WHERE uid = ?), count(*), total(length(body))"
        " FROM parked WHERE state = 0",
    [STATEMENT_FIND_PARKED] =
        PARKED_COLUMNS " WHERE uid = ? AND claim = ? AND expires_at > ? AND NOT " PARKED_IS_VOID,
    [STATEMENT_PARKED] = PARKED_COLUMNS " WHERE id = ? AND expires_at > ? AND NOT " PARKED_IS_VOID,
    [STATEMENT_PARKED_BODY] = "SELECT body FROM parked WHERE id = ? AND state = 0",
    [STATEMENT_LIST_PARKED] = "SELECT id FROM parked WHERE state = 0 AND expires_at > ?"
                              " AND NOT " PARKED_IS_VOID " ORDER BY created_at, id",
    [STATEMENT_CLOSE_PARKED] = "UPDATE parked SET state = ?, closed_by = ?, reason = ?, body = ''"
                               " WHERE id = ?",
    [STATEMENT_FORGET_PARKED] = "DELETE FROM parked WHERE id = ?",
    [STATEMENT_PURGE_PARKED] =
        "DELETE FROM parked WHERE expires_at <= ? OR " PARKED_IS_VOID
        " OR (state <> 0 AND id NOT IN (SELECT id FROM parked WHERE state <> 0"
        " ORDER BY created_at DESC LIMIT ?))",
    [STATEMENT_PUT_VOTE] = "INSERT INTO vote (id, uid, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    [STATEMENT_VOTES] = "SELECT uid FROM vote WHERE id = ? ORDER BY uid",
    [STATEMENT_QUOTA_END] = "SELECT minute, before + n FROM quota WHERE grant = ? AND uid = ?"
                            " ORDER BY minute DESC LIMIT 1",
    [STATEMENT_QUOTA_SINCE] = "SELECT before FROM quota WHERE grant = ? AND uid = ?"
                              " AND minute >= ? ORDER BY minute LIMIT 1",
    [STATEMENT_QUOTA_FREEING] = "SELECT minute FROM quota WHERE grant = ? AND uid = ?"
                                " AND before <= ? ORDER BY before DESC LIMIT 1",
    [STATEMENT_ADD_QUOTA] =
        "INSERT INTO quota (grant, uid, minute, n, before) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET n = n + excluded.n",
    [STATEMENT_NEWEST_QUOTA] = "SELECT max(minute) FROM quota HAVING count(*) > 0",
    [STATEMENT_COPY_QUOTA] =
        "INSERT INTO quota (grant, uid, minute, n, before)"
        " SELECT grant, uid, ?1, sum(n), min(before) FROM quota WHERE minute >= ?1"
        " GROUP BY grant, uid"
        " ON CONFLICT DO UPDATE SET n = excluded.n, before = excluded.before",
    [STATEMENT_FORGET_QUOTA_AFTER] = "DELETE FROM quota WHERE minute > ?",
    [STATEMENT_FORGET_QUOTA_BEFORE] = "DELETE FROM quota WHERE minute < ?",
    [STATEMENT_PUT_ROOT_KEY] =
        "INSERT INTO root_key (repository, key) VALUES (?, ?) ON CONFLICT DO NOTHING",
    [STATEMENT_FORGET_ROOT] = "DELETE FROM root WHERE repository = ?",
    [STATEMENT_FORGET_ROOT_MARK] = "DELETE FROM mark WHERE repository = ? AND role = 'root'",
    [STATEMENT_RETIRE_ROOT_KEYS] =
        "INSERT INTO retired (repository, key) SELECT repository, key FROM root_key"
        " WHERE repository = ? ON CONFLICT DO NOTHING",
    [STATEMENT_FORGET_RETIRED] = "DELETE FROM retired WHERE repository = ?",
    [STATEMENT_RETIRED] = "SELECT 1 FROM retired WHERE repository = ? AND key = ?",
    [STATEMENT_NEXT_RETIRED] =
        "SELECT key FROM retired WHERE repository = ? AND key > ? ORDER BY key LIMIT 1",
    [STATEMENT_SUPERSEDE] = "REPLACE INTO superseded (repository, version, digest)"
                            " SELECT repository, version, digest FROM mark"
                            " WHERE repository = ? AND role = 'root' AND version = ?",
    [STATEMENT_SUPERSESSION] =
        "SELECT 1 FROM superseded WHERE repository = ? AND version = ? AND digest = ?",
    [STATEMENT_USE_SUPERSESSION] =
        "DELETE FROM superseded WHERE repository = ? AND version = ? AND digest <> ?",
    [STATEMENT_FORGET_SUPERSESSION] = "DELETE FROM superseded WHERE repository = ?",
    [STATEMENT_NEXT_QUOTA] = "SELECT grant, uid FROM quota WHERE (grant, uid) > (?, ?)"
                             " ORDER BY grant, uid LIMIT 1",
};

const struct database_form schema_form = {
    .application_id = APPLICATION_ID,
    .version = N_ELEMENTS(steps),
    .steps = steps,
    .statements = statements,
    .n_statements = STATEMENT_MAX_,
};
