/* SPDX-License-Identifier: Apache-2.0 */
#include "client/newkey.h"

#include "client/agent_error.h"
#include "client/stanza.h"
#include "client/table.h"
#include "proto/bounds.h"

struct newkey {
    char *name, *path; /* path: of the file that it is from; NULL: none */
};

void
newkeys_done(struct newkeys *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        free(keys->keys[i].name);
        free(keys->keys[i].path);
    }
    free(keys->keys);
    json_decref(keys->list);
    bytes_done(&keys->stanzas);
    *keys = NEWKEYS_INIT;
}

/* What we compare, and show. */
struct told {
    const char *name, *token, *id, *spki;
};

static enum rc
read_reply(struct told *ret, const json_t **ret_key, const json_t *reply, struct why *why)
{
    struct members m;

    members_open(&m, reply, "reply");
    members_object(&m, "key", ret_key);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    members_open(&m, *ret_key, "key");
    members_text(&m, "name", &ret->name);
    members_text(&m, "token", &ret->token);
    members_text(&m, "key", &ret->id);
    members_text(&m, "spki", &ret->spki);
    return members_close_tolerant(&m, why);
}

/* The ID that the public key really has. */
static enum rc
check_key(const struct told *told, const struct keyid *expected, struct why *why)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(pubkey_unrefp) struct pubkey *pubkey = NULL;

    enum rc rc = base64_parse(&der, span_of(told->spki), why);
    if (!rc)
        rc = pubkey_from_spki(&pubkey, bytes_span(&der), why);
    if (rc)
        return agent_error_of_reply(rc, why);

    if (expected && !keyid_eq(pubkey_canonical_id(pubkey), expected))
        return fail(why, RC_UNTRUSTED,
            "the token now has key %s under the name '%s', want %s: keep the file, and find out "
            "what answers for the agent",
            pubkey_canonical_id(pubkey)->hex, told->name, expected->hex);

    return RC_OK;
}

enum rc
newkeys_add(
    struct newkeys *keys, const json_t *reply, const struct newkey_origin *origin, struct why *why)
{
    struct told told = {0};
    const json_t *object = NULL;

    enum rc rc = read_reply(&told, &object, reply, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    rc = check_key(&told, origin->expected, why);
    if (rc)
        return rc;

    struct newkey *key = mem_grow(&keys->keys, keys->n, sizeof *key, SIZE_MAX);
    if (!keys->list)
        keys->list = json_array();
    if (!key || json_array_append(keys->list, (json_t *)object))
        return fail_memory(why);

    keys->n++;
    key->name = strdup(told.name);
    key->path = origin->path ? strdup(origin->path) : NULL;
    if (!key->name || (origin->path && !key->path))
        return fail_memory(why);

    if (keys->n == 1)
        stanza_begin(&keys->stanzas);
    struct stanza stanza = {
        told.name, told.token, origin->certificate, origin->role, origin->repository};
    stanza_format(&keys->stanzas, &stanza);
    return bytes_check(&keys->stanzas, why);
}

bool
newkeys_has(const struct newkeys *keys, const char *name)
{
    for (size_t i = 0; i < keys->n; i++)
        if (!strcmp(keys->keys[i].name, name))
            return true;

    return false;
}

enum rc
newkeys_print(const struct newkeys *keys, struct session *session, enum rc rc, struct why *why)
{
    const struct progress *progress = session_progress(session);
    bool is_json = options_has(session_options(session), OPTION_JSON);
    struct why problem;

    if (keys->n == 0)
        return rc;

    if (is_json && table_print_json(keys->list, &problem))
        return rc ? rc : fail(why, RC_SYSTEM, "%s", problem.text);

    if (!is_json)
        fputs(bytes_text(&keys->stanzas), session_results(session));
    progress_note(progress,
        "nobody may use %s yet: paste this into the policy or into a file of policy.d, check its "
        "scope, grant it, and let the agent reload",
        keys->n == 1 ? "this key" : "these keys");
    for (size_t i = 0; i < keys->n; i++)
        if (keys->keys[i].path)
            progress_note(progress,
                "'%s' is in the token and still in its file: once it has signed, destroy the file "
                "with 'shred -u %s', and its copies in backups",
                keys->keys[i].name, keys->keys[i].path);
    return rc;
}
