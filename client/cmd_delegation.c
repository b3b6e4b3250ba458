/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/pubkey_arg.h"
#include "client/table.h"
#include "proto/bounds.h"

/* "a,b" → two spans; all paths without the option. */
static enum rc
read_paths(
    struct span ret[PATHS_MAX], size_t *ret_n, const struct options *options, struct why *why)
{
    const char *at = options->values[OPTION_PATHS];

    if (at && options_has(options, OPTION_ALL_PATHS))
        return fail(why, RC_MALFORMED, "--paths and --all-paths exclude each other");

    *ret_n = 0;
    if (!at) {
        ret[(*ret_n)++] = SPAN("");
        return RC_OK;
    }

    for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (*ret_n == PATHS_MAX)
            return fail(why, RC_TOO_LARGE, "more than %d paths", PATHS_MAX);
        ret[(*ret_n)++] = (struct span){(const uint8_t *)at, strcspn(at, ",")};
    }
    return RC_OK;
}

COMMAND(cmd_delegation_add)
{
    closing(pubkey_args_done) struct pubkey_args keys = {0};
    struct span paths[PATHS_MAX];
    struct repository *repository = NULL;
    struct edit edit = {.kind = EDIT_DELEGATE, .name = span_of(arguments[1]), .paths = paths};

    if (role_rank(edit.name) != RANK_DELEGATION)
        return fail(why, RC_MALFORMED, "'%s' is no delegation: want targets/NAME", arguments[1]);

    enum rc rc = read_paths(paths, &edit.n_paths, session_options(session), why);
    if (!rc)
        rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = pubkey_args_read(&keys, session, (const char *const *)arguments + 2, n - 2, why);
    if (!rc)
        rc = session_update(session, repository, why);
    if (rc)
        return rc;

    closing(freep) char *parent = span_dup(role_parent(edit.name));
    if (!parent)
        return fail_memory(why);

    edit.keys = keys.keys;
    edit.n_keys = keys.n;
    struct publish_role role = {.role = parent, .edits = &edit, .n_edits = 1};
    return session_publish(session, repository, &role, 1, why);
}

/* "targets/qa" and its keys by canonical ID, as people know them, one below the other. */
static void
put_role(struct table *table, const struct trust_role *role)
{
    closing(bytes_done) struct bytes paths = BYTES_INIT(DOCUMENT_MAX_BYTES);

    for (size_t i = 0; i < role->listed->n_paths; i++) {
        bytes_puts(&paths, i > 0 ? "," : "");
        if (role->listed->paths[i].len == 0)
            bytes_puts(&paths, "\"\" <all paths>");
        else
            canon_decode(&paths, role->listed->paths[i]);
    }

    size_t rows = role->listed->n_keyids > 0 ? role->listed->n_keyids : 1;
    for (size_t i = 0; i < rows; i++) {
        const struct pubkey *key = i < role->listed->n_keyids
                                       ? tuf_keys_find(role->listed_keys, &role->listed->keyids[i])
                                       : NULL;
        table_cell(table, i == 0 ? role->name : "");
        table_cell(table, i == 0 ? bytes_text(&paths) : "");
        table_cell(table, key ? pubkey_canonical_id(key)->hex : "");
        if (i == 0)
            table_cell_printf(table, "%" PRId64, role->listed->threshold);
        else
            table_cell(table, "");
    }
}

static json_t *
format_role(const struct trust_role *role)
{
    json_t *keys = json_array(), *paths = json_array();

    for (size_t i = 0; i < role->listed->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(role->listed_keys, &role->listed->keyids[i]);
        json_array_append_new(keys, json_pack("{s:s,s:s}", "id", role->listed->keyids[i].hex,
                                        "canonical", key ? pubkey_canonical_id(key)->hex : ""));
    }
    for (size_t i = 0; i < role->listed->n_paths; i++) {
        closing(bytes_done) struct bytes path = BYTES_INIT(DOCUMENT_MAX_BYTES);
        canon_decode(&path, role->listed->paths[i]);
        json_array_append_new(paths, json_string(bytes_text(&path)));
    }

    return json_pack("{s:s,s:o,s:o,s:I,s:I}", "role", role->name, "keys", keys, "paths", paths,
        "threshold", (json_int_t)role->listed->threshold, "version", (json_int_t)role->version);
}

COMMAND(cmd_delegation_list)
{
    closing(table_done) struct table table = TABLE_INIT(4);
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = session_update(session, repository, why);
    if (rc)
        return rc;

    if (options_has(session_options(session), OPTION_JSON)) {
        json_auto_t *roles = json_array();
        for (size_t i = 1; i < trust_n_roles(repository->trust); i++)
            json_array_append_new(roles, format_role(trust_role_at(repository->trust, i)));
        return table_print_json(roles, why);
    }

    table_header(&table, (const char *[]){"ROLE", "PATHS", "KEY IDS", "THRESHOLD"});
    for (size_t i = 1; i < trust_n_roles(repository->trust); i++)
        put_role(&table, trust_role_at(repository->trust, i));
    return table_print(&table, why);
}
