/* SPDX-License-Identifier: Apache-2.0 */
#include "client/mending.h"

#include <inttypes.h>

#include "client/tag_list.h"
#include "proto/bounds.h"

struct plan {
    struct mending *mending;
    struct session *session;
    const struct repository *repository;
};

void
mending_done(struct mending *mending)
{
    for (size_t i = 0; i < mending->n; i++) {
        bytes_done(&mending->mends[i].names);
        free(mending->mends[i].role);
    }
    for (size_t i = 0; i < mending->n_sound; i++)
        free(mending->sound[i]);
    free(mending->sound);
    free(mending->mends);
    free(mending->roles);
    *mending = (struct mending){0};
}

const struct mend *
mending_find(const struct mending *mending, enum mend_kind kind)
{
    for (size_t i = 0; i < mending->n; i++)
        if (mending->mends[i].kind == kind)
            return &mending->mends[i];

    return NULL;
}

enum rc
mending_can_sign(bool *ret, struct session *session, const struct repository *repository,
    const char *role, const struct tuf_role *listing, const struct tuf_keys *keys, struct why *why)
{
    closing(freep) struct pubkey **listed = NULL;
    int64_t wanted = options_has(session_options(session), OPTION_OUT) ? 1 : listing->threshold;
    struct signer *signer = NULL;
    size_t n_listed = 0;
    int64_t n = 0;

    enum rc rc = session_signer(&signer, session, why);
    if (!rc)
        rc = tuf_role_keys(&listed, &n_listed, listing, keys, why);
    for (size_t i = 0; !rc && i < n_listed; i++)
        n += signer_can_sign(signer, repository->name, role, &listed[i], 1);

    *ret = n >= wanted;
    return rc;
}

static struct publish_role *
find_planned(const struct mending *mending, const char *role)
{
    for (size_t i = 0; i < mending->n_roles; i++)
        if (!strcmp(mending->roles[i].role, role))
            return &mending->roles[i];

    return NULL;
}

/* One more; document: of the file in question. */
static enum rc
add(struct plan *p, const char *role, enum mend_kind kind, const struct tuf_targets *document,
    struct why *why)
{
    struct mending *mending = p->mending;
    struct publish_role *planned = find_planned(mending, role);
    struct mend *mend = mem_grow(&mending->mends, mending->n, sizeof *mend, SNAPSHOT_FILES_MAX);
    if (!mend)
        return fail_memory(why);

    *mend = (struct mend){.kind = kind,
        .role = strdup(role),
        .version = document->version,
        .names = BYTES_INIT(TAG_LIST_MAX_BYTES)};
    if (!mend->role)
        return fail_memory(why);

    mending->n++;
    mend->n_targets = document->n_targets;
    tag_list_add_all(&mend->names, document);
    if (kind == MEND_LOST || kind == MEND_REVIVED)
        return RC_OK;

    if (!planned) {
        planned = mem_grow(&mending->roles, mending->n_roles, sizeof *planned, SNAPSHOT_FILES_MAX);
        if (!planned)
            return fail_memory(why);
        *planned = (struct publish_role){.role = mend->role};
        mending->n_roles++;
    }
    planned->is_renewed = true;
    planned->after = kind == MEND_EMPTIED ? document->version : 0;
    return RC_OK;
}

/* A file that is not of the view: NULL where it cannot be read, or would not verify. */
struct old_file {
    struct tuf_file *file;
    struct tuf_targets *document;
};

static void
old_file_done(struct old_file *old)
{
    tuf_targets_free(old->document);
    tuf_file_free(old->file);
}

/* Whether the bytes are a file that the listing makes valid. */
static bool
becomes_valid(struct old_file *ret, struct span raw, const struct tuf_role *listing,
    const struct tuf_keys *keys)
{
    return !tuf_file_parse(&ret->file, raw, TUF_TOLERANT, NULL) &&
           !tuf_role_verify(listing, keys, ret->file, NULL) &&
           !tuf_targets_parse(&ret->document, bytes_span(&ret->file->message), NULL) &&
           (ret->document->n_targets > 0 || ret->document->n_roles > 0);
}

