/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/image_arg.h"
#include "client/inquiry.h"
#include "client/selection.h"
#include "client/table.h"
#include "client/verdict.h"

/* The documents that sign would make, one for each role. */
struct question {
    struct image_arg image;
    struct selection selection;
    struct edit edit;
    struct publish_role *roles;
    struct publication publication;
    struct inquiry inquiry; /* it does not move */
};

static void
question_done(struct question *q)
{
    inquiry_done(&q->inquiry);
    free(q->roles);
    selection_done(&q->selection);
    image_arg_done(&q->image);
}

/* Those in which sign would sign; where that is none, or somebody else is meant, all in which it
 * might. */
static enum rc
choose_roles(struct question *q, struct session *session, struct why *why)
{
    enum rc rc = RC_DENIED;

    if (!options_has(session_options(session), OPTION_AS))
        rc = selection_for_target(&q->selection, session, q->image.repository, q->edit.name, why);
    if (rc == RC_DENIED)
        rc = selection_for_anybody(&q->selection, session, q->image.repository, q->edit.name, why);
    return rc;
}

/* A tag that is signed already is asked for all the same. */
static enum rc
prepare(struct question *q, struct session *session, struct why *why)
{
    q->roles = calloc(q->selection.n_roles, sizeof *q->roles);
    if (!q->roles)
        return fail_memory(why);

    for (size_t i = 0; i < q->selection.n_roles; i++)
        q->roles[i] = (struct publish_role){
            .role = q->selection.roles[i], .edits = &q->edit, .n_edits = 1, .is_renewed = true};

    enum rc rc = session_publication(
        &q->publication, session, q->image.repository, q->roles, q->selection.n_roles, why);
    return rc ? rc : inquiry_init(&q->inquiry, &q->publication, why);
}

/* Every key of the agent that is for that role, as far as the caller may know. */
static enum rc
suppose_keys(struct step *step, const struct signer *signer, struct why *why)
{
    const struct batch_document *document = &step->signature;

    step->listed = calloc(signer_n_keys(signer) + 1, sizeof(struct pubkey *));
    if (!step->listed)
        return fail_memory(why);

    for (size_t i = 0; i < signer_n_keys(signer); i++) {
        const struct signer_key *key = signer_key_at(signer, i);
        if (signer_public(key) && signer_is_for(key, document->repository, document->role))
            step->listed[step->signature.n_listed++] = signer_public(key);
    }

    return step->signature.n_listed > 0
               ? RC_OK
               : fail(why, RC_DENIED,
                     "the agent shows you no key for %s of '%s'; ask an administrator of it for a "
                     "grant",
                     document->role, document->repository);
}

/* The first document of a role whose repository nobody has made yet. */
static enum rc
suppose(struct step *step, const struct question *q, struct why *why)
{
    const struct publication *publication = &q->publication;
    struct draft draft = {.edits = &q->edit, .n_edits = 1, .version = 1};

    enum rc rc = suppose_keys(step, publication->signer, why);
    if (rc)
        return rc;

    step->version = draft.version;
    step->signature.listed = step->listed;
    step->signature.threshold = 1;
    draft.expires_at =
        publication->now + signer_validity_s(publication->signer, publication->repository,
                               step->want->role, step->listed, step->signature.n_listed,
                               TARGETS_VALIDITY_S);
    rc = draft_targets(&step->message, &draft, why);
    step->signature.message = bytes_span(&step->message);
    return rc;
}

static enum rc
compose_new(struct question *q, struct session *session, struct why *why)
{
    progress_note(session_progress(session),
        "%s; this is about its first documents, as if they listed all keys that are for them",
        why->text);
    enum rc rc = selection_for_new(&q->selection, session, why);
    if (!rc)
        rc = prepare(q, session, why);
    for (size_t i = 0; !rc && i < q->inquiry.n_steps; i++)
        rc = suppose(&q->inquiry.steps[i], q, why);
    return rc;
}

static enum rc
compose(struct question *q, struct session *session, const char *argument, struct why *why)
{
    enum rc rc = image_arg_read(&q->image, session, argument, why);
    if (rc)
        return rc;

    q->edit = image_arg_edit(&q->image);
    rc = session_update_existing(session, q->image.repository, why);
    if (rc == RC_NOT_FOUND)
        return compose_new(q, session, why);
    if (!rc)
        rc = choose_roles(q, session, why);
    if (!rc)
        rc = prepare(q, session, why);
    return rc ? rc : inquiry_draft(&q->inquiry, why);
}

