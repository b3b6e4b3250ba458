/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/answer.h"

#include <inttypes.h>

#include "agent/log.h"
#include "agent/parking.h"
#include "proto/bounds.h"
#include "proto/tuf_root.h"
#include "proto/utc.h"

void
answer_add(json_t **ret, json_t *element)
{
    if (json_array_append_new(*ret, element)) {
        json_decref(*ret);
        *ret = NULL;
    }
}

void
answer_set(json_t **ret, const char *name, json_t *value)
{
    if (json_object_set_new(*ret, name, value)) {
        json_decref(*ret);
        *ret = NULL;
    }
}

void
answer_set_time(json_t **ret, const char *name, int64_t at)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(64);

    utc_format(&text, at);
    answer_set(ret, name, text.failed ? NULL : json_string(bytes_text(&text)));
}

bool
answer_no_parameters(struct conn *conn, const json_t *parameters)
{
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    enum rc rc = members_close(&m, &why);
    if (rc)
        answer_error(conn, rc, &why);
    return !rc;
}

void
answer_error(struct conn *conn, enum rc rc, const struct why *why)
{
    json_t *parameters = NULL;

    switch (rc) {
    case RC_MALFORMED:
        parameters = json_pack("{s:s,s:s}", "where", "parameters", "problem", why->text);
        break;
    case RC_UNSUPPORTED:
        parameters = json_pack("{s:s}", "what", why->text);
        break;
    case RC_REFUSED:
        parameters = json_pack("{s:s}", "problem", why->text);
        break;
    case RC_TOO_LARGE:
        parameters = json_pack("{s:s}", "bound", why->text);
        break;
    case RC_NOT_FOUND:
        parameters = json_pack("{s:s,s:s}", "kind", "name", "name", why->text);
        break;
    case RC_LOCKED:
    case RC_TOKEN:
        answer_token(conn, rc, "", why->text);
        return;
    case RC_BUSY:
        answer_busy(conn, why->text, BUSY_RETRY_MS);
        return;
    case RC_TIMEOUT:
        parameters = json_pack("{s:s}", "token", "");
        break;
    case RC_STORAGE:
        log_once(LOG_LEVEL_ERROR, "nothing is signed: %s", why->text);
        parameters = json_pack("{s:s}", "remedy", why->text);
        break;
    case RC_OK:
    case RC_USAGE:
    case RC_DENIED:
    case RC_PENDING:
    case RC_ROLLBACK:
    case RC_STALE:
    case RC_SYSTEM:
    case RC_NO_MEMORY:
    case RC_UNTRUSTED:
    case RC_NETWORK:
    case RC_CONFLICT:
    case RC_INTERRUPTED:
    case RC_MAX_:
        log_once(LOG_LEVEL_ERROR, "a request failed: %s", why->text);
        rc = RC_SYSTEM;
        break;
    }

    conn_error(conn, rc, parameters);
}

void
answer_busy(struct conn *conn, const char *bound, uint64_t retry_ms)
{
    conn_error(conn, RC_BUSY,
        json_pack("{s:s,s:I}", "bound", bound, "retry_after_ms", (json_int_t)retry_ms));
}

void
answer_token(struct conn *conn, enum rc rc, const char *token, const char *remedy)
{
    if (rc == RC_TIMEOUT)
        conn_error(conn, rc, json_pack("{s:s}", "token", token));
    else
        conn_error(conn, rc,
            json_pack("{s:s,s:s,s:s}", "token", token, "state",
                rc == RC_LOCKED ? "locked" : "unavailable", "remedy", remedy));
}