/* A role that was not there: the server may have a file of it from earlier times. */
static enum rc
weigh_new(struct plan *p, const char *name, const struct tuf_role *listing,
    const struct tuf_keys *keys, struct why *why)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(old_file_done) struct old_file old = {0};
    const struct tuf_listed *listed = trust_listed(p->repository->trust, name);
    bool can = false;

    if (!listed)
        return RC_OK;

    enum rc rc = repo_get_listed(&raw, p->repository->repo, name, listed, why);
    if (rc == RC_UNTRUSTED) /* no reader gets it either */
        return RC_OK;
    if (rc || !becomes_valid(&old, bytes_span(&raw), listing, keys))
        return rc;

    rc = mending_can_sign(&can, p->session, p->repository, name, listing, keys, why);
    return rc ? rc : add(p, name, can ? MEND_EMPTIED : MEND_REVIVED, old.document, why);
}

static bool
is_same_listing(const struct tuf_role *a, const struct tuf_role *b)
{
    bool is_same = a->n_keyids == b->n_keyids && a->threshold == b->threshold;

    for (size_t i = 0; is_same && i < a->n_keyids; i++)
        is_same = keyid_eq(&a->keyids[i], &b->keyids[i]);
    return is_same;
}

static enum rc
add_sound(struct mending *mending, const char *role, struct why *why)
{
    char **place = mem_grow(&mending->sound, mending->n_sound, sizeof *place, SNAPSHOT_FILES_MAX);
    if (!place || !(*place = strdup(role)))
        return fail_memory(why);

    mending->n_sound++;
    return RC_OK;
}

static enum rc
weigh_known(struct plan *p, const struct trust_role *was, const struct tuf_role *listing,
    const struct tuf_keys *keys, struct why *why)
{
    closing(old_file_done) struct old_file old = {0};
    bool can = false;

    if (is_same_listing(was->listed, listing))
        return RC_OK;

    if (!was->file)
        return becomes_valid(&old, bytes_span(&was->unverified), listing, keys)
                   ? add(p, was->name, MEND_REVIVED, old.document, why)
                   : RC_OK;

    if (!tuf_role_verify(listing, keys, was->file, NULL))
        return add_sound(p->mending, was->name, why);

    enum rc rc = mending_can_sign(&can, p->session, p->repository, was->name, listing, keys, why);
    return rc ? rc : add(p, was->name, can ? MEND_SIGNED : MEND_LOST, was->document, why);
}

