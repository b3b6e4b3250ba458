/* SPDX-License-Identifier: Apache-2.0 */
#include "client/delivery.h"

#include <inttypes.h>

#include "client/pause.h"

static bool
has_root(const struct delivery *delivery)
{
    return delivery->root && root_step_version(delivery->root) > 0;
}

/* What is to be posted; *ret_n of them. ret has room for all steps and a root. */
static void
list_uploads(struct repo_upload *ret, size_t *ret_n, const struct delivery *delivery)
{
    size_t n = 0;

    if (has_root(delivery))
        ret[n++] = (struct repo_upload){"root", root_step_file(delivery->root)};
    for (size_t i = 0; i < delivery->n_steps; i++)
        if (delivery->steps[i].version > 0)
            ret[n++] = (struct repo_upload){
                delivery->steps[i].want->role, bytes_span(&delivery->steps[i].signature.file)};

    *ret_n = n;
}

/* Whether the server has file under that version of role. */
static bool
is_posted(const struct delivery *delivery, const char *role, int64_t version, struct span file)
{
    closing(bytes_done) struct bytes found = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(freep) char *name = NULL;

    return asprintf(&name, "%" PRId64 ".%s", version, role) >= 0 &&
           !repo_get(&found, delivery->publication->repo, name, DOCUMENT_MAX_BYTES, NULL) &&
           span_eq(bytes_span(&found), file);
}

bool
delivery_has_root(const struct delivery *delivery)
{
    return !has_root(delivery) || is_posted(delivery, "root", root_step_version(delivery->root),
                                      root_step_file(delivery->root));
}

/* Whether somebody else's root has the version of ours. The server does not call that a conflict.
 */
static bool
is_overtaken(const struct delivery *delivery)
{
    closing(bytes_done) struct bytes found = BYTES_INIT(DOCUMENT_MAX_BYTES);
    char name[32];

    if (!has_root(delivery))
        return false;

    snprintf(name, sizeof name, "%" PRId64 ".root", root_step_version(delivery->root));
    return !repo_get(&found, delivery->publication->repo, name, DOCUMENT_MAX_BYTES, NULL);
}

/* Whether the server has all that was posted. */
static bool
are_posted(const struct delivery *delivery)
{
    if (!delivery_has_root(delivery))
        return false;

    for (size_t i = 0; i < delivery->n_steps; i++) {
        const struct step *step = &delivery->steps[i];
        if (step->version > 0 && !is_posted(delivery, step->want->role, step->version,
                                     bytes_span(&step->signature.file)))
            return false;
    }

    return true;
}

/* libcurl may have sent the bytes twice on its own, so a conflict may be with ourselves. */
enum rc
delivery_post(const struct delivery *delivery, struct why *why)
{
    const struct publication *publication = delivery->publication;
    closing(freep) struct repo_upload *uploads = calloc(delivery->n_steps + 1, sizeof *uploads);
    size_t n = 0;

    if (!uploads)
        return fail_memory(why);

    list_uploads(uploads, &n, delivery);
    for (int i = 0;; i++) {
        enum rc rc = repo_publish(publication->repo, uploads, n, why);
        if ((rc == RC_TIMEOUT || rc == RC_CONFLICT) && are_posted(delivery))
            return RC_OK;
        if (rc == RC_NETWORK && is_overtaken(delivery))
            return RC_CONFLICT;
        if (rc != RC_TIMEOUT)
            return rc;
        if (i + 1 == POSTS_MAX)
            return RC_NETWORK;

        progress_note(publication->progress, "publication: no answer: %s", why->text);
        pause_about(pause_backoff_ms(2 * i + 3, BACKOFF_MAX_MS));
    }
}
