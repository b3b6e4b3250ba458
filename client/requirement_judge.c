/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a requirement is met by what is published. */
#include <stdarg.h>
#include <stdio.h>

#include "client/released.h"
#include "client/requirement.h"
#include "proto/bounds.h"

#define NAMES_MAX_BYTES 200 /* of signers in one sentence */

/* What is released under a tag, to be compared with what is required. */
struct judging {
    const struct requirement *requirement;
    const struct requirement_image *image;
    const char *tag;
    const struct tuf_target *target;
    const struct trust_role *role;
};

/* The first doubt is the one that is told. RC_OK, as to doubt is what we are here for. */
like_printf(3, 4) static enum rc
    doubt(struct finding *finding, enum doubt kind, const char *fmt, ...)
{
    char text[sizeof finding->why.text];
    va_list ap;

    if (finding->doubt != DOUBT_NONE)
        return RC_OK;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    finding->doubt = kind;
    return fail(&finding->why, RC_OK, "%s", text);
}

static const struct trust_role *
find_role(const struct requirement_image *image, const char *name)
{
    for (size_t i = 0; i < image->n_roles; i++)
        if (!strcmp(image->roles[i].name, name))
            return &image->roles[i];

    return NULL;
}

/* What role holds under that tag, as far as its paths let it. */
static const struct tuf_target *
held(const struct requirement_image *image, const struct trust_role *role, const char *tag)
{
    const struct tuf_target *target =
        role->document ? tuf_targets_find(role->document, span_of(tag)) : NULL;

    return target && released_admits(image->roles, image->n_roles, role, span_of(tag)) ? target
                                                                                       : NULL;
}

static bool
is_same(const struct tuf_target *a, const struct tuf_target *b)
{
    return a && b && a->hashes.has_sha256 && b->hashes.has_sha256 &&
           digest_eq(&a->hashes.sha256, &b->hashes.sha256);
}

/* "targets/dev, targets/ops": those that hold target under the tag; target NULL: any. */
static const char *
names_of_holders(char ret[NAMES_MAX_BYTES], const struct requirement_image *image, const char *tag,
    const struct tuf_target *target)
{
    int at = 0;

    ret[0] = 0;
    for (size_t i = 0; i < image->n_roles && at < NAMES_MAX_BYTES; i++) {
        const struct tuf_target *have = held(image, &image->roles[i], tag);
        if (have && (!target || is_same(have, target)))
            at += snprintf(ret + at, (size_t)(NAMES_MAX_BYTES - at), "%s%s", at > 0 ? ", " : "",
                image->roles[i].name);
    }
    return at > 0 ? ret : "nobody";
}

static const char *
hex_of(char ret[DIGEST_HEX_LEN + 1], const struct tuf_target *target)
{
    ret[0] = 0;
    if (target->hashes.has_sha256)
        digest_hex(ret, &target->hashes.sha256);
    return *ret ? ret : "(none)";
}

static enum rc
doubt_role(struct finding *finding, const struct trust_role *role)
{
    return doubt(finding, doubt_of_cause(role->cause), "%s: %s", role->name, role->why.text);
}

static enum rc
check_holder(struct finding *finding, const struct judging *j, const char *name)
{
    const struct trust_role *role = find_role(j->image, name);
    const struct tuf_target *target = role ? held(j->image, role, j->tag) : NULL;
    char have[DIGEST_HEX_LEN + 1], want[DIGEST_HEX_LEN + 1], names[NAMES_MAX_BYTES];

    if (role && role->problem)
        return doubt_role(finding, role);
    if (!target)
        return doubt(finding, DOUBT_OTHER_SIGNERS, "%s %s; it is held by %s", name,
            role ? "has not signed it" : "is no role of this repository",
            names_of_holders(names, j->image, j->tag, NULL));
    if (!is_same(target, j->target))
        return doubt(finding, DOUBT_OTHER_DIGEST, "%s has sha256:%s, %s has sha256:%s", name,
            hex_of(have, target), j->role->name, hex_of(want, j->target));

    return RC_OK;
}