void
answer_bad_document(struct conn *conn, enum rc rc, int document, const struct why *why)
{
    char where[32] = "parameters";

    if (rc == RC_NOT_FOUND) {
        conn_error(conn, rc, json_pack("{s:s,s:s}", "kind", "file", "name", why->text));
        return;
    }

    if (rc != RC_MALFORMED) {
        answer_error(conn, rc, why);
        return;
    }

    if (document >= 0)
        snprintf(where, sizeof where, "documents[%d].message", document);
    json_t *parameters = json_pack("{s:s,s:s}", "where", where, "problem", why->text);
    if (document >= 0)
        answer_set(&parameters, "document", json_integer(document));
    conn_error(conn, rc, parameters);
}

/* 0: there is none. */
static void
add_record(json_t **parameters, int64_t record)
{
    char id[32];

    snprintf(id, sizeof id, "%" PRId64, record);
    if (record > 0)
        answer_set(parameters, "id", json_string(id));
}

void
answer_reason(struct conn *conn, enum reason reason, int64_t record)
{
    json_t *parameters = json_pack("{s:s,s:s,s:s,s:s,s:s}", "reason", reason_id(reason), "rule",
        "who", "want", "", "have", "", "remedy", reason_remedy(reason));

    add_record(&parameters, record);
    conn_error(conn, RC_DENIED, parameters);
}

static void
answer_denied(
    struct conn *conn, size_t document, const struct decide_verdict *verdict, int64_t record)
{
    const struct decide_check *failed = verdict->failed;
    json_t *parameters = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s}", "document", (int)document, "reason",
        reason_id(failed->reason), "rule", failed->rule, "want", failed->want, "have", failed->have,
        "remedy", reason_remedy(failed->reason));

    if (verdict->grant)
        answer_set(&parameters, "grant", json_string(verdict->grant->name));
    add_record(&parameters, record);
    conn_error(conn, RC_DENIED, parameters);
}

/* What the keyring says of a key whose token is away begins with the token, which has a parameter
 * of its own here. */
static const char *
without_name(const char *detail, const char *token)
{
    char name[96];
    int len = snprintf(name, sizeof name, "token '%s': ", token);

    return len < (int)sizeof name && !strncmp(detail, name, (size_t)len) ? detail + len : detail;
}

static void
answer_away(struct conn *conn, const struct decide_verdict *verdict)
{
    const struct decide_choice *away = NULL;

    for (size_t i = 0; i < verdict->n_choices && !away; i++)
        if (verdict->choices[i].left_out == REASON_TOKEN)
            away = &verdict->choices[i];

    answer_token(
        conn, verdict->rc, away->key->token, without_name(away->key->detail, away->key->token));
}

/* The signatures of a released root, under the canonical IDs that the interface speaks. */
static json_t *
released_signatures(const struct tuf_file *file, const struct tuf_root *root)
{
    json_t *signatures = json_array();

    for (size_t i = 0; i < file->n_signatures; i++) {
        const struct verify_signature *s = &file->signatures[i];
        const struct pubkey *key = tuf_keys_find(&root->keys, &s->keyid);
        closing(bytes_done) struct bytes text = BYTES_INIT(2 * SIGNATURE_MAX_BYTES);

        bytes_put_base64(&text, s->signature);
        answer_add(
            &signatures, json_pack("{s:s,s:s,s:s,s:s}", "key",
                             key ? pubkey_canonical_id(key)->hex : s->keyid.hex, "name", "",
                             "method", verify_method_name(s->method), "sig", bytes_text(&text)));
    }

    return signatures;
}

/* Only the root's next version is fixed, so only for it a client must finish with those bytes. */
static void
add_released_root(json_t **mark, struct agent *agent, const struct subject *subject)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    int64_t version;

    if (ledger_root(&raw, &version, agent->ledger, subject->repository, NULL) ||
        tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, NULL) ||
        tuf_root_parse(&root, bytes_span(&file->message), NULL))
        return;

    bytes_put_base64(&text, bytes_span(&file->message));
    if (text.len > OUTPUT_MAX_BYTES / 2) /* usually some KiB; then only its mark is told */
        return;

    answer_set(mark, "document", json_string(bytes_text(&text)));
    answer_set(mark, "signatures", released_signatures(file, root));
}

