/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/table.h"
#include "proto/bounds.h"

static void
put_names(struct table *table, const char *const *names, size_t n)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    for (size_t i = 0; i < n; i++) {
        bytes_puts(&text, i > 0 ? "," : "");
        bytes_puts(&text, names[i]);
    }
    table_cell(table, bytes_text(&text));
}

static void
put_text(struct table *table, const char *text)
{
    table_cell(table, text ? text : "-");
}

/* Under which metadata lists it: its certificate's, if it has one. */
static const char *
tuf_id(const struct signer_key *key)
{
    return key->certificate ? pubkey_id(key->certificate)->hex : key->id.hex;
}

static void
put_key(struct table *table, const struct signer_key *key)
{
    table_cell(table, key->name);
    table_cell(table, key->plain ? tuf_id(key) : "unknown");
    table_cell(table, key->plain ? key->id.hex : "unknown");
    table_cell(table, key->algorithm);
    table_cell(table, key->token);
    table_cell(table, key->state);
    table_cell(table, key->is_usable ? "yes" : "no");
    put_text(table, key->origin);
    put_text(table, key->extractable);
    put_text(table, key->last_used);
    put_text(table, key->certificate_expires);
    put_names(table, key->roles, key->n_roles);
    put_names(table, key->repositories, key->n_repositories);
}

/* What the agent says, and the ID that it leaves to its clients. */
static enum rc
print_json(struct agent_call *agent, const struct signer *signer, struct why *why)
{
    json_auto_t *reply = NULL;
    json_t *key;
    size_t i;

    enum rc rc = agent_call(&reply, agent, "ListKeys", NULL, why);
    if (rc)
        return rc;

    json_array_foreach(json_object_get(reply, "keys"), i, key) {
        const char *name = json_string_value(json_object_get(key, "name"));
        const struct signer_key *known = name ? signer_find(signer, name) : NULL;
        if (known && known->plain &&
            json_object_set_new(key, "tuf_key", json_string(tuf_id(known))))
            return fail_memory(why);
    }

    return table_print_json(json_object_get(reply, "keys"), why);
}

COMMAND(cmd_key_list)
{
    closing(table_done) struct table table = TABLE_INIT(13);
    struct agent_call *agent = NULL;
    struct signer *signer = NULL;

    (void)arguments;
    (void)n;
    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = session_signer(&signer, session, why);
    if (rc)
        return rc;

    if (options_has(session_options(session), OPTION_JSON))
        return print_json(agent, signer, why);

    table_header(&table,
        (const char *[]){"NAME", "KEY ID", "CANONICAL ID", "ALGORITHM", "TOKEN", "STATE", "USABLE",
            "ORIGIN", "EXTRACTABLE", "LAST USED", "CERTIFICATE UNTIL", "ROLES", "REPOSITORIES"});
    for (size_t i = 0; i < signer_n_keys(signer); i++)
        put_key(&table, signer_key_at(signer, i));
    return table_print(&table, why);
}
