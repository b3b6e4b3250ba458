/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "client/command.h"
#include "client/departure.h"
#include "client/mending.h"
#include "client/signer_name.h"
#include "client/tag_list.h"
#include "proto/bounds.h"

static const char releases[] = "targets/releases";

/* A tag that stays though only the signer vouches for it, with the digest that the user saw. */
struct kept {
    char *name;
    struct digest digest;
};

struct removal {
    struct session *session;
    struct repository *repository;
    const char *name, *keep; /* of the command line; keep: NULL: not given */
    char role[ROLE_MAX_BYTES + 1];

    /* What the user decided, once: what comes later of the signer was not in his list. */
    bool is_decided;
    struct kept *kept;
    size_t n_kept;

    /* A plan for what is published now. */
    struct departure departure;
    char **dropped; /* tags that leave targets/releases */
    size_t n_dropped;
    struct edit *edits; /* of targets/releases */
};

static void
forget_plan(struct removal *r)
{
    departure_done(&r->departure);
    for (size_t i = 0; i < r->n_dropped; i++)
        free(r->dropped[i]);
    free(r->dropped);
    free(r->edits);
    r->dropped = NULL;
    r->edits = NULL;
    r->n_dropped = 0;
}

static void
removal_done(struct removal *r)
{
    forget_plan(r);
    for (size_t i = 0; i < r->n_kept; i++)
        free(r->kept[i].name);
    free(r->kept);
}

static enum rc
orphan_name(char **ret, const struct tuf_target *orphan, struct why *why)
{
    closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&name, orphan->name);
    *ret = name.failed ? NULL : span_dup(bytes_span(&name));
    return *ret ? RC_OK : fail_memory(why);
}

/* "a,b" of --keep has name. */
static bool
is_in_list(const char *list, struct span name)
{
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (span_eq(name, (struct span){(const uint8_t *)at, strcspn(at, ",")}))
            return true;

    return false;
}

/* Every tag of --keep is there: a typing error must not cost a signature. */
static enum rc
check_list(const struct removal *r, struct why *why)
{
    const struct tuf_targets *document =
        r->departure.releases ? r->departure.releases->document : NULL;

    for (const char *at = r->keep; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        struct span name = {(const uint8_t *)at, strcspn(at, ",")};
        if (!document || !tuf_targets_find(document, name))
            return fail(why, RC_USAGE, "--keep: targets/releases has no tag '%.*s'", (int)name.len,
                (const char *)name.p);
    }

    return RC_OK;
}

static void
list_orphans(const struct removal *r)
{
    const struct departure *d = &r->departure;

    for (size_t i = 0; i < d->n_orphans; i++) {
        closing(bytes_done) struct bytes name = BYTES_INIT(TAG_MAX_BYTES);
        char hex[DIGEST_HEX_LEN + 1];

        tag_list_add(&name, d->orphans[i]->name);
        digest_hex(hex, &d->orphans[i]->hashes.sha256);
        fprintf(session_results(r->session), "%s sha256:%s\n", bytes_text(&name), hex);
    }
}

static enum rc
ask_for_list(const struct removal *r, struct why *why)
{
    size_t n = r->departure.n_orphans;

    list_orphans(r);
    if (r->departure.is_last)
        return fail(why, RC_USAGE,
            "%zu tag%s of targets/releases would not be signed any more, as '%s' is the last who "
            "signs it: say --keep none if that is meant",
            n, n == 1 ? "" : "s", r->name);

    return fail(why, RC_USAGE,
        "%zu tag%s of targets/releases %s signed by '%s' only: say which of them stay, with "
        "--keep all, none or TAG,...",
        n, n == 1 ? "" : "s", n == 1 ? "is" : "are", r->name);
}

static enum rc
keep(struct removal *r, const struct tuf_target *orphan, struct why *why)
{
    struct kept *place = mem_grow(&r->kept, r->n_kept, sizeof *place, TARGETS_MAX);
    if (!place)
        return fail_memory(why);

    enum rc rc = orphan_name(&place->name, orphan, why);
    if (rc)
        return rc;

    place->digest = orphan->hashes.sha256;
    r->n_kept++;
    return RC_OK;
}

