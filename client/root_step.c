/* SPDX-License-Identifier: Apache-2.0 */
#include "client/root_step.h"

#include <inttypes.h>

struct root_step {
    const struct publication *publication;
    const struct cosignature_document *prepared; /* what others have signed; NULL: it is drafted */
    bool is_first;                               /* the repository is still to be made */
    bool is_due;                                 /* even if what is published meets the plan */
    struct tuf_root *base;                       /* what the draft replaces; NULL: none */
    struct bytes base_message;
    struct bytes message;             /* of the draft, or of what was released */
    struct tuf_root *root;            /* the same, read; NULL: nothing is to be published */
    struct pubkey **listed, **former; /* of root and base; borrowed */
    bool is_signed, is_resumed;
    bool is_like;      /* as a draft of an earlier run was */
    bool is_done;      /* nothing is due any more, whatever is published */
    int64_t published; /* version; 0: none yet */
    struct batch_document document;
};

enum rc
root_step_new(struct root_step **ret, const struct publication *publication, struct why *why)
{
    struct root_step *step = calloc(1, sizeof *step);
    if (!step)
        return fail_memory(why);

    step->publication = publication;
    step->prepared = publication->prepared_root;
    step->is_first = step->prepared ? !trust_root(publication->trust) : publication->root->is_first;
    step->is_due = step->prepared || step->is_first || publication->root->is_renewed;
    step->base_message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    step->message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    step->document = BATCH_DOCUMENT_INIT;
    step->document.repository = publication->repository;
    step->document.role = "root";
    *ret = step;
    return RC_OK;
}

static void
forget_draft(struct root_step *step)
{
    tuf_root_free(steal(step->root));
    free(steal(step->listed));
    bytes_clear(&step->message);
    step->is_signed = step->is_resumed = step->is_like = false;
}

static void
forget_base(struct root_step *step)
{
    tuf_root_free(steal(step->base));
    free(steal(step->former));
    bytes_clear(&step->base_message);
}

void
root_step_free(struct root_step *step)
{
    if (!step)
        return;

    forget_draft(step);
    forget_base(step);
    bytes_done(&step->base_message);
    bytes_done(&step->message);
    batch_document_done(&step->document);
    free(step);
}

/* Read what is published, whose keys sign as well. Its bytes are kept: the view may move on. */
static enum rc
take_base(struct root_step *step, struct why *why)
{
    const struct tuf_file *file = trust_root_file(step->publication->trust);
    struct batch_document *document = &step->document;

    forget_base(step);
    bytes_put(&step->base_message, bytes_span(&file->message));
    enum rc rc = bytes_check(&step->base_message, why);
    if (!rc)
        rc = tuf_root_parse(&step->base, bytes_span(&step->base_message), why);
    if (!rc)
        rc = tuf_role_keys(&step->former, &document->n_former, &step->base->roles[RANK_ROOT],
            &step->base->keys, why);
    document->former = step->former;
    document->former_threshold = rc ? 0 : step->base->roles[RANK_ROOT].threshold;
    return rc;
}

/* The message is there: read it, and say who signs it. */
static enum rc
take_message(struct root_step *step, struct why *why)
{
    struct batch_document *document = &step->document;

    enum rc rc = tuf_root_parse(&step->root, bytes_span(&step->message), why);
    if (!rc)
        rc = tuf_role_keys(&step->listed, &document->n_listed, &step->root->roles[RANK_ROOT],
            &step->root->keys, why);
    if (rc)
        return within(why, rc, "root of '%s'", step->publication->repository);

    document->listed = step->listed;
    document->threshold = step->root->roles[RANK_ROOT].threshold;
    document->message = bytes_span(&step->message);
    return RC_OK;
}

static enum rc
write_draft(
    struct root_step *step, const struct root_plan *plan, int64_t expires_at, struct why *why)
{
    forget_draft(step);
    enum rc rc = root_plan_format(&step->message, plan, step->base, expires_at, why);
    if (rc)
        return within(why, rc, "root of '%s'", step->publication->repository);

    return take_message(step, why);
}

/* Keys of an earlier draft, in place of planned ones; borrowed. */
struct likeness {
    struct pubkey *of_server[RANK_DELEGATION];
    struct pubkey **root;
};

static void
likeness_done(struct likeness *likeness)
{
    free(likeness->root);
}

/* The same root keys, with the certificates that they had then. */
static enum rc
liken_root(struct likeness *likeness, struct root_plan_role *planned, const struct tuf_root *like,
    struct why *why)
{
    const struct tuf_role *role = &like->roles[RANK_ROOT];

