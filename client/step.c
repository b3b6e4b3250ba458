/* SPDX-License-Identifier: Apache-2.0 */
#include "client/step.h"

#include <inttypes.h>

#include "client/chain.h"
#include "client/footing.h"
#include "client/slip.h"

static void
forget_slips(struct step *step)
{
    for (size_t i = 0; i < step->n_slips; i++)
        slip_done(&step->slips[i]);
    free(step->slips);
    step->slips = NULL;
    step->n_slips = 0;
}

void
step_init(struct step *step, const struct publication *publication, const struct publish_role *want)
{
    *step = (struct step){
        .want = want,
        .is_due = want->is_renewed || want->prepared,
        .base = BYTES_INIT(DOCUMENT_MAX_BYTES),
        .message = BYTES_INIT(DOCUMENT_MAX_BYTES),
        .signature = BATCH_DOCUMENT_INIT,
    };
    step->signature.repository = publication->repository;
    step->signature.role = want->role;
}

void
step_done(struct step *step)
{
    forget_slips(step);
    tuf_file_free(step->broken);
    tuf_targets_free(step->document);
    batch_document_done(&step->signature);
    bytes_done(&step->message);
    bytes_done(&step->base);
    free(step->listed);
}

/* Who may sign the role: as a draft of this publication says, else as it is published. */
static enum rc
find_listing(const struct tuf_role **ret, const struct tuf_keys **ret_keys, const struct step *step,
    const struct step_scene *scene, struct why *why)
{
    struct span name = span_of(step->want->role);
    const struct trust_role *role = trust_find(scene->publication->trust, step->want->role);

    if (scene->root && role_rank(name) == RANK_TARGETS) {
        *ret = &scene->root->roles[RANK_TARGETS];
        *ret_keys = &scene->root->keys;
        return RC_OK;
    }

    for (size_t i = 0; i < scene->n_steps; i++) {
        const struct step *parent = &scene->steps[i];
        if (parent->version == 0 || !span_is(role_parent(name), parent->want->role))
            continue;

        *ret = tuf_targets_find_role(parent->document, name);
        *ret_keys = &parent->document->keys;
        return *ret ? RC_OK : fail(why, RC_NOT_FOUND, "nobody delegates to %s", step->want->role);
    }

    if (!role)
        return fail(why, RC_NOT_FOUND, "'%s' has no role %s: nobody delegates to it",
            scene->publication->repository, step->want->role);

    *ret = role->listed;
    *ret_keys = role->listed_keys;
    return RC_OK;
}

/* First what slipped in, then the edits that are wanted. */
static enum rc
gather_edits(struct edit **ret, size_t *ret_n, const struct step *step, struct why *why)
{
    size_t n = step->want->n_edits;

    for (size_t i = 0; i < step->n_slips; i++)
        n += step->slips[i].difference.n;

    closing(freep) struct edit *edits = calloc(n + 1, sizeof *edits);
    if (!edits)
        return fail_memory(why);

    size_t at = 0;
    for (size_t i = 0; i < step->n_slips; i++)
        for (size_t k = 0; k < step->slips[i].difference.n; k++)
            edits[at++] = (struct edit){.kind = EDIT_REPLAY,
                .change = &step->slips[i].difference.changes[k],
                .change_keys = &step->slips[i].document->keys};
    for (size_t i = 0; i < step->want->n_edits; i++)
        edits[at++] = step->want->edits[i];

    *ret = steal(edits);
    *ret_n = n;
    return RC_OK;
}

static bool
any_changes(const struct edit *edits, size_t n, const struct tuf_targets *document)
{
    for (size_t i = 0; i < n; i++)
        if (edit_changes(&edits[i], document))
            return true;

    return false;
}

static int64_t
expiry_of(const struct step *step, const struct publication *publication)
{
    if (step->expires_at > 0)
        return step->expires_at;

    return publication->now + signer_validity_s(publication->signer, publication->repository,
                                  step->want->role, step->signature.listed,
                                  step->signature.n_listed, TARGETS_VALIDITY_S);
}

bool
step_is_prepared(const struct step *step)
{
    return step->want->prepared && step->published == 0;
}

/* Take the message as it is, if it replaces what is published. */
static enum rc
take_prepared(struct step *step, const struct footing *footing, struct why *why)
{
    const struct cosignature_document *prepared = step->want->prepared;
    struct batch_document *signature = &step->signature;

    enum rc rc = cosignature_check_base(prepared, footing->file, footing->version, why);
    if (rc)
        return rc;

    bytes_clear(&step->base);
    bytes_clear(&step->message);
    bytes_put(&step->base, footing->file);
    bytes_put(&step->message, bytes_span(&prepared->message));
    rc = bytes_check(&step->base, why);
    if (!rc)
        rc = bytes_check(&step->message, why);
    if (!rc)
        rc = tuf_targets_parse(&step->document, bytes_span(&step->message), why);
    if (rc)
        return rc;

    step->base_version = footing->version;
    step->version = step->document->version;
    signature->message = bytes_span(&step->message);
    return batch_document_give(signature, &prepared->signatures, why);
}