/* What the user wants of the tags for which nobody else vouches. */
static enum rc
decide(struct removal *r, struct why *why)
{
    const struct departure *d = &r->departure;
    bool is_all = r->keep && !strcmp(r->keep, "all");
    bool is_none = r->keep && !strcmp(r->keep, "none");
    enum rc rc = RC_OK;

    if (r->is_decided)
        return RC_OK;
    if (d->n_orphans > 0 && !r->keep)
        return ask_for_list(r, why);
    if (r->keep && !is_all && !is_none)
        rc = check_list(r, why);

    for (size_t i = 0; !rc && i < d->n_orphans; i++) {
        closing(freep) char *name = NULL;
        rc = orphan_name(&name, d->orphans[i], why);
        if (!rc && (is_all || (!is_none && is_in_list(r->keep, span_of(name)))))
            rc = keep(r, d->orphans[i], why);
    }
    if (!rc && d->is_last && r->n_kept > 0)
        return fail(why, RC_USAGE,
            "'%s' is the last who signs targets/releases, so nobody is left to keep a tag: add "
            "another signer first, or say --keep none",
            r->name);

    r->is_decided = !rc;
    return rc;
}

static bool
is_kept(const struct removal *r, const char *name, const struct tuf_target *target)
{
    for (size_t i = 0; i < r->n_kept; i++)
        if (!strcmp(r->kept[i].name, name) && digest_eq(&r->kept[i].digest, &target->hashes.sha256))
            return true;

    return false;
}

static enum rc
drop_orphans(struct removal *r, struct why *why)
{
    const struct departure *d = &r->departure;

    r->edits = calloc(d->n_orphans + 1, sizeof *r->edits);
    r->dropped = calloc(d->n_orphans + 1, sizeof *r->dropped);
    if (!r->edits || !r->dropped)
        return fail_memory(why);

    for (size_t i = 0; i < d->n_orphans; i++) {
        char **name = &r->dropped[r->n_dropped];
        enum rc rc = orphan_name(name, d->orphans[i], why);
        if (rc)
            return rc;

        if (is_kept(r, *name, d->orphans[i])) {
            free(steal(*name));
            continue;
        }
        r->edits[r->n_dropped++] =
            (struct edit){.kind = EDIT_REMOVE_TARGET, .name = span_of(*name)};
    }

    return RC_OK;
}

/* With the keys that stay in targets/releases. */
static enum rc
can_sign_releases(bool *ret, const struct removal *r, struct why *why)
{
    const struct tuf_role *listed = r->departure.releases->listed;
    const struct tuf_keys *keys = r->departure.releases->listed_keys;
    closing(freep) struct keyid *ids = calloc(listed->n_keyids + 1, sizeof *ids);
    const struct edit taken = {
        .kind = EDIT_REMOVE_KEYS, .ids = r->departure.ids, .n_ids = r->departure.n_ids};
    struct tuf_role left = *listed;
    if (!ids)
        return fail_memory(why);

    left.keyids = ids;
    left.n_keyids = 0;
    for (size_t i = 0; i < listed->n_keyids; i++)
        if (!edit_takes_key(&taken, &listed->keyids[i], tuf_keys_find(keys, &listed->keyids[i])))
            ids[left.n_keyids++] = listed->keyids[i];
    return mending_can_sign(ret, r->session, r->repository, releases, &left, keys, why);
}

static enum rc
fail_unsigned(const struct removal *r, struct why *why)
{
    return fail(why, RC_DENIED,
        "the agent gives you too few of the keys that stay in targets/releases, without which its "
        "tags would be lost, so nothing was changed: whoever has them can remove '%s'",
        r->name);
}

/* All that changes, published at once; on what the plan was made on, or RC_STALE. */
static enum rc
publish_plan(const struct removal *r, struct why *why)
{
    const struct departure *d = &r->departure;
    closing(mending_done) struct mending mending = {0};
    bool has_releases = d->releases && d->releases->document && !d->is_last, can = false;
    const struct edit of_targets[] = {
        {.kind = EDIT_REMOVE_ROLE, .name = span_of(r->role)},
        {.kind = d->is_last ? EDIT_REMOVE_ROLE : EDIT_REMOVE_KEYS,
            .name = span_of(releases),
            .ids = d->ids,
            .n_ids = d->n_ids},
    };

    enum rc rc = has_releases ? can_sign_releases(&can, r, why) : RC_OK;
    if (rc)
        return rc;
    if (has_releases && r->n_dropped > 0 && !can)
        return fail_unsigned(r, why);

    struct publish_role roles[] = {
        {.role = "targets", .edits = of_targets, .n_edits = d->n_ids > 0 ? 2 : 1},
        {.role = releases,
            .edits = r->edits,
            .n_edits = r->n_dropped,
            .is_renewed = true,
            .is_pinned = true},
    };
    if (has_releases)
        digest_of(&roles[1].pinned, bytes_span(&d->releases->file->raw));
    rc = mending_plan(&mending, r->session, r->repository, roles, can ? 2 : 1, why);
    const struct mend *lost = rc ? NULL : mending_find(&mending, MEND_LOST);
    if (lost && !strcmp(lost->role, releases))
        return fail_unsigned(r, why);

    return rc ? rc : mending_publish(&mending, r->session, r->repository, why);
}

