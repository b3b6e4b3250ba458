/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/table.h"

/* What daemon.json of Mirantis Container Runtime takes: canonical IDs of root keys by repository.
 */
static json_t *
format_pinning(const char *repository, const struct tuf_root *root)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    json_t *ids = json_array();

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key)
            json_array_append_new(ids, json_string(pubkey_canonical_id(key)->hex));
    }

    return json_pack("{s:{s:s,s:{s:{s:o}}}}", "content-trust", "mode", "enforced", "trust-pinning",
        "root-keys", repository, ids);
}

static json_t *
format_keys(const struct tuf_root *root)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    json_t *keys = json_array();

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key)
            json_array_append_new(
                keys, json_pack("{s:s,s:s}", "root-key-id", pubkey_canonical_id(key)->hex,
                          "certificate-id", role->keyids[i].hex));
    }

    return keys;
}

static enum rc
print(const struct repository *repository, struct why *why)
{
    json_auto_t *keys = format_keys(trust_root(repository->trust));
    json_auto_t *pinning = format_pinning(repository->name, trust_root(repository->trust));
    size_t i;
    json_t *key;

    printf("%s\n", repository->name);
    json_array_foreach(keys, i, key)
        printf("  root key:         %s\n  root certificate: %s\n",
            json_string_value(json_object_get(key, "root-key-id")),
            json_string_value(json_object_get(key, "certificate-id")));
    puts("\nfor daemon.json:");
    return table_print_json(pinning, why);
}

COMMAND(cmd_root_id)
{
    bool is_json = options_has(session_options(session), OPTION_JSON);
    json_auto_t *all = json_array();

    for (size_t i = 0; i < n; i++) {
        struct repository *repository = NULL;

        enum rc rc = session_repository(&repository, session, arguments[i], why);
        if (!rc)
            rc = session_look(session, repository, why);
        if (!rc && is_json)
            json_array_append_new(
                all, json_pack("{s:s,s:o,s:o}", "repository", repository->name, "keys",
                         format_keys(trust_root(repository->trust)), "daemon.json",
                         format_pinning(repository->name, trust_root(repository->trust))));
        else if (!rc)
            rc = print(repository, why);
        if (rc)
            return rc;
    }

    return is_json ? table_print_json(all, why) : RC_OK;
}
