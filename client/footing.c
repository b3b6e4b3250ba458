/* SPDX-License-Identifier: Apache-2.0 */
#include "client/footing.h"

#include <inttypes.h>

void
footing_done(struct footing *footing)
{
    tuf_targets_free(footing->owned);
    tuf_file_free(footing->owned_file);
}

/* What does not verify, for who witnesses it. */
static enum rc
stand_on_unverified(struct footing *ret, const struct trust_role *role, struct why *why)
{
    enum rc rc = tuf_file_parse(&ret->owned_file, bytes_span(&role->unverified), TUF_TOLERANT, why);
    if (!rc)
        rc = tuf_targets_parse(&ret->owned, bytes_span(&ret->owned_file->message), why);
    if (rc)
        return within(why, RC_UNTRUSTED, "%s", role->name);

    ret->file = bytes_span(&role->unverified);
    ret->document = ret->owned;
    ret->version = role->version;
    return RC_OK;
}

static enum rc
find_base(
    struct footing *ret, const struct step *step, const struct step_scene *scene, struct why *why)
{
    const struct publication *publication = scene->publication;
    const struct trust_role *role =
        scene->is_first ? NULL : trust_find(publication->trust, step->want->role);

    if (step->broken) {
        enum rc rc = tuf_targets_parse(&ret->owned, bytes_span(&step->broken->message), why);
        if (rc)
            return rc;

        ret->file = bytes_span(&step->broken->raw);
        ret->document = ret->owned;
        ret->version = ret->owned->version;
        return RC_OK;
    }

    if (!role) {
        ret->version = step->want->after;
        return RC_OK;
    }

    /* Readers skip a role that does not verify, so nothing that it says counts. What cannot be read
     * at all may be good, though, and must not be lost. */
    if (role->problem && role->version == 0)
        return fail(why, role->problem,
            "%s of '%s' cannot be read, so nothing is published on top "
            "of it: %s",
            role->name, publication->repository, role->why.text);
    if (role->problem && step->want->is_witnessed)
        return stand_on_unverified(ret, role, why);
    if (role->problem)
        progress_note(publication->progress, "%s does not verify and starts empty: %s", role->name,
            role->why.text);

    ret->file = role->file ? bytes_span(&role->file->raw) : (struct span){0};
    ret->document = role->document;
    ret->version = role->version;
    return RC_OK;
}

/* Who chose the edits by what he saw chooses again. */
static enum rc
check_pinned(const struct step *step, const struct footing *footing, const struct step_scene *scene,
    struct why *why)
{
    struct digest is;

    digest_of(&is, footing->file);
    if (!step->want->is_pinned || step->published > 0 || digest_eq(&is, &step->want->pinned))
        return RC_OK;

    return fail(why, RC_STALE, "version %" PRId64 " of %s of '%s' was published meanwhile",
        footing->version, step->want->role, scene->publication->repository);
}

enum rc
footing_find(
    struct footing *ret, const struct step *step, const struct step_scene *scene, struct why *why)
{
    enum rc rc = find_base(ret, step, scene, why);

    return rc ? rc : check_pinned(step, ret, scene, why);
}
