/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/image_arg.h"
#include "client/selection.h"
#include "client/step.h"
#include "client/table.h"

/* The documents that sign would make, one for each role. */
struct question {
    struct image_arg image;
    struct selection selection;
    struct edit edit;
    struct publish_role *roles;
    struct publication publication;
    struct step *steps; /* they do not move */
    size_t n;
    struct batch_document **documents;
    json_t *bases;
};

static void
question_done(struct question *q)
{
    for (size_t i = 0; i < q->n; i++)
        step_done(&q->steps[i]);
    free(q->steps);
    json_decref(q->bases);
    free(q->documents);
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

static enum rc
allocate(struct question *q, struct why *why)
{
    size_t n = q->selection.n_roles;

    q->roles = calloc(n, sizeof *q->roles);
    q->steps = calloc(n, sizeof *q->steps);
    q->documents = calloc(n, sizeof(struct batch_document *));
    return q->roles && q->steps && q->documents ? RC_OK : fail_memory(why);
}

/* What all documents have in common. */
static enum rc
prepare(struct question *q, struct session *session, struct why *why)
{
    q->publication = (struct publication){
        .trust = q->image.repository->trust,
        .repo = q->image.repository->repo,
        .repository = q->image.repository->name,
        .roles = q->roles,
        .n_roles = q->selection.n_roles,
        .now = session_now(session),
        .progress = session_progress(session),
    };
    for (size_t i = 0; i < q->selection.n_roles; i++) {
        q->roles[i] = (struct publish_role){
            .role = q->selection.roles[i], .edits = &q->edit, .n_edits = 1, .is_renewed = true};
        step_init(&q->steps[i], &q->publication, i);
        q->documents[i] = &q->steps[i].signature;
        q->n++;
    }

    return session_signer(&q->publication.signer, session, why);
}

/* As publish() makes them; a tag that is signed already is asked for all the same. */
static enum rc
draft_all(struct question *q, struct why *why)
{
    struct step_scene scene = {.publication = &q->publication, .steps = q->steps};
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < q->n; i++)
        rc = step_draft(&q->steps[i], &scene, why);
    return rc ? rc : step_bases(&q->bases, &q->publication, q->steps, q->n, q->n, why);
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
        rc = allocate(q, why);
    if (!rc)
        rc = prepare(q, session, why);
    for (size_t i = 0; !rc && i < q->n; i++)
        rc = suppose(&q->steps[i], q, why);
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
        rc = allocate(q, why);
    if (!rc)
        rc = prepare(q, session, why);
    return rc ? rc : draft_all(q, why);
}

/* A verdict of the agent. */
struct answer {
    bool is_allowed;
    const char *grant, *reason, *remedy;
    const json_t *checks, *difference;
};

static enum rc
read_answer(struct answer *ret, const json_t *verdict, struct why *why)
{
    struct answer answer = {.grant = NULL};
    struct members m;

    members_open(&m, verdict, "verdict");
    members_bool_maybe(&m, "allowed", &answer.is_allowed);
    members_text_maybe(&m, "grant", &answer.grant);
    members_text_maybe(&m, "reason", &answer.reason);
    members_text(&m, "remedy", &answer.remedy);
    members_array(&m, "checks", SIZE_MAX, &answer.checks);
    members_array_maybe(&m, "difference", SIZE_MAX, &answer.difference);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        *ret = answer;
    return rc;
}

static bool
is_because(const struct answer *answer, const char *reason)
{
    return answer->reason && !strcmp(answer->reason, reason);
}

/* sign goes past versions that were released and never published. */
static bool
is_allowed(const struct answer *answer)
{
    return answer->is_allowed || is_because(answer, "rollback");
}

static enum rc
print_checks(const json_t *checks, struct why *why)
{
    json_t *check;
    size_t i;

    json_array_foreach(checks, i, check) {
        const char *rule = "", *want = "", *have = "";
        bool holds = false;
        struct members m;

        members_open(&m, check, "check");
        members_text(&m, "rule", &rule);
        members_bool_maybe(&m, "holds", &holds);
        members_text(&m, "want", &want);
        members_text(&m, "have", &have);
        enum rc rc = members_close_tolerant(&m, why);
        if (rc)
            return rc;

        printf("  %-3s  %s", holds ? "yes" : "no", rule);
        if (*want || *have)
            printf(": want %s, have %s", want, have);
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
print_answer(const struct step *step, const struct answer *answer, struct why *why)
{
    printf("%s, version %" PRId64 ": ", step->want->role, step->version);
    if (answer->is_allowed)
        printf("allowed by grant '%s'\n", answer->grant ? answer->grant : "");
    else if (is_allowed(answer))
        puts("allowed, past a version that was released to somebody and is not published");
    else if (is_because(answer, "approvals"))
        printf("needs approval, under grant '%s'\n", answer->grant ? answer->grant : "");
    else
        printf("refused (%s)\n", answer->reason ? answer->reason : "");

    print_difference(answer->difference);
    enum rc rc = print_checks(answer->checks, why);
    if (rc || is_allowed(answer))
        return rc;

    if (answer->grant)
        printf("  closest grant: %s\n", answer->grant);
    printf("  remedy: %s\n", answer->remedy);
    return RC_OK;
}

/* The agent's verdicts, each with the role and version it is about. */
static enum rc
print_json(const struct question *q, const json_t *verdicts, struct why *why)
{
    json_auto_t *all = json_array();

    for (size_t i = 0; i < q->n; i++) {
        json_t *one = json_pack("{s:s,s:s,s:I}", "repository", q->publication.repository, "role",
            q->steps[i].want->role, "version", (json_int_t)q->steps[i].version);
        if (json_array_append_new(all, one) < 0 ||
            json_object_update(one, json_array_get(verdicts, i)) < 0)
            return fail_memory(why);
    }

    return table_print_json(all, why);
}

/* The exit status is the one that sign would end with. */
static enum rc
conclude(const struct question *q, const struct answer *answers, struct why *why)
{
    size_t n_refused = 0, n_away = 0;

    for (size_t i = 0; i < q->n; i++) {
        n_refused += !is_allowed(&answers[i]);
        n_away += is_because(&answers[i], "token-unavailable");
    }

    if (n_refused == 0)
        return RC_OK;

    return fail(why, n_away == n_refused ? RC_TOKEN : RC_DENIED,
        "'%s' would not be signed in %zu of %zu roles", q->image.name, n_refused, q->n);
}

static enum rc
print(const struct question *q, struct session *session, const json_t *verdicts, struct why *why)
{
    closing(freep) struct answer *answers = calloc(q->n, sizeof *answers);
    bool is_json = options_has(session_options(session), OPTION_JSON);

    if (!answers)
        return fail_memory(why);

    enum rc rc = is_json ? print_json(q, verdicts, why) : RC_OK;
    for (size_t i = 0; !rc && i < q->n; i++) {
        rc = read_answer(&answers[i], json_array_get(verdicts, i), why);
        if (!rc && !is_json)
            rc = print_answer(&q->steps[i], &answers[i], why);
    }

    return rc ? rc : conclude(q, answers, why);
}

COMMAND(cmd_explain_sign)
{
    closing(question_done) struct question q = {.n = 0};
    closing(json_decrefp) json_t *verdicts = NULL;

    (void)n;
    enum rc rc = compose(&q, session, arguments[0], why);
    if (!rc) {
        const struct batch batch = {.documents = q.documents, .n_documents = q.n, .bases = q.bases};
        rc = batch_explain(&verdicts, q.publication.signer, &batch,
            session_options(session)->values[OPTION_AS], why);
    }
    return rc ? rc : print(&q, session, verdicts, why);
}
