/* SPDX-License-Identifier: Apache-2.0 */
#include "client/delivery.h"

#include <inttypes.h>

#include "client/pause.h"

/* What is to be posted; *ret_n of them. ret has room for all steps and a root. */
static void
list_uploads(struct repo_upload *ret, size_t *ret_n, const struct composition *composition)
{
    size_t n = 0;

    if (composition_has_root(composition))
        ret[n++] = (struct repo_upload){"root", root_step_file(composition->root)};
    for (size_t i = 0; i < composition->n_steps; i++)
        if (composition->steps[i].version > 0)
            ret[n++] = (struct repo_upload){composition->steps[i].want->role,
                bytes_span(&composition->steps[i].signature.file)};

    *ret_n = n;
}

/* Whether the server has file under that version of role. */
static bool
is_posted(
    const struct composition *composition, const char *role, int64_t version, struct span file)
{
    closing(bytes_done) struct bytes found = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(freep) char *name = NULL;

    return asprintf(&name, "%" PRId64 ".%s", version, role) >= 0 &&
           !repo_get(&found, composition->publication->repo, name, DOCUMENT_MAX_BYTES, NULL) &&
           span_eq(bytes_span(&found), file);
}

bool
delivery_has_root(const struct composition *composition)
{
    return !composition_has_root(composition) ||
           is_posted(composition, "root", root_step_version(composition->root),
               root_step_file(composition->root));
}

/* Whether others have published since the view was made; it is up to date afterwards. */
static bool
is_overtaken(const struct composition *composition)
{
    closing(bytes_done) struct bytes root = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct publication *publication = composition->publication;
    int64_t before = 0, after = 0;

    if (composition_is_first(composition))
        return !repo_get(&root, publication->repo, "root", DOCUMENT_MAX_BYTES, NULL);

    trust_head(publication->trust, "snapshot", &before);
    if (trust_update(publication->trust, NULL))
        return false;

    trust_head(publication->trust, "snapshot", &after);
    return after > before;
}

/* Whether the server has all that was posted. */
static bool
are_posted(const struct composition *composition)
{
    if (!delivery_has_root(composition))
        return false;

    for (size_t i = 0; i < composition->n_steps; i++) {
        const struct step *step = &composition->steps[i];
        if (step->version > 0 && !is_posted(composition, step->want->role, step->version,
                                     bytes_span(&step->signature.file)))
            return false;
    }

    return true;
}

/* libcurl may have sent the bytes twice on its own, so a conflict may be with ourselves. */
enum rc
delivery_post(const struct composition *composition, struct why *why)
{
    const struct publication *publication = composition->publication;
    closing(freep) struct repo_upload *uploads = calloc(composition->n_steps + 1, sizeof *uploads);
    size_t n = 0;

    if (!uploads)
        return fail_memory(why);

    list_uploads(uploads, &n, composition);
    for (int i = 0;; i++) {
        enum rc rc = repo_publish(publication->repo, uploads, n, why);
        if ((rc == RC_TIMEOUT || rc == RC_CONFLICT) && are_posted(composition))
            return RC_OK;
        /* What others made of root and delegations a moment ago makes ours bad in the eyes of the
         * server, which does not call that a conflict. */
        if (rc == RC_NETWORK && is_overtaken(composition))
            return RC_CONFLICT;
        if (rc != RC_TIMEOUT)
            return rc;
        /* With PostgreSQL, HTTP 500 is how it says that others were faster, more often than not. */
        if (i + 1 == POSTS_MAX)
            return is_overtaken(composition) ? RC_CONFLICT : RC_NETWORK;

        progress_note(publication->progress, "publication: no answer: %s", why->text);
        pause_about(pause_backoff_ms(2 * i + 3, BACKOFF_MAX_MS));
    }
}