static bool
is_published(const struct step *step, const struct trust *trust)
{
    const struct trust_role *role = trust_find(trust, step->want->role);

    return role && role->file &&
           span_eq(bytes_span(&role->file->message), bytes_span(&step->want->prepared->message));
}

/* Write the message, and read it back. */
static enum rc
write_draft(struct step *step, const struct footing *footing, struct draft *draft,
    const struct publication *publication, struct why *why)
{
    draft->version = (footing->version > step->floor ? footing->version : step->floor) + 1;
    draft->expires_at = expiry_of(step, publication);

    bytes_clear(&step->base);
    bytes_clear(&step->message);
    bytes_put(&step->base, footing->file);
    enum rc rc = bytes_check(&step->base, why);
    if (!rc)
        rc = draft_targets(&step->message, draft, why);
    if (!rc)
        rc = tuf_targets_parse(&step->document, bytes_span(&step->message), why);
    if (rc)
        return within(why, rc, "%s of '%s'", step->want->role, publication->repository);

    step->base_version = footing->version;
    step->version = draft->version;
    step->signature.message = bytes_span(&step->message);
    return RC_OK;
}

static void
forget_draft(struct step *step)
{
    tuf_targets_free(step->document);
    step->document = NULL;
    step->version = 0;
    step->is_signed = false;
}

/* A signed draft, on a base that is still the newest, and by those who may sign it now. */
static bool
is_still_good(
    const struct step *step, const struct footing *footing, const struct step_scene *scene)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    const struct tuf_role *listing = NULL;
    const struct tuf_keys *keys = NULL;

    if (!step->is_signed || step->n_slips > 0 || !span_eq(footing->file, bytes_span(&step->base)))
        return false;

    return step_is_prepared(step) || scene->publication->gathering ||
           (!find_listing(&listing, &keys, step, scene, NULL) &&
               !tuf_file_parse(&file, bytes_span(&step->signature.file), TUF_STRICT, NULL) &&
               !tuf_role_verify(listing, keys, file, NULL));
}

enum rc
step_draft(struct step *step, const struct step_scene *scene, struct why *why)
{
    closing(footing_done) struct footing footing = {0};
    closing(freep) struct edit *edits = NULL;
    const struct tuf_role *listing = NULL;
    const struct tuf_keys *keys = NULL;
    size_t n_edits = 0;

    enum rc rc = footing_find(&footing, step, scene, why);
    if (rc)
        return rc;

    if (is_still_good(step, &footing, scene))
        return RC_OK;

    rc = gather_edits(&edits, &n_edits, step, why);
    if (rc)
        return rc;

    forget_draft(step);
    if (step_is_prepared(step) ? is_published(step, scene->publication->trust)
                               : !step->is_due && !any_changes(edits, n_edits, footing.document))
        return RC_OK;

    rc = find_listing(&listing, &keys, step, scene, why);
    if (rc)
        return rc;

    free(step->listed);
    step->listed = NULL;
    rc = tuf_role_keys(&step->listed, &step->signature.n_listed, listing, keys, why);
    if (rc)
        return rc;

    step->signature.listed = step->listed;
    step->signature.threshold = listing->threshold;
    if (step_is_prepared(step)) {
        rc = take_prepared(step, &footing, why);
        return rc ? within(why, rc, "%s of '%s'", step->want->role, scene->publication->repository)
                  : RC_OK;
    }

    step->signature.n_given = 0;
    struct draft draft = {.base = footing.document, .edits = edits, .n_edits = n_edits};
    return write_draft(step, &footing, &draft, scene->publication, why);
}

static bool
is_delegating(const struct tuf_targets *document)
{
    return document && (document->n_roles > 0 || document->keys.n > 0);
}

static bool
is_to_be_signed(const struct step *step)
{
    return step->version > 0 && !step->is_signed && !step->signature.is_given_only;
}

/* There are delegations in what is drafted or in what that replaces. */
static bool
is_about_delegations(const struct step *step, const struct trust *trust)
{
    const struct trust_role *published = trust_find(trust, step->want->role);

    return is_delegating(step->document) || (published && is_delegating(published->document));
}

/* Whether the agent, which has the chain, knows what is published of the role. */
static bool
is_shown(const struct step *step, const struct publication *publication, const json_t *bases)
{
    const struct trust_role *published = trust_find(publication->trust, step->want->role);

    bool is_there = published && (published->file || published->problem);

    return bases && trust_pin(publication->trust) && !step->broken &&
           (!is_there || chain_has(bases, step->want->role));
}

