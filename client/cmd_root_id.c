/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/table.h"

/* What daemon.json of Mirantis Container Runtime takes, and a file of ours: IDs by repository.
 * by_certificate: those of root certificates, which are of this repository only. */
static json_t *
format_pinning(const char *repository, const struct tuf_root *root, bool by_certificate)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    json_t *ids = json_array();

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key)
            json_array_append_new(ids,
                json_string(by_certificate ? role->keyids[i].hex : pubkey_canonical_id(key)->hex));
    }

    return json_pack("{s:{s:s,s:{s:{s:o}}}}", "content-trust", "mode", "enforced", "trust-pinning",
        by_certificate ? "cert-ids" : "root-keys", repository, ids);
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
    const struct tuf_root *root = trust_root(repository->trust);
    json_auto_t *keys = format_keys(root);
    json_auto_t *by_key = format_pinning(repository->name, root, false);
    json_auto_t *by_certificate = format_pinning(repository->name, root, true);
    size_t i;
    json_t *key;

    printf("%s\n", repository->name);
    json_array_foreach(keys, i, key)
        printf("  root key:         %s\n  root certificate: %s\n",
            json_string_value(json_object_get(key, "root-key-id")),
            json_string_value(json_object_get(key, "certificate-id")));
    puts("\nfor daemon.json, or " PINNING_OWN_FILE ":");
    enum rc rc = table_print_json(by_key, why);
    if (rc)
        return rc;

    puts("\nor, of this repository only and until the next rotation:");
    return table_print_json(by_certificate, why);
}

static json_t *
format(const struct repository *repository)
{
    const struct tuf_root *root = trust_root(repository->trust);

    return json_pack("{s:s,s:o,s:o,s:o}", "repository", repository->name, "keys", format_keys(root),
        "daemon.json", format_pinning(repository->name, root, false), "daemon.json-cert-ids",
        format_pinning(repository->name, root, true));
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
            json_array_append_new(all, format(repository));
        else if (!rc)
            rc = print(repository, why);
        if (rc)
            return rc;
    }

    return is_json ? table_print_json(all, why) : RC_OK;
}