static void
answer_rollback(struct conn *conn, struct agent *agent, const struct judgment *j)
{
    json_t *marks = json_array();

    for (size_t i = 0; i < j->n_subjects; i++) {
        const struct subject *subject = j->subjects[i];
        char digest[DIGEST_HEX_LEN + 1];

        if (j->decision->verdicts[i].rc != RC_ROLLBACK)
            continue;

        digest_hex(digest, &j->known->facts[i].digest);
        json_t *mark = json_pack("{s:s,s:s,s:I,s:s,s:[]}", "repository", subject->repository,
            "role", subject->role, "version", (json_int_t)j->known->facts[i].version, "digest",
            digest, "signatures");
        if (subject->rank == RANK_ROOT)
            add_released_root(&mark, agent, subject);
        answer_add(&marks, mark);
    }

    conn_error(conn, RC_ROLLBACK, json_pack("{s:o}", "marks", marks));
}

/* The newest file itself, if it is held still and small enough for a reply. */
static void
add_newest_file(json_t **parameters, struct agent *agent, const struct published_stale *stale)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(OUTPUT_MAX_BYTES / 2);
    struct span file;

    if (!stale->role || !seen_find(&file, agent->seen, &stale->file))
        return;

    bytes_put_base64(&text, file);
    if (!text.failed)
        answer_set(parameters, "file", json_string(bytes_text(&text)));
}

/* The newest version that is known, which that of the chain was not. */
static void
answer_stale(struct conn *conn, struct agent *agent, const struct judgment *j)
{
    const struct subject *subject = j->subjects[j->decision->refused];
    const struct decide_known *fact = &j->known->facts[j->decision->refused];

    json_t *parameters = json_pack("{s:s,s:s,s:I}", "repository", subject->repository, "role",
        fact->stale_role ? fact->stale_role : subject->role, "version",
        (json_int_t)(fact->stale_role ? fact->stale_version : fact->version));
    add_newest_file(&parameters, agent, &j->known->stale[j->decision->refused]);
    conn_error(conn, RC_STALE, parameters);
}

void
answer_decision(struct conn *conn, struct agent *agent, const struct judgment *j, int64_t record)
{
    size_t refused = j->decision->refused;
    const struct decide_verdict *verdict = &j->decision->verdicts[refused];

    if (j->decision->rc == RC_ROLLBACK)
        answer_rollback(conn, agent, j);
    else if (j->decision->rc == RC_STALE)
        answer_stale(conn, agent, j);
    else if (j->decision->rc == RC_PENDING && parking_is_parked(j))
        conn_error(conn, RC_PENDING, parking_format_error(j, conn_peer(conn)->uid));
    else if (j->decision->rc == RC_TOKEN || j->decision->rc == RC_LOCKED)
        answer_away(conn, verdict);
    else
        answer_denied(conn, refused, verdict, record);
}

json_t *
answer_verdict(const struct judgment *j, size_t document)
{
    const struct decide_verdict *verdict = &j->decision->verdicts[document];
    const struct decide_check *failed = verdict->failed;
    json_t *checks = json_array();

    for (size_t i = 0; i < verdict->n_checks; i++) {
        const struct decide_check *check = &verdict->checks[i];
        answer_add(&checks, json_pack("{s:s,s:b,s:s,s:s}", "rule", check->rule, "holds",
                                check->holds, "want", check->want, "have", check->have));
    }

    json_t *ret = json_pack("{s:b,s:o,s:s,s:O*}", "allowed", !failed, "checks", checks, "remedy",
        failed ? reason_remedy(failed->reason) : "", "difference",
        j->known->changes[document].list);
    if (verdict->grant)
        answer_set(&ret, "grant", json_string(verdict->grant->name));
    if (failed)
        answer_set(&ret, "reason", json_string(reason_id(failed->reason)));
    return ret;
}