/* Nothing changes against what the draft stands on, but what the edits are about. What is witnessed
 * stands on more than base, which is all that the agent knows. */
static enum rc
check_meant(const struct step *step, struct span base, size_t n_documents, struct why *why)
{
    closing(intent_done) struct intent witnessed = {0};
    const struct intent *intent = &step->signature.intent;
    closing(freep) struct edit *edits = NULL;
    size_t n_edits = 0;

    enum rc rc = gather_edits(&edits, &n_edits, step, why);
    if (!rc && !span_eq(base, bytes_span(&step->base))) {
        rc = intent_of_targets(
            &witnessed, bytes_span(&step->base), step->document, n_documents, why);
        intent = &witnessed;
    }

    return rc ? rc : intent_check_edits(intent, edits, n_edits, why);
}

static enum rc
intend(struct step *step, const struct publication *publication, const json_t *bases,
    size_t n_documents, struct why *why)
{
    const struct trust_role *published = trust_find(publication->trust, step->want->role);
    struct span base = published && published->file ? bytes_span(&published->file->raw) : SPAN("");

    step->signature.intent.is_required = is_shown(step, publication, bases);
    enum rc rc = intent_of_targets(&step->signature.intent, base, step->document, n_documents, why);
    if (!rc && !step->broken &&
        !step_is_prepared(step)) /* the former is ours, and has earlier edits in it */
        rc = check_meant(step, base, n_documents, why);
    return rc ? within(why, rc, "%s of '%s'", step->want->role, publication->repository) : RC_OK;
}

static enum rc
format_bases(json_t **ret, const struct publication *publication, const struct step *steps,
    size_t n_steps, size_t n_documents, struct why *why)
{
    closing(freep) const char **roles = calloc(n_steps + 1, sizeof *roles);
    const struct trust *trust = publication->trust;
    bool is_wanted = trust_pin(trust);
    size_t n = 0;

    if (!roles)
        return fail_memory(why);

    for (size_t i = 0; i < n_steps; i++)
        if (is_to_be_signed(&steps[i])) {
            roles[n++] = steps[i].want->role;
            is_wanted = is_wanted || is_about_delegations(&steps[i], trust);
        }

    *ret = NULL;
    return is_wanted && n_documents > 0 && trust_root(trust)
               ? chain_format(ret, trust, roles, n, why)
               : RC_OK;
}

enum rc
step_bases(json_t **ret, const struct publication *publication, struct step *steps, size_t n_steps,
    size_t n_documents, struct why *why)
{
    closing(json_decrefp) json_t *bases = NULL;

    enum rc rc = format_bases(&bases, publication, steps, n_steps, n_documents, why);
    for (size_t i = 0; !rc && i < n_steps; i++)
        if (is_to_be_signed(&steps[i]))
            rc = intend(&steps[i], publication, bases, n_documents, why);
    if (rc)
        return rc;

    *ret = steal(bases);
    return RC_OK;
}

void
step_posted(struct step *step)
{
    forget_slips(step);
    tuf_file_free(step->broken);
    step->broken = NULL;
    step->is_due = false;
    step->published = step->version;
}

bool
step_is_settled(const struct step *step, const struct publication *publication)
{
    const struct trust_role *role = trust_find(publication->trust, step->want->role);

    if (!role || !role->file)
        return step->version == 0;

    if (step->version == 0)
        return !any_changes(step->want->edits, step->want->n_edits, role->document);

    return span_eq(bytes_span(&role->file->raw), bytes_span(&step->signature.file)) ||
           (role->version > step->version &&
               !any_changes(step->want->edits, step->want->n_edits, role->document));
}

enum rc
step_break(struct step *step, struct why *why)
{
    enum rc rc = tuf_file_parse(&step->broken, bytes_span(&step->signature.file), TUF_STRICT, why);

    step->is_due = true;
    return rc;
}

enum rc
step_slip(struct step *step, const struct publication *publication, int64_t version,
    struct span file, struct why *why)
{
    closing(slip_done) struct slip slip = {0};

    enum rc rc = slip_read(&slip, bytes_span(&step->base), file, why);
    if (!rc)
        rc = slip_verify(&slip, publication->trust, step->want->role, version, why);
    if (rc)
        return within(why, rc, "%" PRId64 ".%s.json of '%s'", version, step->want->role,
            publication->repository);

    struct slip *place = mem_grow(&step->slips, step->n_slips, sizeof *place, VERSION_STEP_MAX);
    if (!place)
        return fail_memory(why);

    *place = slip;
    slip = (struct slip){0};
    step->n_slips++;
    return RC_OK;
}
