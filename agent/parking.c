/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/parking.h"

#include "agent/answer.h"
#include "agent/approval.h"
#include "proto/bounds.h"
#include "proto/utc.h"

static json_t *
format_keys(const struct subject *subject)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < subject->n_keys; i++)
        answer_add(&keys, json_string(subject->keys[i].hex));
    return keys;
}

static json_t *
format_documents(const struct judgment *j)
{
    json_t *documents = json_array();

    for (size_t i = 0; i < j->n_subjects; i++) {
        const struct subject *subject = j->subjects[i];
        char digest[DIGEST_HEX_LEN + 1];

        digest_hex(digest, &subject->digest);
        answer_add(&documents,
            json_pack("{s:s,s:s,s:s,s:I,s:s,s:o}", "format", subject->format, "repository",
                subject->repository, "role", subject->role, "version", (json_int_t)subject->version,
                "digest", digest, "keys", format_keys(subject)));
    }

    return documents;
}

/* The names in an object, each of which is there once, as an array; it is consumed. */
static json_t *
format_names(json_t *object)
{
    json_t *names = json_array();
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
        answer_add(&names, json_string(name));
    if (!object)
        json_decref(steal(names));
    json_decref(object);
    return names;
}

/* Those that ask for votes. */
static json_t *
format_grants(const struct judgment *j)
{
    json_t *names = json_object();

    for (size_t i = 0; i < j->n_subjects; i++)
        for (size_t k = 0; k < j->decision->verdicts[i].n_choices; k++) {
            const struct decide_choice *choice = &j->decision->verdicts[i].choices[k];
            if (choice->left_out == REASON_APPROVALS)
                answer_set(&names, choice->grant->name, json_true());
        }

    return format_names(names);
}

static void
add_scope(json_t **names, const struct policy_scope *scope)
{
    for (size_t i = 0; i < scope->n_roles; i++)
        for (size_t k = 0; k < scope->n_repositories && json_object_size(*names) < SCOPE_NAMES_MAX;
             k++) {
            closing(bytes_done) struct bytes name = BYTES_INIT(4 * PATTERN_MAX_BYTES);
            bytes_printf(&name, "%s of %s", scope->roles[i], scope->repositories[k]);
            answer_set(names, bytes_text(&name), json_true());
        }
}

/* Wherever the keys that would sign count: a signature names neither repository nor role. */
static json_t *
format_valid_in(const struct judgment *j)
{
    json_t *names = json_object();

    for (size_t i = 0; i < j->n_subjects; i++)
        for (size_t k = 0; k < j->decision->verdicts[i].n_choices; k++) {
            const struct decide_choice *choice = &j->decision->verdicts[i].choices[k];
            if (choice->left_out != REASON_APPROVALS && choice->left_out != REASON_NONE)
                continue;

            for (size_t s = 0; s < choice->key->policy->n_scope; s++)
                add_scope(&names, &choice->key->policy->scope[s]);
        }

    return format_names(names);
}

static json_t *
format_messages(const struct judgment *j)
{
    json_t *messages = json_array();

    for (size_t i = 0; i < j->n_subjects; i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);

        bytes_put_base64(&text, j->subjects[i]->message);
        answer_add(&messages, json_string(bytes_text(&text)));
    }

    return messages;
}

/* As the agent sees them, at the time of asking. */
static json_t *
format_differences(const struct judgment *j)
{
    json_t *differences = json_array();

    for (size_t i = 0; i < j->n_subjects; i++) {
        json_t *list = j->known ? j->known->changes[i].list : NULL;
        answer_add(&differences, list ? json_incref(list) : json_null());
    }

    return differences;
}

