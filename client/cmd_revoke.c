/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/mending.h"
#include "client/question.h"
#include "proto/bounds.h"
#include "proto/reference.h"

struct revocation {
    struct session *session;
    struct repository *repository;
    const char *argument, *tag; /* tag: NULL: all */
    struct edit edit;

    /* Of one look at what is published. */
    struct publish_role *roles; /* that the caller can sign */
    size_t n_roles;
    char **names; /* that roles borrow */
    size_t n_names;
    struct bytes left; /* those that he cannot: "targets/bob, targets/qa" */
};

static void
forget_roles(struct revocation *r)
{
    for (size_t i = 0; i < r->n_names; i++)
        free(r->names[i]);
    free(r->names);
    free(r->roles);
    r->names = NULL;
    r->roles = NULL;
    r->n_names = r->n_roles = 0;
    bytes_clear(&r->left);
}

static void
revocation_done(struct revocation *r)
{
    forget_roles(r);
    bytes_done(&r->left);
}

static bool
is_holding(const struct revocation *r, const struct trust_role *role)
{
    return role->document && edit_changes(&r->edit, role->document);
}

static enum rc
add_role(struct revocation *r, const struct trust_role *role, struct why *why)
{
    bool can = false;

    enum rc rc = mending_can_sign(
        &can, r->session, r->repository, role->name, role->listed, role->listed_keys, why);
    if (rc)
        return rc;
    if (!can) {
        bytes_printf(&r->left, "%s%s", r->left.len > 0 ? ", " : "", role->name);
        return bytes_check(&r->left, why);
    }

    char **name = mem_grow(&r->names, r->n_names, sizeof *name, SNAPSHOT_FILES_MAX);
    struct publish_role *place = mem_grow(&r->roles, r->n_roles, sizeof *place, SNAPSHOT_FILES_MAX);
    if (name)
        *name = strdup(role->name);
    if (!name || !*name || !place)
        return fail_memory(why);

    r->n_names++;
    *place = (struct publish_role){.role = *name, .edits = &r->edit, .n_edits = 1};
    r->n_roles++;
    return RC_OK;
}

static enum rc
find_roles(struct revocation *r, struct why *why)
{
    enum rc rc = RC_OK;

    forget_roles(r);
    for (size_t i = 0; !rc && i < trust_n_roles(r->repository->trust); i++) {
        const struct trust_role *role = trust_role_at(r->repository->trust, i);
        if (is_holding(r, role))
            rc = add_role(r, role, why);
    }

    return rc;
}

/* Docker's words, where they are true; unsigned is its own status. */
static enum rc
check_signed(const struct revocation *r, struct why *why)
{
    if (r->n_roles > 0 || r->left.len > 0)
        return RC_OK;

    return r->tag ? fail(why, RC_UNTRUSTED,
                        "could not remove signature for %s: No valid trust data for %s",
                        r->argument, r->tag)
                  : fail(why, RC_UNTRUSTED,
                        "could not remove signature for %s: no signed tags to remove", r->argument);
}

/* Nothing is published yet. */
static bool
is_for_others(const struct revocation *r)
{
    return options_has(session_options(r->session), OPTION_OUT);
}

/* Until no role is left that the caller can sign: others may sign the tag meanwhile. */
static enum rc
publish_rounds(struct revocation *r, struct why *why)
{
    for (int i = 0; i < PUBLISH_CONFLICTS_MAX && r->n_roles > 0; i++) {
        enum rc rc = session_publish(r->session, r->repository, r->roles, r->n_roles, why);
        if (rc || is_for_others(r))
            return rc;

        rc = find_roles(r, why);
        if (rc)
            return rc;
    }

    return r->n_roles == 0
               ? RC_OK
               : fail(why, RC_CONFLICT, "%s: others sign it as fast as it is revoked", r->argument);
}

static enum rc
conclude(const struct revocation *r, bool has_published, struct why *why)
{
    if (r->left.len > 0)
        return fail(why, RC_DENIED,
            "%s is still signed in %s, of which the agent gives you too few keys%s; who has them "
            "must revoke it too, or 'countersign signer remove' ends the trust in them",
            r->argument, bytes_text(&r->left), has_published ? "" : "; nothing was changed");

    if (!is_for_others(r))
        printf("Successfully deleted signature for %s\n", r->argument);
    return RC_OK;
}

static enum rc
revoke(struct revocation *r, const char *name, struct why *why)
{
    enum rc rc = session_repository(&r->repository, r->session, name, why);
    if (!rc)
        rc = session_update(r->session, r->repository, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_UNTRUSTED, "could not remove signature for %s: it is not signed: %s",
            r->argument, why->text);
    if (!rc)
        rc = find_roles(r, why);
    if (!rc)
        rc = check_signed(r, why);
    if (rc)
        return rc;

    bool has_published = r->n_roles > 0;
    rc = publish_rounds(r, why);
    return rc ? rc : conclude(r, has_published, why);
}

COMMAND(cmd_revoke)
{
    closing(reference_done) struct reference reference = {0};
    closing(revocation_done) struct revocation r = {.session = session,
        .argument = arguments[0],
        .edit = {.kind = EDIT_KEEP_TARGETS},
        .left = BYTES_INIT(FRAME_SMALL_MAX_BYTES)};

    (void)n;
    enum rc rc = reference_parse(&reference, arguments[0], why);
    if (rc)
        return within(why, rc, "'%s'", arguments[0]);

    if (reference.digest)
        return fail(why, RC_USAGE, "cannot use a digest reference for IMAGE:TAG");

    if (reference.tag) {
        r.tag = reference.tag;
        r.edit = (struct edit){.kind = EDIT_REMOVE_TARGET, .name = span_of(reference.tag)};
        return revoke(&r, reference.repository, why);
    }

    closing(freep) char *question = NULL;
    if (asprintf(&question, "Delete all signatures of all tags of %s", arguments[0]) < 0)
        return fail_memory(why);

    rc = question_ask(session, question, why);
    return rc ? rc : revoke(&r, reference.repository, why);
}