static enum rc
check_any(struct finding *finding, const struct judging *j, const struct requirement_roles *roles)
{
    struct finding first = {0};

    for (size_t i = 0; i < roles->n; i++) {
        struct finding one = {0};

        enum rc rc = check_holder(&one, j, roles->names[i]);
        if (rc || one.doubt == DOUBT_NONE)
            return rc;
        if (i == 0)
            first = one;
    }

    return doubt(finding, first.doubt, "none of %zu roles of which one is required: %s", roles->n,
        first.why.text);
}

enum rc
requirement_is_signed(
    bool *ret, const struct trust_role *role, const struct keyid *canonical_id, struct why *why)
{
    closing(freep) struct pubkey **keys = NULL;
    size_t n = 0;

    *ret = false;
    if (!role->file || !role->listed || !role->listed_keys)
        return RC_OK;

    enum rc rc = tuf_role_keys(&keys, &n, role->listed, role->listed_keys, why);
    for (size_t i = 0; !rc && i < n && !*ret; i++)
        *ret = keyid_eq(pubkey_canonical_id(keys[i]), canonical_id) &&
               !verify_threshold(&keys[i], 1, 1, role->file->signatures, role->file->n_signatures,
                   bytes_span(&role->file->message), NULL);
    return rc;
}

static bool
is_listed(const struct trust_role *role, const struct keyid *canonical_id)
{
    for (size_t i = 0; role->listed && role->listed_keys && i < role->listed->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(role->listed_keys, &role->listed->keyids[i]);
        if (key && keyid_eq(pubkey_canonical_id(key), canonical_id))
            return true;
    }

    return false;
}

static bool
is_releasing(const struct trust_role *role)
{
    return !strcmp(role->name, "targets") || !strcmp(role->name, "targets/releases");
}

/*
 * Whoever signs a role that is released from signs all tags in it, those of others too. So where
 * the key has a role of its own, only that one shows what its owner agreed to.
 */
static enum rc
check_key(struct finding *finding, const struct judging *j, const struct requirement_key *wanted,
    struct why *why)
{
    const struct keyid *id = pubkey_canonical_id(wanted->key);
    const struct requirement_image *image = j->image;
    const struct trust_role *listing = NULL;
    struct finding of_roles = {0};
    char names[NAMES_MAX_BYTES];

    for (int own = 1; own >= 0 && !listing; own--)
        for (size_t i = 0; i < image->n_roles; i++) {
            const struct trust_role *role = &image->roles[i];
            bool is_signed = false;
            if (is_releasing(role) == own || !is_listed(role, id))
                continue;

            struct finding one = {0};
            listing = role;
            enum rc rc = check_holder(&one, j, role->name);
            if (!rc && one.doubt == DOUBT_NONE)
                rc = requirement_is_signed(&is_signed, role, id, why);
            if (rc || is_signed)
                return rc;

            if (one.doubt == DOUBT_NONE)
                rc = doubt(
                    &one, DOUBT_OTHER_SIGNERS, "%s lists it, and is signed by others", role->name);
            if (rc)
                return rc;
            if (of_roles.doubt == DOUBT_NONE)
                of_roles = one;
        }

    if (!listing)
        return doubt(finding, DOUBT_OTHER_SIGNERS,
            "the key of '%s', %.16s, is in no role of this repository; it is held by %s",
            wanted->name, id->hex, names_of_holders(names, image, j->tag, NULL));

    return doubt(finding, of_roles.doubt, "the key of '%s', %.16s: %s", wanted->name, id->hex,
        of_roles.why.text);
}

static enum rc
list_holders(struct finding *finding, const struct judging *j, struct why *why)
{
    finding->tag = strdup(j->tag);
    finding->holders = calloc(j->image->n_roles + 1, sizeof *finding->holders);
    if (!finding->tag || !finding->holders)
        return fail_memory(why);

    finding->target = j->target;
    finding->role = j->role;
    for (size_t i = 0; i < j->image->n_roles; i++)
        if (is_same(held(j->image, &j->image->roles[i], j->tag), j->target))
            finding->holders[finding->n_holders++] = &j->image->roles[i];
    return RC_OK;
}

