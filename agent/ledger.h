/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger — what the agent must not forget: which version of which role it released, a hash-chained
 * record of every request, the roots and certificates it issued, and what it pinned.
 *
 * SQLite in the state directory (statedir.h), which is locked for life. Everything is written
 * within a transaction that the caller opens and commits; nothing may be released before
 * ledger_commit() succeeded. Reading sees what was written in the open transaction.
 *
 * A full disk or an I/O error may end the transaction at once. Then every call until
 * ledger_commit() or ledger_rollback() is RC_STORAGE: nothing of it can become durable by accident.
 */
#include "proto/bytes.h"

struct database;
struct ledger;

/*
 * Open or create DIR/ledger.db, take the lock, check the schema, and check the newest record
 * against its hash and against the head. RC_BUSY: another agent holds the directory, or another
 * program the file. RC_STORAGE: what is wrong, and what to do; a ledger of a newer version
 * included.
 */
must_check enum rc ledger_open(struct ledger **ret, const char *dir, struct why *why);
void ledger_close(struct ledger *ledger); /* rolls back what is not committed */
DEFINE_CLEANUP(struct ledger, ledger_close);

/* For the files ledger_*.c, each of which has one more noun of it; borrowed. */
struct database *ledger_database(const struct ledger *ledger);

const char *ledger_id(const struct ledger *ledger); /* 32 hexadecimal digits, random, for life */
/* The newest record, that of the open transaction included. 0 and zeros: there is none. */
int64_t ledger_head_seq(const struct ledger *ledger);
void ledger_head_hash(struct digest *ret, const struct ledger *ledger);

/*
 * A transaction begins and ends within one event: never begin within another one, so that nobody
 * ends, or loses, what somebody else wrote. RC_STORAGE.
 */
must_check enum rc ledger_begin(struct ledger *ledger, struct why *why);
/* Durable on RC_OK; else rolled back, and no transaction is open. RC_STORAGE. */
must_check enum rc ledger_commit(struct ledger *ledger, struct why *why);
void ledger_rollback(struct ledger *ledger); /* without a transaction: nothing */
/* Undo only what was written since: one request of several in a transaction fails. One level. */
must_check enum rc ledger_savepoint(struct ledger *ledger, struct why *why);
must_check enum rc ledger_release(struct ledger *ledger, struct why *why);
void ledger_back_to_savepoint(struct ledger *ledger);

/* More than LEDGER_RESERVE_BYTES are free in the ledger's file system. False: records of refusals
 * are only counted. */
bool ledger_has_room(const struct ledger *ledger);
/* Bytes of its files; 0: not to be known. */
int64_t ledger_size(const struct ledger *ledger);

/*
 * One record; body is a JSON object's text without seq, at, hash. *ret_seq: its sequence, from 1
 * without gaps. hash = SHA-256(previous hash, seq, at_us, body); the previous hash of the first one
 * is 32 zero bytes, the numbers are 8 bytes big endian. RC_TOO_LARGE: RECORD_MAX_BYTES. RC_STORAGE.
 */
must_check enum rc ledger_put_record(
    struct ledger *ledger, int64_t at_us, struct span body, int64_t *ret_seq, struct why *why);
/* Walk the chain from the first record to the head. RC_STORAGE: the sequence that does not fit. */
must_check enum rc ledger_verify(struct ledger *ledger, int64_t *ret_n, struct why *why);

struct ledger_mark {
    int64_t version;           /* highest released, or seen in a verified chain */
    struct digest digest;      /* of the message of that version */
    struct digest delegations; /* of its delegations; zeros: it lists none */
};
/* RC_NOT_FOUND: never released. RC_STORAGE. */
must_check enum rc ledger_mark(struct ledger_mark *ret, struct ledger *ledger,
    const char *repository, const char *role, struct why *why);
/* RC_ROLLBACK: the mark is higher, or has another digest for that version. RC_STORAGE. */
must_check enum rc ledger_put_mark(struct ledger *ledger, const char *repository, const char *role,
    const struct ledger_mark *mark, struct why *why);

/* The newest root document released, or seen, for a repository, with its signatures, in wire form.
 * Appends to ret_file. RC_NOT_FOUND, RC_STORAGE. */
must_check enum rc ledger_root(struct bytes *ret_file, int64_t *ret_version, struct ledger *ledger,
    const char *repository, struct why *why);
/* pinned_by: "signed" or "base". An older one than that which is there changes nothing. */
must_check enum rc ledger_put_root(struct ledger *ledger, const char *repository, int64_t version,
    struct span file, const char *pinned_by, struct why *why);

/* The certificate issued for a repository and the root key with that canonical ID. PEM, appended.
 * RC_NOT_FOUND, RC_STORAGE. */
must_check enum rc ledger_certificate(struct bytes *ret_pem, struct ledger *ledger,
    const char *repository, const struct keyid *key, struct why *why);
must_check enum rc ledger_put_certificate(struct ledger *ledger, const char *repository,
    const struct keyid *key, struct span pem, struct why *why);

/* The public key first seen under a key name of the policy. Appends DER. RC_NOT_FOUND, RC_STORAGE.
 */
must_check enum rc ledger_pinned_key(
    struct bytes *ret_spki, struct ledger *ledger, const char *name, struct why *why);
/* RC_DENIED: that name has a pin already. RC_STORAGE. */
must_check enum rc ledger_pin_key(struct ledger *ledger, const char *name, struct span spki,
    const char *token_serial, struct why *why);
/* The serial first seen under a token name. *ret: free(). RC_NOT_FOUND, RC_STORAGE. */
must_check enum rc ledger_pinned_serial(
    char **ret, struct ledger *ledger, const char *token, struct why *why);
/* RC_DENIED: that token has a pin already. RC_STORAGE. */
must_check enum rc ledger_pin_serial(
    struct ledger *ledger, const char *token, const char *serial, struct why *why);

/* A PIN source (its identity and mtime, as text) that the token with that serial refused: it is not
 * tried again. RC_NOT_FOUND: not refused. RC_STORAGE. */
must_check enum rc ledger_refused_pin(
    struct ledger *ledger, const char *serial, const char *source, struct why *why);
must_check enum rc ledger_put_refused_pin(
    struct ledger *ledger, const char *serial, const char *source, struct why *why);
must_check enum rc ledger_forget_refused_pin(
    struct ledger *ledger, const char *serial, const char *source, struct why *why);

/* The PIN that was last tried on a token of the policy (what is there and its source, as text), and
 * whether the token accepted it; if not, how the try ended is not known. *ret_pin: free().
 * RC_NOT_FOUND, RC_STORAGE. */
must_check enum rc ledger_pin_try(char **ret_pin, bool *ret_is_accepted, struct ledger *ledger,
    const char *token, struct why *why);
must_check enum rc ledger_put_pin_try(
    struct ledger *ledger, const char *token, const char *pin, bool is_accepted, struct why *why);
must_check enum rc ledger_forget_pin_try(struct ledger *ledger, const char *token, struct why *why);

/* When the key with that canonical ID last made what was released, microseconds since 1970, to the
 * minute. RC_NOT_FOUND: never. RC_STORAGE. */
must_check enum rc ledger_key_use(
    int64_t *ret_at_us, struct ledger *ledger, const char *key, struct why *why);
must_check enum rc ledger_put_key_use(
    struct ledger *ledger, const char *key, int64_t at_us, struct why *why);
