/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/custom.h"
#include "client/released.h"
#include "client/table.h"
#include "client/target_file.h"

static const struct released_row *
find_row(const struct released *released, const char *name)
{
    for (size_t i = 0; i < released->n; i++)
        if (!strcmp(released->rows[i].name, name))
            return &released->rows[i];

    return NULL;
}

/* As notary lookup 0.7 shows it, byte for byte. */
static void
print_line(const struct released_row *row)
{
    char digest[DIGEST_HEX_LEN + 1] = "";

    if (row->target->hashes.has_sha256)
        digest_hex(digest, &row->target->hashes.sha256);
    printf("%s sha256:%s %" PRId64 "\n", row->name, digest, row->target->length);
}

static enum rc
print_json(const struct released_row *row, struct why *why)
{
    closing(bytes_done) struct bytes sha512 = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(json_decrefp) json_t *custom = NULL;
    const struct tuf_hashes *hashes = &row->target->hashes;
    char digest[DIGEST_HEX_LEN + 1] = "";

    if (hashes->has_sha256)
        digest_hex(digest, &hashes->sha256);
    if (hashes->has_sha512)
        bytes_put_hex(&sha512, (struct span){hashes->sha512, sizeof hashes->sha512});
    enum rc rc =
        row->target->custom.len > 0 ? custom_read(&custom, row->target->custom, why) : RC_OK;
    if (rc)
        return within(why, rc, "target '%s'", row->name);

    json_auto_t *object = json_pack("{s:s,s:s,s:s*,s:I,s:s,s:O*}", "name", row->name, "sha256",
        digest, "sha512", hashes->has_sha512 ? bytes_text(&sha512) : NULL, "size",
        (json_int_t)row->target->length, "role", row->role->name, "custom", custom);
    return object ? table_print_json(object, why) : fail_memory(why);
}

static enum rc
check(const struct released_row *row, const char *path, struct why *why)
{
    struct target_file file;

    enum rc rc = target_file_read(&file, path, why);
    if (rc)
        return rc;

    rc = target_file_check(&file, row->target, why);
    return rc ? within(why, rc, "'%s' is not the target '%s' that %s signed",
                    strcmp(path, "-") != 0 ? path : "standard input", row->name, row->role->name)
              : RC_OK;
}

static enum rc
look_up(
    struct session *session, const struct repository *repository, const char *name, struct why *why)
{
    closing(released_done) struct released released = {0};
    const struct options *options = session_options(session);

    enum rc rc = released_for_notary(&released, trust_role_at(repository->trust, 0),
        trust_n_roles(repository->trust), options->roles, options->n_roles, why);
    if (rc)
        return rc;

    const struct released_row *row = find_row(&released, name);
    if (!row)
        return fail(why, RC_UNTRUSTED, "'%s' has no target '%s'%s", repository->name, name,
            options->n_roles > 0 ? " in the roles that were asked for" : "");

    if (options_has(options, OPTION_CHECK))
        rc = check(row, options->values[OPTION_CHECK], why);
    if (rc)
        return rc;

    if (options_has(options, OPTION_JSON))
        return print_json(row, why);

    print_line(row);
    return RC_OK;
}

COMMAND(cmd_lookup)
{
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = session_read(session, repository, why);
    return rc ? rc : look_up(session, repository, arguments[1], why);
}
