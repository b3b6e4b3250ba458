/* SPDX-License-Identifier: Apache-2.0 */
#include "client/publish.h"

#include <inttypes.h>

#include "client/comeback.h"
#include "client/delivery.h"
#include "client/pause.h"
#include "client/receipt.h"
#include "client/server_key.h"

/*
 *  DRAFT ──▶ SIGN ──▶ POST ──▶ CHECK ──▶ done
 *    ▲        │mark     │VERSION  │slipped in, superseded without our change, broken
 *    └────────┴─────────┴─────────┘
 */
struct publisher {
    const struct publication *publication;
    struct composition composition;
    int64_t deadline_ms;
    int n_conflicts, n_missing;
};

/* One more round that brought us nothing. RC_CONFLICT: one too many. */
static enum rc
count_conflict(struct publisher *p, struct why *why)
{
    if (++p->n_conflicts > PUBLISH_CONFLICTS_MAX)
        return fail(why, RC_CONFLICT, "'%s': others published first %d times; try again",
            p->publication->repository, PUBLISH_CONFLICTS_MAX);

    return RC_OK;
}

static enum rc
ask_agent(struct publisher *p, struct batch_document *const *documents, size_t n,
    struct batch_marks *ret_marks, struct why *why)
{
    const struct publication *publication = p->publication;
    closing(json_decrefp) json_t *bases = NULL;

    enum rc rc = comeback(
        publication, p->composition.root, p->composition.steps, p->composition.n_steps, why);
    if (!rc)
        rc = composition_bases(&bases, &p->composition, n, why);
    if (rc)
        return rc;

    const struct batch batch = {
        .documents = documents,
        .n_documents = n,
        .bases = bases,
        .mode = publication->mode,
        .progress = publication->progress,
        .waits = publication->waits,
        .is_gathering = publication->gathering,
    };
    p->deadline_ms -= pause_clock_ms(); /* which stands still while others vote */
    rc = batch_sign(publication->signer, &batch, ret_marks, why);
    p->deadline_ms += pause_clock_ms();
    return rc;
}

/* Everything that still needs signatures, in one call. */
static enum rc
sign_all(struct publisher *p, struct batch_marks *ret_marks, struct why *why)
{
    closing(freep) struct batch_document **documents =
        calloc(p->composition.n_steps + 1, sizeof *documents);
    size_t n = 0, n_asked = 0;
    enum rc rc = RC_OK;

    if (!documents)
        return fail_memory(why);

    composition_list_unsigned(documents, &n, &p->composition);
    if (p->publication->gathering)
        rc = gathering_sort(documents, n, &n_asked, p->publication->signer, why);
    else
        n_asked = n;
    if (!rc && n_asked > 0)
        rc = ask_agent(p, documents, n_asked, ret_marks, why);
    if (rc || n == 0)
        return rc;

    composition_signed(&p->composition);
    return RC_OK;
}

static bool
marks_moved_on(const struct publisher *p, const struct batch_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        const struct step *step = composition_find(&p->composition, marks->marks[i].role);
        const struct trust_role *role =
            step ? trust_find(p->publication->trust, step->want->role) : NULL;
        if (role && role->version > step->base_version)
            return true;
    }

    return false;
}

/* Somebody else got the version that we wanted and is about to publish it. Who never does so must
 * not stop us. */
static enum rc
await_marks(struct publisher *p, const struct batch_marks *marks, struct why *why)
{
    bool are_published = false;

    enum rc rc = batch_marks_await(
        &are_published, p->publication->trust, marks, p->publication->progress, why);
    if (rc || are_published || marks_moved_on(p, marks))
        return rc;

    return count_conflict(p, why);
}

