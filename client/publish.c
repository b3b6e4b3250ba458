/* SPDX-License-Identifier: Apache-2.0 */
#include "client/publish.h"

#include <inttypes.h>

#include "client/comeback.h"
#include "client/pause.h"
#include "client/receipt.h"
#include "client/server_key.h"

#define MARK_WAIT_MS   3000 /* for a version that was released to somebody to be published */
#define POLL_MAX_MS    250  /* between two looks whether it is */
#define BACKOFF_MAX_MS 2000 /* between two posts */
#define POSTS_MAX      3    /* of the same bytes, where the network fails */

/*
 *  DRAFT ──▶ SIGN ──▶ POST ──▶ CHECK ──▶ done
 *    ▲        │mark     │VERSION  │slipped in, superseded without our change, broken
 *    └────────┴─────────┴─────────┘
 */
struct publisher {
    const struct publication *publication;
    struct founding *founding; /* the root of a new repository; else NULL */
    bool is_founding;          /* it is still to be published */
    struct step *steps;        /* parents before children */
    size_t n_steps;
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
draft_all(struct publisher *p, size_t *ret_n_due, struct why *why)
{
    const struct step_scene scene = {
        p->publication, p->is_founding ? founding_root(p->founding) : NULL, p->steps, p->n_steps};

    *ret_n_due = p->is_founding ? 1 : 0;
    for (size_t i = 0; i < p->n_steps; i++) {
        enum rc rc = step_draft(&p->steps[i], &scene, why);
        if (rc)
            return rc;

        if (p->steps[i].version > 0)
            ++*ret_n_due;
    }

    return RC_OK;
}

/* Everything that still needs signatures, in one call. */
static enum rc
sign_all(struct publisher *p, struct batch_marks *ret_marks, struct why *why)
{
    closing(freep) struct batch_document **documents = calloc(p->n_steps + 1, sizeof *documents);
    closing(json_decrefp) json_t *bases = NULL;
    size_t n = 0;

    if (!documents)
        return fail_memory(why);

    if (p->is_founding && founding_document(p->founding))
        documents[n++] = founding_document(p->founding);
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].version > 0 && !p->steps[i].is_signed)
            documents[n++] = &p->steps[i].signature;
    if (n == 0)
        return RC_OK;

    enum rc rc =
        comeback(p->publication, p->is_founding ? p->founding : NULL, p->steps, p->n_steps, why);
    if (!rc)
        rc = step_bases(&bases, p->publication, p->steps, p->n_steps, n, why);
    if (rc)
        return rc;

    const struct batch batch = {
        documents, n, bases, p->publication->mode, p->publication->progress, p->publication->waits};
    p->deadline_ms -= pause_clock_ms(); /* which stands still while others vote */
    rc = batch_sign(p->publication->signer, &batch, ret_marks, why);
    p->deadline_ms += pause_clock_ms();
    if (rc)
        return rc;

    if (p->is_founding)
        founding_signed(p->founding);
    for (size_t i = 0; i < p->n_steps; i++)
        p->steps[i].is_signed = p->steps[i].version > 0;
    return RC_OK;
}

static struct step *
find_step(const struct publisher *p, const char *role)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (!strcmp(p->steps[i].want->role, role))
            return &p->steps[i];

    return NULL;
}

static int64_t
published_version(const struct publisher *p, const char *role)
{
    const struct trust_role *published = trust_find(p->publication->trust, role);

    return published ? published->version : 0;
}

/* All versions that were released to others are published, or overtaken. */
static bool
marks_are_published(const struct publisher *p, const struct batch_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++)
        if (published_version(p, marks->marks[i].role) < marks->marks[i].version)
            return false;

    return true;
}

static bool
marks_moved_on(const struct publisher *p, const struct batch_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        const struct step *step = find_step(p, marks->marks[i].role);
        if (step && published_version(p, step->want->role) > step->base_version)
            return true;
    }

    return false;
}

/*
 * Somebody else got the version that we wanted and is about to publish it: wait, as what he changes
 * belongs below our change. Who never does so must not stop us: go on after MARK_WAIT_MS.
 */