static enum rc
park(struct judgment *j, struct ledger *ledger, uid_t uid, int64_t now, struct why *why)
{
    json_auto_t *summary = json_pack("{s:o,s:o,s:o}", "documents", format_documents(j), "grants",
        format_grants(j), "valid_in", format_valid_in(j));
    json_auto_t *body = json_pack(
        "{s:o,s:o}", "messages", format_messages(j), "differences", format_differences(j));
    struct parked_role roles[DOCUMENTS_MAX];

    if (!summary || !body)
        return fail_memory(why);

    for (size_t i = 0; i < j->n_subjects; i++)
        roles[i] = (struct parked_role){j->subjects[i]->repository, j->subjects[i]->role,
            j->subjects[i]->version, j->subjects[i]->digest};

    struct parked_request request = {
        uid, j->votes.claim, j->votes.digest, summary, body, roles, j->n_subjects};
    enum rc rc = ledger_park(j->votes.id, ledger, &request, now, why);
    if (rc)
        return rc;

    j->votes.state = PARKED_OPEN;
    j->votes.expires_at = now + PARKED_LIFETIME_S;
    return RC_OK;
}

enum rc
parking_put(struct judgment *j, struct ledger *ledger, uid_t uid, struct why *why)
{
    closing(parked_done) struct parked parked = {0};
    int64_t now = agent_now_us() / 1000000;

    enum rc rc = ledger_find_parked(&parked, ledger, uid, &j->votes.claim, now, why);
    if (rc == RC_NOT_FOUND)
        return park(j, ledger, uid, now, why);
    if (rc)
        return rc;

    /* Released once, and asked for again after those who agreed then may no more. */
    if (parked.state == PARKED_RELEASED) {
        rc = ledger_forget_parked(ledger, parked.id, why);
        return rc ? rc : park(j, ledger, uid, now, why);
    }

    /* Of two who asked at once, the second is given what the first one was. */
    memcpy(j->votes.id, parked.id, sizeof j->votes.id);
    j->votes.state = parked.state;
    j->votes.expires_at = parked.expires_at;
    return RC_OK;
}

bool
parking_is_parked(const struct judgment *j)
{
    return j->votes.id[0] && j->votes.state == PARKED_OPEN;
}

/* Asked for anew, as votes and groups may be others than when it was parked. */
static json_t *
format_approvals(const struct judgment *j, uid_t uid)
{
    json_auto_t *grants = format_grants(j);

    return approval_format(j->policy, grants, &j->votes, uid);
}

json_t *
parking_format_error(const struct judgment *j, uid_t uid)
{
    closing(bytes_done) struct bytes expires = BYTES_INIT(64);
    char digest[DIGEST_HEX_LEN + 1];

    utc_format(&expires, j->votes.expires_at);
    digest_hex(digest, &j->votes.digest);
    return json_pack("{s:s,s:s,s:s,s:o}", "id", j->votes.id, "expires", bytes_text(&expires),
        "digest", digest, "approvals", format_approvals(j, uid));
}

/* "1 of 2 votes of group security", for each grant. */
static void
put_approval(struct bytes *b, const json_t *approval)
{
    const json_t *approvers = json_object_get(approval, "approvers");

    bytes_printf(b, "%s%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " votes of ",
        b->len > 0 ? "; " : "", json_integer_value(json_object_get(approval, "have")),
        json_integer_value(json_object_get(approval, "need")));
    for (size_t i = 0; i < json_array_size(approvers); i++)
        bytes_printf(b, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(approvers, i)));
}

void
parking_describe(char *ret, size_t room, const struct judgment *j, uid_t uid)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(64 * 1024);
    json_auto_t *approvals = format_approvals(j, uid);
    char digest[DIGEST_HEX_LEN + 1];
    size_t i;
    json_t *approval;

    json_array_foreach(approvals, i, approval)
        put_approval(&text, approval);
    digest_hex(digest, &j->votes.digest);
    snprintf(ret, room, "waiting for approval %s, digest %.8s: %.400s; countersign approve %s",
        j->votes.id, digest, bytes_text(&text), j->votes.id);
}

size_t
parking_n_bytes(const struct judgment *j)
{
    size_t n = 0;

    for (size_t i = 0; i < j->n_subjects; i++)
        n += j->subjects[i]->message.len;
    for (size_t i = 0; i < j->request.n_bases; i++)
        for (size_t k = 0; k < j->request.bases[i].n_files; k++)
            n += j->request.bases[i].files[k].message.len;

    return n;
}