static enum rc
print_checks(const json_t *checks, struct why *why)
{
    json_t *check;
    size_t i;

    json_array_foreach(checks, i, check) {
        struct verdict_check one;

        enum rc rc = verdict_check_read(&one, check, why);
        if (rc)
            return rc;

        printf("  %-3s  %s", one.holds ? "yes" : "no", one.rule);
        if (*one.want || *one.have)
            printf(": want %s, have %s", one.want, one.have);
        putchar('\n');
    }

    return RC_OK;
}

/* What it would change, as the agent sees it. */
static void
print_difference(const json_t *difference)
{
    for (size_t i = 0; i < json_array_size(difference); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

        intent_put_change(&text, json_array_get(difference, i));
        printf("  changes  %s\n", bytes_text(&text));
    }
}

static enum rc
print_verdict(const struct step *step, const struct verdict *verdict, struct why *why)
{
    printf("%s, version %" PRId64 ": ", step->want->role, step->version);
    if (verdict->is_allowed)
        printf("allowed by grant '%s'\n", verdict->grant ? verdict->grant : "");
    else if (verdict_is_good(verdict))
        puts("allowed, past a version that was released to somebody and is not published");
    else if (verdict_is_because(verdict, "approvals"))
        printf("needs approval, under grant '%s'\n", verdict->grant ? verdict->grant : "");
    else
        printf("refused (%s)\n", verdict->reason ? verdict->reason : "");

    print_difference(verdict->difference);
    enum rc rc = print_checks(verdict->checks, why);
    if (rc || verdict_is_good(verdict))
        return rc;

    if (verdict->grant)
        printf("  closest grant: %s\n", verdict->grant);
    printf("  remedy: %s\n", verdict->remedy);
    return RC_OK;
}

/* The agent's verdicts, each with the role and version it is about. */
static enum rc
print_json(const struct question *q, const json_t *answers, struct why *why)
{
    json_auto_t *all = json_array();

    for (size_t i = 0; i < q->inquiry.n_asked; i++) {
        const struct step *step = q->inquiry.asked[i];
        json_t *one = json_pack("{s:s,s:s,s:I}", "repository", q->publication.repository, "role",
            step->want->role, "version", (json_int_t)step->version);
        if (json_array_append_new(all, one) < 0 ||
            json_object_update(one, json_array_get(answers, i)) < 0)
            return fail_memory(why);
    }

    return table_print_json(all, why);
}

/* The exit status is the one that sign would end with. */
static enum rc
conclude(const struct question *q, const struct verdict *verdicts, struct why *why)
{
    size_t n = q->inquiry.n_asked, n_refused = 0, n_away = 0;

    for (size_t i = 0; i < n; i++) {
        n_refused += !verdict_is_good(&verdicts[i]);
        n_away += verdict_is_because(&verdicts[i], "token-unavailable");
    }

    if (n_refused == 0)
        return RC_OK;

    return fail(why, n_away == n_refused ? RC_TOKEN : RC_DENIED,
        "'%s' would not be signed in %zu of %zu roles", q->image.name, n_refused, n);
}

static enum rc
print(const struct question *q, struct session *session, const json_t *answers, struct why *why)
{
    closing(freep) struct verdict *verdicts = calloc(q->inquiry.n_asked + 1, sizeof *verdicts);
    bool is_json = options_has(session_options(session), OPTION_JSON);

    if (!verdicts)
        return fail_memory(why);

    enum rc rc = is_json ? print_json(q, answers, why) : RC_OK;
    for (size_t i = 0; !rc && i < q->inquiry.n_asked; i++) {
        rc = verdict_read(&verdicts[i], json_array_get(answers, i), why);
        if (!rc && !is_json)
            rc = print_verdict(q->inquiry.asked[i], &verdicts[i], why);
    }

    return rc ? rc : conclude(q, verdicts, why);
}

COMMAND(cmd_explain_sign)
{
    closing(question_done) struct question q = {.roles = NULL};
    closing(json_decrefp) json_t *answers = NULL;

    (void)n;
    enum rc rc = compose(&q, session, arguments[0], why);
    if (!rc)
        rc = inquiry_ask(&answers, &q.inquiry, session_options(session)->values[OPTION_AS], why);
    return rc ? rc : print(&q, session, answers, why);
}