static void
report(const struct removal *r, bool was_last)
{
    closing(bytes_done) struct bytes kept = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    closing(bytes_done) struct bytes dropped = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);

    for (size_t i = 0; i < r->n_kept; i++)
        tag_list_add(&kept, span_of(r->kept[i].name));
    for (size_t i = 0; i < r->n_dropped; i++)
        tag_list_add(&dropped, span_of(r->dropped[i]));
    if (kept.len > 0)
        fprintf(session_results(r->session), "targets/releases: kept %s\n", bytes_text(&kept));
    if (dropped.len > 0)
        fprintf(session_results(r->session), "targets/releases: not signed any more: %s\n",
            bytes_text(&dropped));

    const struct trust_role *targets = trust_find(r->repository->trust, "targets");
    if (was_last)
        fprintf(session_results(r->session),
            targets && targets->document && targets->document->n_targets > 0
                ? "nobody is left who signs for '%s'; of what was released, only the tags of "
                  "targets still are\n"
                : "nobody is left who signs for '%s', and none of its tags is signed any more\n",
            r->repository->name);
}

static enum rc
remove_once(struct removal *r, struct why *why)
{
    forget_plan(r);
    enum rc rc = session_update_existing(r->session, r->repository, why);
    if (rc)
        return rc;

    rc = departure_find(&r->departure, trust_role_at(r->repository->trust, 0),
        trust_n_roles(r->repository->trust), r->role, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, rc, "no signer %s for repository %s", r->name, r->repository->name);
    if (!rc)
        rc = decide(r, why);
    if (!rc)
        rc = drop_orphans(r, why);
    if (rc)
        return rc;

    bool was_last = r->departure.is_last;
    rc = publish_plan(r, why);
    if (!rc && !options_has(session_options(r->session), OPTION_OUT))
        report(r, was_last);
    return rc;
}

static enum rc
remove_signer(struct session *session, const char *name, const char *gun, struct why *why)
{
    closing(removal_done) struct removal r = {
        .session = session, .name = name, .keep = session_options(session)->values[OPTION_KEEP]};

    if (snprintf(r.role, sizeof r.role, "targets/%s", name) >= (int)sizeof r.role)
        return fail(why, RC_TOO_LARGE, "a role name of more than %d bytes", ROLE_MAX_BYTES);

    enum rc rc = session_repository(&r.repository, session, gun, why);
    for (int i = 0; !rc && i < PUBLISH_CONFLICTS_MAX; i++) {
        rc = remove_once(&r, why);
        if (rc != RC_STALE)
            return rc;

        progress_note(session_progress(session), "%s; looking again", why->text);
        rc = RC_OK;
    }

    return rc ? rc
              : fail(why, RC_CONFLICT, "'%s': others published first %d times; try again", gun,
                    PUBLISH_CONFLICTS_MAX);
}

/* As docker does, those that fail keep no other one from it. */
COMMAND(cmd_signer_remove)
{
    enum rc first =
        !strcmp(arguments[0], "releases")
            ? fail(why, RC_USAGE, "releases is a reserved keyword and cannot be removed")
            : signer_name_check(arguments[0], "signer", why);
    bool is_for_others = options_has(session_options(session), OPTION_OUT);
    closing(bytes_done) struct bytes failed = BYTES_INIT(sizeof why->text);

    if (first)
        return first;
    if (is_for_others && n > 2)
        return fail(why, RC_USAGE, "--out takes one repository");

    for (size_t i = 1; i < n; i++) {
        struct why problem;

        printf("Removing signer \"%s\" from %s...\n", arguments[0], arguments[i]);
        enum rc rc = remove_signer(session, arguments[0], arguments[i], &problem);
        if (!rc && !is_for_others)
            printf("Successfully removed %s from %s\n\n", arguments[0], arguments[i]);
        if (!rc)
            continue;

        if (n == 2)
            return fail(why, rc, "%s", problem.text);
        progress_note(session_progress(session), "%s", problem.text);
        bytes_printf(&failed, "%s%s", failed.len > 0 ? ", " : "", arguments[i]);
        if (!first)
            first = rc;
    }

    return first ? fail(why, first, "error removing signer from: %s", bytes_text(&failed)) : RC_OK;
}