/* is: the document that is to be published. */
static enum rc
weigh_children(struct plan *p, const char *parent, const struct tuf_targets *is, struct why *why)
{
    struct why flaw;

    if (tuf_targets_check(is, span_of(parent), &flaw) == TUF_FLAW_THRESHOLD)
        return fail(why, RC_REFUSED, "%s; nothing was changed", flaw.text);

    for (size_t i = 0; i < is->n_roles; i++) {
        closing(freep) char *name = span_dup(is->roles[i].name);
        if (!name)
            return fail_memory(why);

        const struct trust_role *was = trust_find(p->repository->trust, name);
        enum rc rc = was ? weigh_known(p, was, &is->roles[i], &is->keys, why)
                         : weigh_new(p, name, &is->roles[i], &is->keys, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
weigh_role(struct plan *p, const struct publish_role *role, struct why *why)
{
    const struct trust_role *published = trust_find(p->repository->trust, role->role);
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_targets_freep) struct tuf_targets *is = NULL;
    const struct draft draft = {.base = published ? published->document : NULL,
        .edits = role->edits,
        .n_edits = role->n_edits,
        .version = 1};
    bool is_delegating = false;

    for (size_t i = 0; i < role->n_edits; i++)
        is_delegating = is_delegating || !edit_is_about_target(&role->edits[i]);
    if (!is_delegating)
        return RC_OK;

    enum rc rc = draft_targets(&message, &draft, why);
    if (!rc)
        rc = tuf_targets_parse(&is, bytes_span(&message), why);
    return rc ? within(why, rc, "%s of '%s'", role->role, p->repository->name)
              : weigh_children(p, role->role, is, why);
}

enum rc
mending_plan(struct mending *ret, struct session *session, const struct repository *repository,
    const struct publish_role *roles, size_t n_roles, struct why *why)
{
    struct plan plan = {ret, session, repository};
    enum rc rc = RC_OK;

    *ret = (struct mending){0};
    for (; ret->n_roles < n_roles; ret->n_roles++) {
        struct publish_role *place =
            mem_grow(&ret->roles, ret->n_roles, sizeof *place, SNAPSHOT_FILES_MAX);
        if (!place)
            return fail_memory(why);
        *place = roles[ret->n_roles];
    }
    for (size_t i = 0; !rc && i < n_roles; i++)
        rc = weigh_role(&plan, &roles[i], why);
    return rc;
}

static void
note(const struct mend *mend, const struct session *session)
{
    if (mend->kind == MEND_SIGNED)
        progress_note(session_progress(session),
            "%s: signed again with its %zu target%s, as too few of those who had signed it are "
            "left",
            mend->role, mend->n_targets, mend->n_targets == 1 ? "" : "s");
    else if (mend->kind == MEND_EMPTIED)
        progress_note(session_progress(session),
            "%s: the trust server still has version %" PRId64
            " from before the role was removed (%s); it is replaced by an empty one",
            mend->role, mend->version, bytes_text(&mend->names));
}

static bool
is_for_others(const struct session *session)
{
    return options_has(session_options(session), OPTION_OUT);
}

static void
tell_lost(const struct session *session, const struct repository *repository, const char *role,
    int64_t version)
{
    fprintf(session_results(session),
        "%s: readers skip version %" PRId64
        " %s, as too few of those who signed it are left: who may sign the role runs "
        "'countersign witness %s %s'\n",
        role, version, is_for_others(session) ? "once this is published" : "from now on",
        repository->name, role);
}

/* Somebody signed a role meanwhile, only with a key that went. */
void
mending_tell_overtaken(const struct mending *mending, const struct session *session,
    const struct repository *repository)
{
    for (size_t i = 0; i < mending->n_sound; i++) {
        const struct trust_role *role = trust_find(repository->trust, mending->sound[i]);
        if (role && role->problem)
            tell_lost(session, repository, role->name, role->version);
    }
}

enum rc
mending_watch(struct mending *ret, const struct trust *trust, struct why *why)
{
    enum rc rc = RC_OK;

    *ret = (struct mending){0};
    for (size_t i = 0; !rc && trust_root(trust) && i < trust_n_roles(trust); i++)
        if (trust_role_at(trust, i)->file)
            rc = add_sound(ret, trust_role_at(trust, i)->name, why);
    return rc;
}

/* What nobody should miss, whatever becomes of notes. */
static void
tell(const struct mend *mend, const struct session *session, const struct repository *repository)
{
    if (mend->kind == MEND_LOST)
        tell_lost(session, repository, mend->role, mend->version);
    else if (mend->kind == MEND_REVIVED)
        fprintf(session_results(session),
            "%s: version %" PRId64
            ", which the trust server still has, is valid again%s with its %zu target%s: %s\n",
            mend->role, mend->version, is_for_others(session) ? ", once this is published," : "",
            mend->n_targets, mend->n_targets == 1 ? "" : "s", bytes_text(&mend->names));
}

enum rc
mending_publish(const struct mending *mending, struct session *session,
    struct repository *repository, struct why *why)
{
    for (size_t i = 0; i < mending->n; i++)
        note(&mending->mends[i], session);

    enum rc rc = session_publish(session, repository, mending->roles, mending->n_roles, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < mending->n; i++)
        tell(&mending->mends[i], session, repository);
    if (!is_for_others(session))
        mending_tell_overtaken(mending, session, repository);
    return RC_OK;
}
