/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/released.h"
#include "client/table.h"

/* As notary list 0.7 shows it, byte for byte. */
static enum rc
print_table(const struct released *released, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT_NOTARY(4);

    if (released->n == 0) {
        puts("\nNo targets present in this repository.\n");
        return RC_OK;
    }

    table_header_ruled(&table, (const char *[]){"NAME", "DIGEST", "SIZE (BYTES)", "ROLE"});
    for (size_t i = 0; i < released->n; i++) {
        const struct released_row *row = &released->rows[i];
        char digest[DIGEST_HEX_LEN + 1] = "";

        if (row->target->hashes.has_sha256)
            digest_hex(digest, &row->target->hashes.sha256);
        table_cell(&table, row->name);
        table_cell(&table, digest);
        table_cell_printf(&table, "%" PRId64, row->target->length);
        table_cell(&table, row->role->name);
    }

    return table_print(&table, why);
}

static enum rc
print_json(const struct released *released, struct why *why)
{
    json_auto_t *targets = json_array();

    for (size_t i = 0; i < released->n; i++) {
        const struct released_row *row = &released->rows[i];
        char digest[DIGEST_HEX_LEN + 1] = "";

        if (row->target->hashes.has_sha256)
            digest_hex(digest, &row->target->hashes.sha256);
        if (json_array_append_new(
                targets, json_pack("{s:s,s:s,s:I,s:s}", "name", row->name, "sha256", digest, "size",
                             (json_int_t)row->target->length, "role", row->role->name)) < 0)
            return fail_memory(why);
    }

    return table_print_json(targets, why);
}

/* Notary shows nothing for a role that does not exist, and a slip of the pen looks like an empty
 * role: the output is the same here, but it is said. */
static void
note_absent_roles(struct session *session, const struct repository *repository)
{
    const struct options *options = session_options(session);

    for (size_t i = 0; i < options->n_roles; i++)
        if (!trust_find(repository->trust, options->roles[i]))
            progress_note(session_progress(session), "'%s' has no role '%s'", repository->name,
                options->roles[i]);
}

COMMAND(cmd_list)
{
    closing(released_done) struct released released = {0};
    const struct options *options = session_options(session);
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = session_read(session, repository, why);
    if (rc)
        return rc;

    note_absent_roles(session, repository);
    rc = released_for_notary(&released, trust_role_at(repository->trust, 0),
        trust_n_roles(repository->trust), options->roles, options->n_roles, why);
    if (rc)
        return rc;

    return options_has(options, OPTION_JSON) ? print_json(&released, why)
                                             : print_table(&released, why);
}