/* HTTP 400 VERSION. */
static enum rc
on_conflict(struct publisher *p, struct why *why)
{
    if (composition_is_first(&p->composition)) {
        /* Somebody resumed the same root and was faster: the repository is the one we wanted. */
        if (!delivery_has_root(&p->composition))
            return fail(why, RC_CONFLICT, "'%s' exists already", p->publication->repository);

        for (size_t i = 0; i < p->composition.n_steps; i++)
            p->composition.steps[i].is_due = p->composition.steps[i].want->is_renewed;
        enum rc rc = root_step_posted(p->composition.root, why);
        return rc ? rc : trust_update(p->publication->trust, why);
    }

    progress_note(p->publication->progress, "%s", why->text);
    enum rc rc = count_conflict(p, why);
    if (rc)
        return rc;

    pause_about(pause_backoff_ms(p->n_conflicts, BACKOFF_MAX_MS));
    return trust_update(p->publication->trust, why);
}

/* A root was released already. One that does not follow the published one may be published by now.
 */
static enum rc
on_released_root(struct publisher *p, const struct batch_mark *mark, struct why *why)
{
    enum rc rc = root_step_resume(p->composition.root, mark, why);

    return rc == RC_CONFLICT && !composition_is_first(&p->composition) ? on_conflict(p, why) : rc;
}

/* The agent has released other bytes under a version that we wanted. */
static enum rc
on_rollback(struct publisher *p, const struct batch_marks *marks, struct why *why)
{
    bool is_about_root = false;
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < marks->n; i++) {
        const struct batch_mark *mark = &marks->marks[i];
        struct step *step = composition_find(&p->composition, mark->role);

        progress_note(p->publication->progress, "%s: the agent has released version %" PRId64,
            mark->role, mark->version);
        if (step ? step_is_prepared(step) : p->publication->prepared_root != NULL)
            return batch_mark_fail(mark, why);
        if (p->composition.root && !strcmp(mark->role, "root")) {
            is_about_root = true;
            rc = count_conflict(p, why);
            if (!rc)
                rc = on_released_root(p, mark, why);
        } else if (step && mark->version > step->floor) {
            step->floor = mark->version;
        }
    }
    if (rc)
        return rc;

    return is_about_root || composition_is_first(&p->composition) ? RC_OK
                                                                  : await_marks(p, marks, why);
}

/*
 * The agent knows a newer version than the one that we got: others have published meanwhile, or are
 * about to. Where the server lists a file that it has lost, the agent may still have it.
 */
static enum rc
on_stale(struct publisher *p, const struct batch_marks *seen, struct why *why)
{
    const struct batch_mark *mark = &seen->marks[0];
    enum rc rc = RC_OK;

    if (mark->file.len > 0)
        rc = trust_offer(p->publication->trust, bytes_span(&mark->file), why);
    if (!rc)
        rc = on_conflict(p, why);
    return rc == RC_CONFLICT
               ? fail(why, rc,
                     "the agent knows version %" PRId64 " of '%s' in '%s', which nobody publishes: "
                     "it was released to somebody who keeps it, or %s was put back from a backup, "
                     "or shows old files; whoever runs it must look into it",
                     mark->version, mark->role, mark->repository, repo_url(p->publication->repo))
               : rc;
}

/* Servers behind one name may need a moment for each other; one that lies has no end. */
static enum rc
count_missing(struct publisher *p, struct why *why)
{
    if (++p->n_missing == POSTS_MAX)
        return fail(why, RC_NETWORK,
            "%s: it said %d times that it has taken the publication of '%s', and does not have it; "
            "whoever runs it must look into it",
            repo_url(p->publication->repo), POSTS_MAX, p->publication->repository);

    pause_about(pause_backoff_ms(2 * p->n_missing + 1, BACKOFF_MAX_MS));
    return RC_OK;
}

/* After a post that the server says it has taken. */
static enum rc
check(struct publisher *p, enum receipt *ret, struct why *why)
{
    bool is_about_root = composition_has_root(&p->composition);

    if (!delivery_has_root(&p->composition)) {
        *ret = RECEIPT_MISSING;
        return RC_OK;
    }

    enum rc rc = is_about_root ? root_step_posted(p->composition.root, why) : RC_OK;
    if (!rc)
        rc = receipt_check(ret, p->publication, p->composition.steps, p->composition.n_steps, why);
    if (!rc && *ret == RECEIPT_GOOD && is_about_root)
        *ret = RECEIPT_AGAIN; /* a root of an earlier run may not be all that is wanted */
    return rc;
}

