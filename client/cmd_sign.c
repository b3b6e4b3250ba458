/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "client/command.h"
#include "client/crew.h"
#include "client/image_args.h"
#include "client/interrupt.h"
#include "client/signing.h"
#include "proto/bounds.h"

/* One repository, as the parent of a crew sees it. */
struct outcome {
    struct bytes lines; /* for standard output, when those before it are there */
    bool is_over;
    enum rc rc;
    struct why why;
};

struct sign {
    struct session *session;
    struct image_args images;
    struct outcome *outcomes; /* of each repository */
    size_t n_printed;         /* repositories */
};

static void
sign_done(struct sign *sign)
{
    for (size_t i = 0; sign->outcomes && i < sign->images.n_repositories; i++)
        bytes_done(&sign->outcomes[i].lines);
    free(sign->outcomes);
    image_args_done(&sign->images);
}

/* A tag that was given without a digest may have moved since we read it: then what was signed is
 * not what is pulled, and the user wants to know. */
static void
report(struct bytes *ret, struct session *session, const struct image_arg *image)
{
    const struct reference *reference = &image->reference;
    char hex[DIGEST_HEX_LEN + 1];
    bool is_same = false;
    struct why why;

    digest_hex(hex, &image->manifest.digest);
    bytes_printf(ret, "%s@sha256:%s\n", image->name, hex);
    enum rc rc = registry_tag_is(
        &is_same, image->registry, reference->path, reference->tag, &image->manifest.digest, &why);
    if (rc)
        progress_note(session_progress(session), "%s was signed, but cannot be read again: %s",
            image->name, why.text);
    else if (!is_same)
        progress_note(session_progress(session),
            "%s has moved while it was signed: what was signed is sha256:%s", image->name, hex);
}

/* Sign all images of a repository, and append to ret what became of it. */
static enum rc
sign_repository(
    struct bytes *ret, const struct sign *sign, struct repository *repository, struct why *why)
{
    const struct image_args *images = &sign->images;
    closing(freep) struct edit *edits = calloc(images->n, sizeof *edits);
    closing(signing_done) struct signing signing = {0};
    size_t n = 0;

    if (!edits)
        return fail_memory(why);

    for (size_t i = 0; i < images->n; i++)
        if (images->list[i].repository == repository)
            edits[n++] = image_arg_edit(&images->list[i]);

    enum rc rc = signing_plan(&signing, sign->session, repository, edits, n, why);
    if (!rc)
        rc = session_publish_lines(
            ret, sign->session, repository, signing.roles, signing.n_roles, why);
    for (size_t i = 0; !rc && i < images->n; i++)
        if (images->list[i].repository == repository)
            report(ret, sign->session, &images->list[i]);
    return rc ? rc : bytes_check(ret, why);
}

static enum rc
print(struct bytes *lines, struct why *why)
{
    if (fwrite(lines->p, 1, lines->len, stdout) != lines->len)
        return fail(why, RC_SYSTEM, "cannot write to standard output");

    bytes_done(lines);
    return RC_OK;
}

/* In a worker. */
static enum rc
sign_one(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    const struct sign *sign = data;
    struct repository *repository = sign->images.repositories[job];

    (void)shared;
    session_tell_of(sign->session, repository);
    enum rc rc = sign_repository(&lines, sign, repository, why);
    for (size_t at = 0; !rc && at < lines.len; at += CREW_MESSAGE_MAX_BYTES)
        crew_say(voice, 0, (struct span){lines.p + at, lines.len - at});
    return rc;
}

static void
on_lines(void *data, size_t job, int kind, struct span part)
{
    const struct sign *sign = data;

    (void)kind;
    bytes_put(&sign->outcomes[job].lines, part);
}

/* In the order of the command line, whoever was faster. */
static void
on_done(void *data, size_t job, enum rc rc, const struct why *why)
{
    struct sign *sign = data;
    struct outcome *outcome = &sign->outcomes[job];

    outcome->is_over = true;
    outcome->rc = rc ? rc : bytes_check(&outcome->lines, &outcome->why);
    if (rc)
        outcome->why = *why;
    if (rc == RC_SYSTEM) /* of files and processes, which do not name it */
        outcome->rc = within(&outcome->why, rc, "%s", sign->images.repositories[job]->name);

    for (; sign->n_printed < sign->images.n_repositories; sign->n_printed++) {
        outcome = &sign->outcomes[sign->n_printed];
        if (!outcome->is_over)
            break;
        if (!outcome->rc)
            outcome->rc = print(&outcome->lines, &outcome->why);
    }
}

/* A repository that failed stops no other one. The first failure, in the order of the command line;
 * the others are notes. */
static enum rc
conclude(struct sign *sign, struct why *why)
{
    const struct outcome *first = NULL;
    size_t n_failed = 0;

    for (size_t i = 0; i < sign->images.n_repositories; i++) {
        struct outcome *outcome = &sign->outcomes[i];

        if (i >= sign->n_printed && outcome->is_over && !outcome->rc)
            outcome->rc = print(&outcome->lines, &outcome->why);
        if (!outcome->rc)
            continue;

        if (n_failed++ == 0)
            first = outcome;
        else
            progress_note(session_progress(sign->session), "%s", outcome->why.text);
    }

    if (!first)
        return RC_OK;

    return n_failed == 1 ? fail(why, first->rc, "%s", first->why.text)
                         : fail(why, first->rc, "%zu of %zu repositories failed; the first: %s",
                               n_failed, sign->images.n_repositories, first->why.text);
}

static enum rc
sign_many(struct sign *sign, struct why *why)
{
    struct signer *signer = NULL;

    sign->outcomes = calloc(sign->images.n_repositories, sizeof *sign->outcomes);
    if (!sign->outcomes)
        return fail_memory(why);

    for (size_t i = 0; i < sign->images.n_repositories; i++)
        sign->outcomes[i].lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);

    enum rc rc = session_signer(&signer, sign->session, why); /* all workers know its keys */
    if (!rc)
        rc = session_disconnect(sign->session, why);
    if (rc)
        return rc;

    interrupt_hold(); /* what is published is told, also when it ends early */
    rc = crew_run(
        &(struct crew_task){
            .n_jobs = sign->images.n_repositories,
            .n_workers = PUBLISH_WORKERS,
            .work = sign_one,
            .on_message = on_lines,
            .on_done = on_done,
            .data = sign,
        },
        why);
    enum rc failed = conclude(sign, rc ? NULL : why);
    interrupt_release();
    return rc ? rc : failed;
}

COMMAND(cmd_sign)
{
    closing(sign_done) struct sign sign = {.session = session};
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);

    enum rc rc = signing_restrict(session, why);
    if (!rc)
        rc = image_args_read(&sign.images, session, arguments, n, why);
    if (!rc)
        rc = session_check_out(session, sign.images.n_repositories, why);
    if (rc)
        return rc;

    if (sign.images.n_repositories > 1)
        return sign_many(&sign, why);

    rc = sign_repository(&lines, &sign, sign.images.repositories[0], why);
    return rc ? rc : print(&lines, why);
}
