/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/image_arg.h"
#include "client/signing.h"

struct images {
    struct image_arg *list;
    size_t n;
};

static void
images_done(struct images *images)
{
    for (size_t i = 0; i < images->n; i++)
        image_arg_done(&images->list[i]);
    free(images->list);
}

static enum rc
read_images(
    struct images *ret, struct session *session, char **arguments, size_t n, struct why *why)
{
    ret->list = calloc(n, sizeof *ret->list);
    if (!ret->list)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        ret->n++;
        enum rc rc = image_arg_read(&ret->list[i], session, arguments[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
sign_repository(struct session *session, struct repository *repository, const struct images *images,
    struct why *why)
{
    closing(freep) struct edit *edits = calloc(images->n, sizeof *edits);
    closing(signing_done) struct signing signing = {0};
    size_t n = 0;

    if (!edits)
        return fail_memory(why);

    for (size_t i = 0; i < images->n; i++)
        if (images->list[i].repository == repository)
            edits[n++] = image_arg_edit(&images->list[i]);

    enum rc rc = signing_plan(&signing, session, repository, edits, n, why);
    return rc ? rc : session_publish(session, repository, signing.roles, signing.n_roles, why);
}

/* A tag that was given without a digest may have moved since we read it: then what was signed is
 * not what is pulled, and the user wants to know. */
static void
report(struct session *session, const struct image_arg *image)
{
    struct registry_manifest now;
    struct why why;
    char hex[DIGEST_HEX_LEN + 1];

    digest_hex(hex, &image->manifest.digest);
    printf("%s@sha256:%s\n", image->name, hex);
    enum rc rc =
        registry_manifest(&now, image->registry, image->reference.path, image->reference.tag, &why);
    if (rc)
        progress_note(session_progress(session), "%s was signed, but cannot be read again: %s",
            image->name, why.text);
    else if (!digest_eq(&now.digest, &image->manifest.digest))
        progress_note(session_progress(session),
            "%s has moved while it was signed: what was signed is sha256:%s", image->name, hex);
}

/* Whether an image before i is of the same repository, which is then done already. */
static bool
is_repeated(const struct images *images, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (images->list[k].repository == images->list[i].repository)
            return true;

    return false;
}

COMMAND(cmd_sign)
{
    closing(images_done) struct images images = {0};

    enum rc rc = signing_restrict(session, why);
    if (!rc)
        rc = read_images(&images, session, arguments, n, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < images.n; i++) {
        if (is_repeated(&images, i))
            continue;

        rc = sign_repository(session, images.list[i].repository, &images, why);
        if (rc)
            return rc;

        for (size_t k = i; k < images.n; k++)
            if (images.list[k].repository == images.list[i].repository)
                report(session, &images.list[k]);
    }

    return RC_OK;
}