static enum rc
await_marks(struct publisher *p, const struct batch_marks *marks, struct why *why)
{
    int64_t until_ms = pause_clock_ms() + MARK_WAIT_MS;

    for (int n = 0; pause_clock_ms() < until_ms; n++) {
        enum rc rc = trust_update(p->publication->trust, why);
        if (rc)
            return rc;

        if (marks_are_published(p, marks))
            return RC_OK;

        pause_about(pause_backoff_ms(n, POLL_MAX_MS));
    }

    progress_note(p->publication->progress,
        "%s: version %" PRId64 " was released to somebody who does not publish it: going past it",
        marks->marks[0].role, marks->marks[0].version);
    return marks_moved_on(p, marks) ? RC_OK : count_conflict(p, why);
}

/* The agent has released other bytes under a version that we wanted. */
static enum rc
on_rollback(struct publisher *p, const struct batch_marks *marks, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < marks->n; i++) {
        const struct batch_mark *mark = &marks->marks[i];
        struct step *step = find_step(p, mark->role);

        progress_note(p->publication->progress, "%s: the agent has released version %" PRId64,
            mark->role, mark->version);
        if (p->is_founding && !strcmp(mark->role, "root"))
            rc = founding_resume(p->founding, mark, why);
        else if (step && mark->version > step->floor)
            step->floor = mark->version;
    }
    if (rc)
        return rc;

    return p->is_founding ? RC_OK : await_marks(p, marks, why);
}

/* What is to be posted; *ret_n of them. ret has room for all steps and a root. */
static void
list_uploads(struct repo_upload *ret, size_t *ret_n, const struct publisher *p)
{
    size_t n = 0;

    if (p->is_founding)
        ret[n++] = (struct repo_upload){"root", founding_file(p->founding)};
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].version > 0)
            ret[n++] = (struct repo_upload){
                p->steps[i].want->role, bytes_span(&p->steps[i].signature.file)};

    *ret_n = n;
}

/* Whether the server has file under that version of role. */
static bool
is_posted(const struct publisher *p, const char *role, int64_t version, struct span file)
{
    closing(bytes_done) struct bytes found = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(freep) char *name = NULL;

    return asprintf(&name, "%" PRId64 ".%s", version, role) >= 0 &&
           !repo_get(&found, p->publication->repo, name, DOCUMENT_MAX_BYTES, NULL) &&
           span_eq(bytes_span(&found), file);
}

/* Whether the server has all that was posted. */
static bool
are_posted(const struct publisher *p)
{
    if (p->is_founding && !is_posted(p, "root", 1, founding_file(p->founding)))
        return false;

    for (size_t i = 0; i < p->n_steps; i++) {
        const struct step *step = &p->steps[i];
        if (step->version > 0 &&
            !is_posted(p, step->want->role, step->version, bytes_span(&step->signature.file)))
            return false;
    }

    return true;
}

/*
 * Post all at once. Where no answer comes nobody knows whether it arrived: look, and send the same
 * bytes again. libcurl may have sent them twice on its own, so a conflict may be with ourselves.
 */
static enum rc
post_all(struct publisher *p, struct why *why)
{
    closing(freep) struct repo_upload *uploads = calloc(p->n_steps + 1, sizeof *uploads);
    size_t n = 0;

    if (!uploads)
        return fail_memory(why);

    list_uploads(uploads, &n, p);
    for (int i = 0;; i++) {
        enum rc rc = repo_publish(p->publication->repo, uploads, n, why);
        if ((rc == RC_TIMEOUT || rc == RC_CONFLICT) && are_posted(p))
            return RC_OK;
        if (rc != RC_TIMEOUT)
            return rc;
        if (i + 1 == POSTS_MAX)
            return RC_NETWORK;

        progress_note(p->publication->progress, "publication: no answer: %s", why->text);
        pause_about(pause_backoff_ms(2 * i + 3, BACKOFF_MAX_MS));
    }
}

/* The new repository has the root that we made, or resumed. What is left is as for any other. */
static enum rc
found(struct publisher *p, struct why *why)
{
    p->is_founding = false;
    return trust_adopt(p->publication->trust, founding_file(p->founding), why);
}