/* What is released, against digest and requirement. */
static enum rc
check_released(struct finding *finding, const struct judging *j, struct why *why)
{
    const struct requirement *requirement = j->requirement;
    char have[DIGEST_HEX_LEN + 1], want[DIGEST_HEX_LEN + 1];

    enum rc rc = list_holders(finding, j, why);
    if (!rc && !j->target->hashes.has_sha256)
        return doubt(finding, DOUBT_NOT_VERIFIED, "%s has no sha256 of it", j->role->name);
    if (!rc && j->image->digest && !digest_eq(j->image->digest, &j->target->hashes.sha256)) {
        digest_hex(want, j->image->digest);
        return doubt(finding, DOUBT_OTHER_DIGEST, "%s has sha256:%s, not sha256:%s", j->role->name,
            hex_of(have, j->target), want);
    }

    for (size_t i = 0; !rc && i < requirement->all.n; i++)
        rc = check_holder(finding, j, requirement->all.names[i]);
    for (size_t i = 0; !rc && i < requirement->n_any; i++)
        rc = check_any(finding, j, &requirement->any[i]);
    for (size_t i = 0; !rc && i < requirement->n_keys; i++)
        rc = check_key(finding, j, &requirement->keys[i], why);
    return rc;
}

static const char *const releasing[] = {"targets/releases", "targets"};

/* As docker reads, but for a targets/releases that does not verify: what it says of the tag is not
 * known, so that targets does not count in its place. */
static enum rc
judge_tag(struct finding *finding, const struct requirement *requirement,
    const struct requirement_image *image, const char *tag, struct why *why)
{
    char names[NAMES_MAX_BYTES];

    for (size_t i = 0; i < N_ELEMENTS(releasing); i++) {
        const struct trust_role *role = find_role(image, releasing[i]);
        const struct tuf_target *target = role ? held(image, role, tag) : NULL;
        if (role && role->problem)
            return doubt_role(finding, role);
        if (target)
            return check_released(
                finding, &(struct judging){requirement, image, tag, target, role}, why);
    }

    names_of_holders(names, image, tag, NULL);
    if (*names)
        return doubt(finding, DOUBT_OTHER_SIGNERS,
            "it is held by %s, but neither by targets/releases nor by targets", names);

    return doubt(finding, DOUBT_NOT_SIGNED, "nobody signed a tag '%s'", tag);
}

/* All tags under which a digest is released; the first one that is required is enough. */
static enum rc
judge_digest(struct finding *ret, const struct requirement *requirement,
    const struct requirement_image *image, struct why *why)
{
    closing(released_done) struct released released = {0};
    char hex[DIGEST_HEX_LEN + 1];

    enum rc rc = released_for_docker(&released, image->roles, image->n_roles, NULL, why);
    for (size_t i = 0; !rc && i < released.n; i++) {
        const struct released_row *row = &released.rows[i];
        closing(finding_done) struct finding one = {0};
        if (!row->target->hashes.has_sha256 ||
            !digest_eq(&row->target->hashes.sha256, image->digest))
            continue;

        rc = judge_tag(&one, requirement, image, row->name, why);
        if (rc || (one.doubt != DOUBT_NONE && ret->doubt != DOUBT_NONE))
            continue;

        finding_done(ret);
        *ret = one;
        one = (struct finding){0};
        if (ret->doubt == DOUBT_NONE)
            return RC_OK;
    }
    if (rc || ret->doubt != DOUBT_NONE)
        return rc;

    digest_hex(hex, image->digest);
    for (size_t i = 0; i < N_ELEMENTS(releasing); i++) {
        const struct trust_role *role = find_role(image, releasing[i]);
        if (role && role->problem)
            return doubt_role(ret, role);
    }
    return doubt(ret, DOUBT_NOT_SIGNED, "no tag is released with sha256:%s", hex);
}

enum rc
requirement_judge(struct finding *ret, const struct requirement *requirement,
    const struct requirement_image *image, struct why *why)
{
    closing(finding_done) struct finding finding = {0};

    enum rc rc = image->tag ? judge_tag(&finding, requirement, image, image->tag, why)
                            : judge_digest(&finding, requirement, image, why);
    if (rc)
        return rc;

    *ret = finding;
    finding = (struct finding){0};
    return RC_OK;
}
