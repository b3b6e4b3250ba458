/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trusted_root.h"

#include "agent/answer.h"
#include "agent/ledger_anchor.h"
#include "agent/ledger_past.h"
#include "proto/bounds.h"

static json_t *
format_root(const struct tuf_root *root)
{
    closing(freep) struct pubkey **keys = NULL;
    json_t *ids = json_array();
    size_t n = 0;

    if (tuf_role_keys(&keys, &n, &root->roles[RANK_ROOT], &root->keys, NULL)) {
        json_decref(ids);
        return NULL;
    }

    for (size_t i = 0; i < n; i++)
        answer_add(&ids, json_string(pubkey_canonical_id(keys[i])->hex));
    return ids;
}

static json_t *
format_pins(const struct policy_pin_root *pins, const struct agent *agent, const char *repository)
{
    json_t *ids = json_array();

    for (size_t i = 0; i < pins->n_keys; i++)
        if (ledger_retired(agent->ledger, repository, &pins->keys[i], NULL) == RC_NOT_FOUND)
            answer_add(&ids, json_string(pins->keys[i].hex));
    return ids;
}

/* The root of the ledger, or else the keys of the policy, for a root of any version. */
static enum rc
find(json_t **ret, const struct agent *agent, const char *repository, struct why *why)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    struct ledger_anchor anchor;

    enum rc rc = ledger_anchor(&anchor, &raw, agent->ledger, repository, why);
    if (rc == RC_NOT_FOUND) {
        const struct policy_pin_root *pins = policy_find_root(agent->policy, repository);
        if (!pins)
            return fail(why, RC_NOT_FOUND, "%s", repository);

        *ret = json_pack("{s:o,s:i,s:i}", "roots", format_pins(pins, agent, repository), "version",
            1, "threshold", 1);
        return RC_OK;
    }

    if (!rc)
        rc = tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "the root in the ledger");

    *ret = json_pack("{s:o,s:I,s:I}", "roots", format_root(root), "version",
        (json_int_t)anchor.version, "threshold", (json_int_t)root->roles[RANK_ROOT].threshold);
    return RC_OK;
}

void
trusted_root_call(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    const char *repository = NULL;
    json_t *reply = NULL;
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "repository", &repository);
    enum rc rc = members_close(&m, &why);
    if (!rc && strlen(repository) > REPOSITORY_MAX_BYTES)
        rc = fail(&why, RC_TOO_LARGE, "REPOSITORY_MAX_BYTES");
    if (!rc)
        rc = find(&reply, agent, repository, &why);

    if (rc == RC_NOT_FOUND)
        conn_error(conn, rc, json_pack("{s:s,s:s}", "kind", "root", "name", repository));
    else if (rc)
        answer_error(conn, rc, &why);
    else
        conn_reply(conn, reply);
}
