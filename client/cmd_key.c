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

static void
put_key(struct table *table, const struct signer_key *key)
{
    table_cell(table, key->name);
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

COMMAND(cmd_key_list)
{
    closing(table_done) struct table table = TABLE_INIT(12);
    json_auto_t *reply = NULL;
    struct agent_call *agent = NULL;
    struct signer *signer = NULL;

    (void)arguments;
    (void)n;
    enum rc rc = session_agent(&agent, session, why);
    if (!rc && options_has(session_options(session), OPTION_JSON)) {
        rc = agent_call(&reply, agent, "ListKeys", NULL, why);
        return rc ? rc : table_print_json(json_object_get(reply, "keys"), why);
    }

    if (!rc)
        rc = session_signer(&signer, session, why);
    if (rc)
        return rc;

    table_header(&table,
        (const char *[]){"NAME", "KEY ID", "ALGORITHM", "TOKEN", "STATE", "USABLE", "ORIGIN",
            "EXTRACTABLE", "LAST USED", "CERTIFICATE UNTIL", "ROLES", "REPOSITORIES"});
    for (size_t i = 0; i < signer_n_keys(signer); i++)
        put_key(&table, signer_key_at(signer, i));
    return table_print(&table, why);
}
