/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/cosignature_file.h"
#include "client/mending.h"
#include "client/question.h"
#include "client/review.h"
#include "client/table.h"
#include "proto/bounds.h"

/* The repository of a cosignature; one that is still to be made is not there yet. */
static enum rc
look_at_repository(struct repository **ret, struct session *session,
    const struct cosignature *cosignature,
    enum rc (*update)(struct session *, struct repository *, struct why *), struct why *why)
{
    bool has_root = cosignature_find(cosignature, "root") != NULL;

    enum rc rc = session_repository(ret, session, cosignature->repository, why);
    if (!rc && has_root)
        trust_allow_unreadable_root((*ret)->trust);
    if (!rc)
        rc = update(session, *ret, why);

    return rc == RC_NOT_FOUND && has_root ? RC_OK : rc;
}

COMMAND(cmd_cosignature_show)
{
    closing(cosignature_freep) struct cosignature *cosignature = NULL;
    closing(review_done) struct review review = {.n = 0};
    closing(bytes_done) struct bytes text = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    json_auto_t *object = NULL;
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = cosignature_file_load(&cosignature, arguments[0], why);
    if (!rc)
        rc = look_at_repository(&repository, session, cosignature, session_look, why);
    if (!rc)
        rc = review_make(&review, cosignature, repository->trust, why);
    if (!rc && options_has(session_options(session), OPTION_JSON)) {
        rc = review_format(&object, &review, cosignature, why);
        return rc ? rc : table_print_json(object, why);
    }
    if (rc)
        return rc;

    bytes_printf(&text, "%s\n", cosignature->repository);
    review_put(&text, &review, NULL);
    rc = bytes_check(&text, why);
    if (!rc)
        fputs(bytes_text(&text), stdout);
    return rc;
}

/* Whether the caller may use any key that counts for a document, whoever has signed already. */
static bool
may_sign(const struct review *review, const struct signer *signer, const char *repository)
{
    for (size_t i = 0; i < review->n; i++) {
        const struct quorum *quorum = &review->documents[i].quorum;
        const char *role = review->documents[i].document->role;
        if (signer_can_sign(signer, repository, role, quorum->listed, quorum->n_listed) ||
            signer_can_sign(signer, repository, role, quorum->former, quorum->n_former))
            return true;
    }

    return false;
}

/* What it is about, before the agent is asked. */
static enum rc
show_first(const struct review *review, const struct signer *signer, const char *repository,
    struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);

    bytes_printf(&text, "%s\n", repository);
    review_put(&text, review, signer);
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    fputs(bytes_text(&text), stdout);
    fflush(stdout);
    if (review->is_met || may_sign(review, signer, repository))
        return RC_OK;

    bytes_clear(&text);
    for (size_t i = 0; i < review->n && text.len == 0; i++)
        quorum_put_missing(&text, &review->documents[i].quorum, NULL);
    return fail(why, RC_DENIED, "the agent gives you no key that may sign it; wanted: %s",
        bytes_text(&text));
}

/* A file that comes from anybody may hold what nobody wanted. What somebody has signed who may, one
 * other at least wanted; anybody can write a root, though, that lists his own key. */
static enum rc
ask_about_unsigned(struct session *session, const struct review *review, struct why *why)
{
    for (size_t i = 0; i < review->n; i++)
        if (!review->documents[i].is_published && !quorum_has_known(&review->documents[i].quorum))
            return question_ask(session,
                "Nobody whose keys are in the repository has signed all of it yet: sign what is "
                "shown above",
                why);

    return RC_OK;
}

static enum rc
sign_and_publish(struct session *session, struct repository *repository,
    const struct review *review, const char *path, struct why *why)
{
    closing(freep) struct publish_role *roles = calloc(review->n, sizeof *roles);
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    closing(gathering_done) struct gathering gathering = {.is_published_when_met = true};
    closing(mending_done) struct mending watched = {.n_sound = 0};
    const struct cosignature_document *root = NULL;
    struct publication publication;
    size_t n = 0;

    if (!roles)
        return fail_memory(why);

    for (size_t i = 0; i < review->n; i++) {
        const struct cosignature_document *document = review->documents[i].document;
        if (document->root)
            root = document;
        else
            roles[n++] = (struct publish_role){.role = document->role,
                .is_witnessed = review->documents[i].is_on_unverified,
                .prepared = document};
    }

    enum rc rc = session_publication(&publication, session, repository, roles, n, why);
    publication.prepared_root = root;
    publication.gathering = &gathering;
    if (!rc)
        rc = mending_watch(&watched, repository->trust, why);
    if (!rc)
        rc = session_run_gathering(&lines, session, &publication, path, why);
    if (rc)
        return rc;

    fputs(bytes_text(&lines), stdout);
    mending_tell_overtaken(&watched, session, repository);
    return RC_OK;
}

COMMAND(cmd_cosignature_add)
{
    closing(cosignature_freep) struct cosignature *cosignature = NULL;
    closing(review_done) struct review review = {.n = 0};
    struct repository *repository = NULL;
    struct signer *signer = NULL;

    (void)n;
    enum rc rc = cosignature_file_load(&cosignature, arguments[0], why);
    if (!rc)
        rc = look_at_repository(&repository, session, cosignature, session_update, why);
    if (!rc)
        rc = review_make(&review, cosignature, repository->trust, why);
    if (!rc)
        rc = session_signer(&signer, session, why);
    if (!rc)
        rc = show_first(&review, signer, cosignature->repository, why);
    if (!rc)
        rc = ask_about_unsigned(session, &review, why);
    return rc || review.is_published
               ? rc
               : sign_and_publish(session, repository, &review, arguments[0], why);
}