/* HTTP 400 VERSION. */
static enum rc
on_conflict(struct publisher *p, struct why *why)
{
    if (p->is_founding) {
        /* Somebody resumed the same root and was faster: the repository is the one we wanted. */
        if (!is_posted(p, "root", 1, founding_file(p->founding)))
            return fail(why, RC_CONFLICT, "'%s' exists already", p->publication->repository);

        for (size_t i = 0; i < p->n_steps; i++)
            p->steps[i].is_due = p->steps[i].want->is_renewed;
        enum rc rc = found(p, why);
        return rc ? rc : trust_update(p->publication->trust, why);
    }

    progress_note(p->publication->progress, "%s", why->text);
    enum rc rc = count_conflict(p, why);
    if (rc)
        return rc;

    pause_about(pause_backoff_ms(p->n_conflicts, BACKOFF_MAX_MS));
    return trust_update(p->publication->trust, why);
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

static enum rc
post_and_check(struct publisher *p, bool *ret_is_done, struct why *why)
{
    enum receipt receipt = RECEIPT_GOOD;

    enum rc rc = post_all(p, why);
    if (rc == RC_CONFLICT)
        return on_conflict(p, why);
    if (rc == RC_NETWORK)
        return p->is_founding ? rc : server_key_explain(p->publication->trust, why);
    if (!rc && p->is_founding && !is_posted(p, "root", 1, founding_file(p->founding)))
        return count_missing(p, why);
    if (!rc && p->is_founding)
        rc = found(p, why);
    if (!rc)
        rc = receipt_check(&receipt, p->publication, p->steps, p->n_steps, why);
    if (!rc && receipt == RECEIPT_BROKEN)
        rc = count_conflict(p, why);
    if (!rc && receipt == RECEIPT_MISSING)
        rc = count_missing(p, why);
    if (rc)
        return rc;

    *ret_is_done = receipt == RECEIPT_GOOD;
    return RC_OK;
}

/* Once through the diagram above. */
static enum rc
go_round(struct publisher *p, bool *ret_is_done, struct why *why)
{
    closing(batch_marks_done) struct batch_marks marks = {0};
    size_t n_due = 0;

    enum rc rc = draft_all(p, &n_due, why);
    if (!rc && n_due == 0)
        *ret_is_done = true;
    if (rc || n_due == 0)
        return rc;

    rc = sign_all(p, &marks, why);
    if (rc == RC_ROLLBACK)
        return on_rollback(p, &marks, why);
    if (rc == RC_STALE)
        return on_stale(p, &marks, why);

    return rc ? rc : post_and_check(p, ret_is_done, why);
}

static void
publisher_done(struct publisher *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        step_done(&p->steps[i]);
    free(p->steps);
    founding_free(p->founding);
}

/* Parents come before children, as the names of children are longer. */
static int
step_cmp(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    return strcmp(x->want->role, y->want->role);
}

static enum rc
publisher_init(struct publisher *p, const struct publication *publication, struct why *why)
{
    p->publication = publication;
    p->deadline_ms = pause_clock_ms() + PUBLISH_DEADLINE_S * 1000;
    p->steps = calloc(publication->n_roles + 1, sizeof *p->steps);
    if (!p->steps)
        return fail_memory(why);

    for (; p->n_steps < publication->n_roles; p->n_steps++)
        step_init(&p->steps[p->n_steps], publication, p->n_steps);
    qsort(p->steps, p->n_steps, sizeof *p->steps, step_cmp);

    if (!publication->root_keys)
        return RC_OK;

    p->is_founding = true;
    return founding_new(&p->founding, publication, why);
}

static enum rc
make_result(struct publish_result *ret, const struct publisher *p, struct why *why)
{
    closing(publish_result_done) struct publish_result result = {0};
    enum rc rc = RC_OK;

    result.roles = calloc(p->n_steps + 1, sizeof *result.roles);
    if (!result.roles)
        return fail_memory(why);

    if (p->founding)
        rc = publish_result_add(
            &result, "root", 1, founding_signed_by(p->founding), founding_left_out(p->founding));
    for (size_t i = 0; !rc && i < p->publication->n_roles; i++) {
        const struct step *step = find_step(p, p->publication->roles[i].role);
        rc = publish_result_add(&result, step->want->role, step->published,
            bytes_text(&step->signature.signed_by), bytes_text(&step->signature.left_out));
    }
    if (rc)
        return fail_memory(why);

    *ret = result;
    result = (struct publish_result){0};
    return RC_OK;
}

enum rc
publish(struct publish_result *ret, const struct publication *publication, struct why *why)
{
    closing(publisher_done) struct publisher p = {0};
    bool is_done = false;

    enum rc rc = publisher_init(&p, publication, why);
    while (!rc && !is_done) {
        rc = go_round(&p, &is_done, why);
        if (!rc && !is_done && pause_clock_ms() > p.deadline_ms)
            rc = fail(why, RC_CONFLICT, "'%s': not published within %d s, as others publish too",
                publication->repository, PUBLISH_DEADLINE_S);
    }

    return rc ? rc : make_result(ret, &p, why);
}
