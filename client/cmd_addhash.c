/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/target_edit.h"
#include "proto/bounds.h"

static enum rc
read_hashes(struct tuf_hashes *ret, const struct options *options, struct why *why)
{
    const char *sha256 = options->values[OPTION_SHA256], *sha512 = options->values[OPTION_SHA512];

    if (!sha256)
        return fail(why, RC_MALFORMED, "--sha256 HEX is missing: consumers want that digest");

    enum rc rc = hex_parse(ret->sha256.b, sizeof ret->sha256.b, span_of(sha256), why);
    if (rc)
        return within(why, rc, "--sha256");

    ret->has_sha256 = true;
    if (!sha512)
        return RC_OK;

    rc = hex_parse(ret->sha512, sizeof ret->sha512, span_of(sha512), why);
    if (rc)
        return within(why, rc, "--sha512");

    ret->has_sha512 = true;
    return RC_OK;
}

COMMAND(cmd_addhash)
{
    closing(bytes_done) struct bytes custom = BYTES_INIT(CUSTOM_MAX_BYTES);
    struct edit edit = {.kind = EDIT_SET_TARGET, .name = span_of(arguments[1])};

    (void)n;
    enum rc rc = integer_parse(&edit.length, span_of(arguments[2]), 0, INTEGER_MAX, why);
    if (rc)
        return within(why, rc, "size '%s'", arguments[2]);

    rc = read_hashes(&edit.hashes, session_options(session), why);
    if (!rc)
        rc = target_edit_custom(&custom, session, why);
    edit.custom = bytes_span(&custom);
    return rc ? rc : target_edit_publish(session, arguments[0], &edit, why);
}

/* Who takes a target out of one role may believe that nobody trusts it any more. */
static enum rc
note_holders(struct session *session, char **arguments, struct why *why)
{
    closing(bytes_done) struct bytes holders = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    struct repository *repository = NULL;

    enum rc rc = session_repository(&repository, session, arguments[0], why);
    for (size_t i = 0; !rc && i < trust_n_roles(repository->trust); i++) {
        const struct trust_role *role = trust_role_at(repository->trust, i);
        if (role->document && tuf_targets_find(role->document, span_of(arguments[1])))
            bytes_printf(&holders, "%s%s", holders.len > 0 ? ", " : "", role->name);
    }

    if (!rc && holders.len > 0 && !options_has(session_options(session), OPTION_OUT))
        progress_note(session_progress(session), "'%s' is still signed in %s", arguments[1],
            bytes_text(&holders));
    return rc;
}

COMMAND(cmd_remove)
{
    struct edit edit = {.kind = EDIT_REMOVE_TARGET, .name = span_of(arguments[1])};

    (void)n;
    enum rc rc = target_edit_publish(session, arguments[0], &edit, why);
    return rc ? rc : note_holders(session, arguments, why);
}
