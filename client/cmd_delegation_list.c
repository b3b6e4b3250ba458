/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/skipped.h"
#include "client/table.h"
#include "proto/bounds.h"

static const char *
canonical_id(const struct trust_role *role, size_t i)
{
    const struct pubkey *key = tuf_keys_find(role->listed_keys, &role->listed->keyids[i]);

    return key ? pubkey_canonical_id(key)->hex : role->listed->keyids[i].hex;
}

static int
path_cmp(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    return canon_cmp(*x, *y);
}

static void
put_path(struct table *table, const struct span *path)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);

    if (path && path->len == 0)
        bytes_puts(&text, "\"\" <all paths>");
    else if (path)
        canon_decode(&text, *path);
    table_cell(table, bytes_text(&text));
}

/* A path in a row, and a key in a row: by canonical ID, as people know it. */
static enum rc
put_role(struct table *table, const struct trust_role *role, struct why *why)
{
    size_t n_keys = role->listed->n_keyids, n_paths = role->listed->n_paths;
    closing(freep) struct span *paths = calloc(n_paths + 1, sizeof *paths);

    if (!paths)
        return fail_memory(why);

    for (size_t i = 0; i < n_paths; i++)
        paths[i] = role->listed->paths[i];
    qsort(paths, n_paths, sizeof *paths, path_cmp);

    for (size_t i = 0; i == 0 || i < n_paths || i < n_keys; i++) {
        table_cell(table, i == 0 ? role->name : "");
        put_path(table, i < n_paths ? &paths[i] : NULL);
        table_cell(table, i < n_keys ? canonical_id(role, i) : "");
        if (i == 0)
            table_cell_printf(table, "%" PRId64, role->listed->threshold);
        else
            table_cell(table, "");
    }

    return RC_OK;
}

static int
role_cmp(const void *a, const void *b)
{
    const struct trust_role *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* As notary delegation list 0.7 shows it, byte for byte. */
static enum rc
print_roles(const struct trust *trust, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT_NOTARY(4);
    size_t n = trust_n_roles(trust);
    closing(freep) const struct trust_role **roles = calloc(n, sizeof *roles);

    if (!roles)
        return fail_memory(why);

    if (n == 1) {
        puts("\n\nNo delegations present in this repository.\n\n");
        return RC_OK;
    }

    for (size_t i = 0; i < n; i++)
        roles[i] = trust_role_at(trust, i);
    qsort(roles + 1, n - 1, sizeof(struct trust_role *), role_cmp);

    table_header_ruled(&table, (const char *[]){"ROLE", "PATHS", "KEY IDS", "THRESHOLD"});
    for (size_t i = 1; i < n; i++) {
        enum rc rc = put_role(&table, roles[i], why);
        if (rc)
            return rc;
    }

    putchar('\n');
    enum rc rc = table_print(&table, why);
    putchar('\n');
    return rc;
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
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = session_look(session, repository, why);
    if (rc)
        return rc;

    skipped_note(repository->trust, session_progress(session));
    if (options_has(session_options(session), OPTION_JSON)) {
        json_auto_t *roles = json_array();
        for (size_t i = 1; i < trust_n_roles(repository->trust); i++)
            json_array_append_new(roles, format_role(trust_role_at(repository->trust, i)));
        return table_print_json(roles, why);
    }

    return print_roles(repository->trust, why);
}