    likeness->root = calloc(planned->n_keys + 1, sizeof(struct pubkey *));
    if (!likeness->root)
        return fail_memory(why);

    for (size_t i = 0; i < planned->n_keys; i++) {
        likeness->root[i] = planned->keys[i];
        for (size_t k = 0; k < role->n_keyids; k++) {
            struct pubkey *key = tuf_keys_find(&like->keys, &role->keyids[k]);
            if (key && keyid_eq(pubkey_canonical_id(key), pubkey_canonical_id(planned->keys[i])))
                likeness->root[i] = key;
        }
    }

    planned->keys = likeness->root;
    return RC_OK;
}

/* The plan with what an earlier draft got. The trust server makes new keys whenever it is asked,
 * and signs with any of them; the agent makes a new certificate for who renews one. */
static enum rc
liken(
    struct likeness *likeness, struct root_plan *plan, const struct tuf_root *like, struct why *why)
{
    static const enum rank ranks[] = {RANK_SNAPSHOT, RANK_TIMESTAMP};

    for (size_t i = 0; i < N_ELEMENTS(ranks); i++) {
        const struct tuf_role *role = &like->roles[ranks[i]];
        struct root_plan_role *planned = &plan->roles[ranks[i]];
        struct pubkey *key =
            role->n_keyids == 1 ? tuf_keys_find(&like->keys, &role->keyids[0]) : NULL;

        likeness->of_server[ranks[i]] = key;
        if (planned->n_keys == 1 && key)
            planned->keys = &likeness->of_server[ranks[i]];
    }

    return liken_root(likeness, &plan->roles[RANK_ROOT], like, why);
}

enum rc
root_step_redraft(
    struct root_step *step, int64_t expires_at, const struct tuf_root *like, struct why *why)
{
    closing(likeness_done) struct likeness likeness = {0};

    if (step->prepared)
        return RC_OK;

    struct root_plan plan = *step->publication->root;
    enum rc rc = like ? liken(&likeness, &plan, like, why) : RC_OK;
    if (!rc)
        rc = write_draft(step, &plan, expires_at, why);
    step->is_like = like != NULL;
    return rc;
}

/* As long as all keys that sign may give. */
static int64_t
validity_of(const struct root_step *step)
{
    const struct publication *publication = step->publication;
    const struct root_plan_role *planned = &publication->root->roles[RANK_ROOT];

    int64_t validity_s = signer_validity_s(publication->signer, publication->repository, "root",
        planned->keys, planned->n_keys, ROOT_VALIDITY_S);
    return signer_validity_s(publication->signer, publication->repository, "root", step->former,
        step->base ? step->document.n_former : 0, validity_s);
}

static bool
stands_on(const struct root_step *step, const struct tuf_file *published)
{
    return published && step->base &&
           span_eq(bytes_span(&step->base_message), bytes_span(&published->message));
}

/* Take the message as it is, if it replaces what is published. */
static enum rc
take_prepared(struct root_step *step, const struct tuf_file *published, struct why *why)
{
    const struct cosignature_document *prepared = step->prepared;
    struct span raw = published ? bytes_span(&published->raw) : SPAN("");

    enum rc rc = cosignature_check_base(prepared, raw, step->base ? step->base->version : 0, why);
    if (rc)
        return within(why, rc, "root of '%s'", step->publication->repository);

    forget_draft(step);
    bytes_put(&step->message, bytes_span(&prepared->message));
    rc = bytes_check(&step->message, why);
    if (!rc)
        rc = take_message(step, why);
    return rc ? rc : batch_document_give(&step->document, &prepared->signatures, why);
}

/* Nothing is to be published any more. */
static bool
is_over(const struct root_step *step, const struct tuf_file *published)
{
    if (step->is_done)
        return true;
    if (step->prepared)
        return published &&
               span_eq(bytes_span(&published->message), bytes_span(&step->prepared->message));

    return !step->is_due && step->base &&
           root_plan_is_met(step->publication->root, step->base, NULL);
}

enum rc
root_step_draft(struct root_step *step, bool *ret_is_new, struct why *why)
{
    const struct tuf_file *published =
        step->is_first ? NULL : trust_root_file(step->publication->trust);
    enum rc rc = RC_OK;

    *ret_is_new = false;
    if ((step->is_signed || step->is_resumed) && (step->is_first || stands_on(step, published)))
        return RC_OK;

    if (published && !stands_on(step, published))
        rc = take_base(step, why);
    if (rc)
        return rc;

    if (is_over(step, published)) {
        forget_draft(step);
        return RC_OK;
    }

    *ret_is_new = true;
    if (step->prepared)
        return take_prepared(step, published, why);

    return write_draft(
        step, step->publication->root, step->publication->now + validity_of(step), why);
}