static enum rc
post_and_check(struct publisher *p, bool *ret_is_done, struct why *why)
{
    enum receipt receipt = RECEIPT_GOOD;

    enum rc rc = delivery_post(&p->composition, why);
    if (rc == RC_CONFLICT)
        return on_conflict(p, why);
    if (rc == RC_NETWORK)
        return composition_has_root(&p->composition)
                   ? rc
                   : server_key_explain(p->publication->trust, why);
    if (!rc)
        rc = check(p, &receipt, why);
    if (!rc && receipt == RECEIPT_BROKEN)
        rc = count_conflict(p, why);
    if (!rc && receipt == RECEIPT_MISSING)
        rc = count_missing(p, why);
    if (rc)
        return rc;

    *ret_is_done = receipt == RECEIPT_GOOD;
    return RC_OK;
}

/* Everything is signed by those who are here: it goes on to the others, or is published. */
static enum rc
gather(struct publisher *p, bool *ret_is_to_post, struct why *why)
{
    const struct publication *publication = p->publication;
    struct gathering *gathering = publication->gathering;

    enum rc rc =
        gathering_begin(gathering, publication->repository, p->composition.n_steps + 1, why);
    if (!rc && composition_has_root(&p->composition))
        rc = root_step_gather(p->composition.root, gathering, why);
    for (size_t i = 0; !rc && i < p->composition.n_steps; i++) {
        const struct step *step = &p->composition.steps[i];
        gathering->is_merge = gathering->is_merge || step->published > 0;
        if (step->version > 0)
            rc = gathering_take(gathering, &step->signature, bytes_span(&step->base),
                step->base_version, publication->signer, why);
    }
    if (rc)
        return rc;

    *ret_is_to_post = gathering->is_met && gathering->is_published_when_met;
    if (*ret_is_to_post)
        gathering_done(gathering);
    return RC_OK;
}

/* Once through the diagram above. */
static enum rc
go_round(struct publisher *p, bool *ret_is_done, struct why *why)
{
    closing(batch_marks_done) struct batch_marks marks = {0};
    bool is_to_post = true;
    size_t n_due = 0;

    enum rc rc = composition_draft(&p->composition, &n_due, why);
    if (!rc && n_due == 0)
        *ret_is_done = true;
    if (rc || n_due == 0)
        return rc;

    rc = sign_all(p, &marks, why);
    if (rc == RC_ROLLBACK)
        return on_rollback(p, &marks, why);
    if (rc == RC_STALE)
        return on_stale(p, &marks, why);

    if (!rc && p->publication->gathering)
        rc = gather(p, &is_to_post, why);
    *ret_is_done = !is_to_post;
    return rc || !is_to_post ? rc : post_and_check(p, ret_is_done, why);
}

static void
publisher_done(struct publisher *p)
{
    composition_done(&p->composition);
}

enum rc
publish(struct publish_result *ret, const struct publication *publication, struct why *why)
{
    closing(publisher_done) struct publisher p = {
        .publication = publication, .deadline_ms = pause_clock_ms() + PUBLISH_DEADLINE_S * 1000};
    bool is_done = false;

    enum rc rc = composition_init(&p.composition, publication, why);
    while (!rc && !is_done) {
        rc = go_round(&p, &is_done, why);
        if (!rc && !is_done && pause_clock_ms() > p.deadline_ms)
            rc = fail(why, RC_CONFLICT, "'%s': not published within %d s, as others publish too",
                publication->repository, PUBLISH_DEADLINE_S);
    }

    if (!rc && publication->gathering && publication->gathering->cosignature) {
        *ret = publication->gathering->result;
        publication->gathering->result = (struct publish_result){0};
        return RC_OK;
    }

    return rc ? rc : composition_report(ret, &p.composition, why);
}