bool
root_step_is_first(const struct root_step *step)
{
    return step->is_first;
}

int64_t
root_step_version(const struct root_step *step)
{
    return step->root ? step->root->version : 0;
}

const struct tuf_root *
root_step_root(const struct root_step *step)
{
    return step->root;
}

bool
root_step_rekeys_targets(const struct root_step *step)
{
    const struct tuf_role *is = step->root ? &step->root->roles[RANK_TARGETS] : NULL;
    const struct tuf_role *was = step->base ? &step->base->roles[RANK_TARGETS] : NULL;
    bool is_same = !is || (was && is->n_keyids == was->n_keyids);

    for (size_t i = 0; is && is_same && i < is->n_keyids; i++)
        is_same = keyid_eq(&is->keyids[i], &was->keyids[i]);
    return !is_same;
}

struct batch_document *
root_step_document(struct root_step *step)
{
    return step->root && !step->is_signed ? &step->document : NULL;
}

enum rc
root_step_intend(struct root_step *step, bool is_shown, size_t n_documents, struct why *why)
{
    if (!step->root || step->is_signed || !step->base)
        return RC_OK;

    step->document.intent.is_required = is_shown;
    return intent_of_root(&step->document.intent, step->base, step->root, n_documents, why);
}

void
root_step_signed(struct root_step *step)
{
    step->is_signed = step->root != NULL;
}

struct span
root_step_file(const struct root_step *step)
{
    return bytes_span(&step->document.file);
}

/* Whether it has all signatures; else the agent is asked for those that it gives. */
static bool
is_complete(const struct root_step *step, const struct tuf_file *file)
{
    if (tuf_role_verify(&step->root->roles[RANK_ROOT], &step->root->keys, file, NULL))
        return false;

    return !step->base ||
           !tuf_role_verify(&step->base->roles[RANK_ROOT], &step->base->keys, file, NULL);
}

enum rc
root_step_resume(struct root_step *step, const struct batch_mark *mark, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    const char *repository = step->publication->repository;
    int64_t next = step->base ? step->base->version + 1 : 1;

    if (mark->version != next && step->is_first)
        return fail(why, RC_CONFLICT,
            "'%s' is no new repository: its root was released up to version %" PRId64, repository,
            mark->version);
    if (mark->version != next)
        return fail(why, RC_CONFLICT,
            "the root of '%s' was released up to version %" PRId64 ", and %" PRId64
            " is what is published",
            repository, mark->version, next - 1);

    if (mark->file.len == 0)
        return fail(why, RC_ROLLBACK,
            "another root of '%s' was released before, and the agent does not have it any more",
            repository);

    enum rc rc = tuf_file_parse(&file, bytes_span(&mark->file), TUF_STRICT, why);
    if (rc)
        return within(why, rc, "root of '%s', as it was released before", repository);

    forget_draft(step);
    bytes_clear(&step->document.file);
    bytes_put(&step->message, bytes_span(&file->message));
    bytes_put(&step->document.file, bytes_span(&mark->file));
    rc = bytes_check(&step->message, why);
    if (!rc)
        rc = bytes_check(&step->document.file, why);
    if (!rc)
        rc = take_message(step, why);
    if (rc)
        return rc;

    step->is_resumed = true;
    step->is_signed = is_complete(step, file);
    return RC_OK;
}

enum rc
root_step_posted(struct root_step *step, struct why *why)
{
    const struct root_plan *plan = step->publication->root;
    bool was_first = step->is_first;

    step->published = step->root->version;
    step->is_due = false;
    step->is_done =
        was_first || step->prepared ||
        ((step->is_resumed || step->is_like) && root_plan_is_met(plan, step->root, step->base));
    step->is_first = false;
    enum rc rc =
        was_first ? trust_adopt(step->publication->trust, root_step_file(step), why) : RC_OK;
    forget_draft(step);
    return rc;
}

enum rc
root_step_gather(const struct root_step *step, struct gathering *gathering, struct why *why)
{
    const struct tuf_file *published =
        step->is_first ? NULL : trust_root_file(step->publication->trust);

    return gathering_take(gathering, &step->document,
        published ? bytes_span(&published->raw) : (struct span){0},
        step->base ? step->base->version : 0, step->publication->signer, why);
}

enum rc
root_step_report(const struct root_step *step, struct publish_result *result, struct why *why)
{
    enum rc rc = publish_result_add(result, "root", step->published,
        bytes_text(&step->document.signed_by), bytes_text(&step->document.left_out));

    return rc ? fail_memory(why) : RC_OK;
}
