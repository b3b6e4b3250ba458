/* SPDX-License-Identifier: Apache-2.0 */
#include "client/root_pin.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/agent_error.h"
#include "proto/bounds.h"
#include "proto/walk.h"

void
root_pin_done(struct root_pin *pin)
{
    free(pin->roots);
    free(pin->certificates);
    *pin = (struct root_pin){0};
}

bool
root_pin_is_set(const struct root_pin *pin)
{
    return pin->n_roots + pin->n_certificates > 0;
}

static enum rc
read_answer(struct root_pin *ret, const json_t *answer, struct why *why)
{
    closing(root_pin_done) struct root_pin pin = {0};
    const json_t *roots = NULL;
    struct members m;

    members_open(&m, answer, "TrustedRoot");
    members_array(&m, "roots", KEYS_MAX, &roots);
    members_int(&m, "version", 1, INTEGER_MAX, &pin.version);
    members_int(&m, "threshold", 1, KEYS_MAX, &pin.threshold);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    pin.roots = calloc(json_array_size(roots) + 1, sizeof *pin.roots);
    if (!pin.roots)
        return fail_memory(why);

    for (; pin.n_roots < json_array_size(roots); pin.n_roots++) {
        const char *id = json_string_value(json_array_get(roots, pin.n_roots));
        rc = keyid_parse(&pin.roots[pin.n_roots], span_of(id ? id : ""), why);
        if (rc)
            return within(why, rc, "TrustedRoot");
    }

    *ret = pin;
    pin = (struct root_pin){0};
    return RC_OK;
}

/* The agent knows the caller, or whoever calls, too little to tell him. */
static bool
is_stranger(enum rc rc, const json_t *answer)
{
    const char *reason = json_string_value(json_object_get(answer, "reason"));

    return rc == RC_DENIED && (!reason || !strcmp(reason, "not-granted"));
}

enum rc
root_pin_ask(
    struct root_pin *ret, struct agent_call *agent, const char *repository, struct why *why)
{
    closing(json_decrefp) json_t *parameters = json_pack("{s:s}", "repository", repository);
    closing(json_decrefp) json_t *answer = NULL;
    closing(root_pin_done) struct root_pin pin = {0};

    if (!parameters)
        return fail_memory(why);

    enum rc rc = agent_call_briefly(
        &answer, agent, "TrustedRoot", parameters, ROOT_PIN_TIMEOUT_S * INT64_C(1000), why);
    if (rc == RC_NOT_FOUND || rc == RC_UNSUPPORTED || is_stranger(rc, answer)) {
        *ret = (struct root_pin){0};
        return RC_OK;
    }
    if (rc)
        return within(why, rc, "root of '%s'", repository);

    rc = read_answer(&pin, answer, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    if (pin.n_roots == 0)
        return fail(why, RC_UNTRUSTED,
            "all root keys of '%s' that the agent's policy pins were retired; let an administrator "
            "of it put the new one under 'roots'",
            repository);

    *ret = pin;
    pin = (struct root_pin){0};
    return RC_OK;
}

static bool
is_pinned(const struct root_pin *pin, const struct pubkey *key)
{
    for (size_t i = 0; i < pin->n_certificates; i++)
        if (keyid_eq(&pin->certificates[i], pubkey_id(key)))
            return true;

    for (size_t i = 0; i < pin->n_roots; i++)
        if (keyid_eq(&pin->roots[i], pubkey_canonical_id(key)))
            return true;

    return false;
}

bool
root_pin_vouches(
    const struct root_pin *pin, const struct tuf_root *root, const struct tuf_file *file)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    closing(freep) struct pubkey **pinned = calloc(role->n_keyids + 1, sizeof *pinned);
    size_t n = 0;

    if (!pinned || root->version < pin->version)
        return false;

    for (size_t i = 0; i < role->n_keyids; i++) {
        struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key && is_pinned(pin, key))
            pinned[n++] = key;
    }

    return !verify_threshold(pinned, n, pin->threshold, file->signatures, file->n_signatures,
        bytes_span(&file->message), NULL);
}

/* What the server has is not what is pinned. */
static enum rc
fail_unpinned(const struct root_pin *pin, struct repo *repo, const char *repository,
    const struct tuf_root *root, struct why *why)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    const struct pubkey *key =
        role->n_keyids > 0 ? tuf_keys_find(&root->keys, &role->keyids[0]) : NULL;

    if (pin->file)
        return fail(why, RC_UNTRUSTED,
            "the root of '%s' is not one that '%s' pins, by %s %.16s: %s has key %.16s, "
            "certificate %.16s; nothing of it is used: whoever runs it must look into it, or, if "
            "it was made anew on purpose, pin what 'countersign root-id' shows",
            repository, pin->file, pin->n_roots > 0 ? "key" : "certificate",
            pin->n_roots > 0 ? pin->roots[0].hex : pin->certificates[0].hex, repo_url(repo),
            key ? pubkey_canonical_id(key)->hex : "none", key ? pubkey_id(key)->hex : "none");

    return fail(why, RC_UNTRUSTED,
        "the root of '%s' is not the one that the agent pins, by key %.16s: %s has another "
        "repository of that name; nothing of it is used: whoever runs it must look into it, or, if "
        "it was made anew on purpose, an administrator of the agent",
        repository, pin->roots[0].hex, repo_url(repo));
}

/* One more root of the way that leads from a pinned one to the newest. */
static enum rc
walk_on(
    bool *is_anchored, struct walk *w, const struct root_pin *pin, struct span raw, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;

    if (*is_anchored)
        return walk_root(w, raw, why);

    enum rc rc = tuf_file_parse(&file, raw, TUF_TOLERANT, why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (rc || !root_pin_vouches(pin, root, file))
        return rc;

    rc = walk_anchor(w, raw, why);
    *is_anchored = !rc;
    return rc;
}

/* Whether the root of that version follows from an older one that is vouched for. */
static enum rc
follow(const struct root_pin *pin, struct repo *repo, struct walk *w, int64_t newest,
    const struct tuf_file *root, struct why *why)
{
    bool is_anchored = false;

    if (newest - pin->version > ROOT_CHAIN_MAX)
        return fail(why, RC_UNTRUSTED, "more than %d roots lead to it", ROOT_CHAIN_MAX);

    for (int64_t version = pin->version; version < newest; version++) {
        closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
        char name[32];

        snprintf(name, sizeof name, "%" PRId64 ".root", version);
        enum rc rc = repo_get(&raw, repo, name, DOCUMENT_MAX_BYTES, why);
        if (!rc)
            rc = walk_on(&is_anchored, w, pin, bytes_span(&raw), why);
        if (rc == RC_NETWORK || rc == RC_NO_MEMORY)
            return rc;
        if (rc)
            return fail(why, RC_UNTRUSTED, "%s.json does not lead to it", name);
    }

    return is_anchored ? walk_root(w, bytes_span(&root->raw), why)
                       : fail(why, RC_UNTRUSTED, "no root leads to it");
}

enum rc
root_pin_check(const struct root_pin *pin, struct repo *repo, const char *repository,
    const struct tuf_file *file, int64_t now, struct why *why)
{
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(walk_freep) struct walk *w = NULL;

    enum rc rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (rc)
        return rc;

    if (root->version < pin->version)
        return fail(why, RC_UNTRUSTED,
            "the root of '%s' on %s has version %" PRId64 ", and the agent knows version %" PRId64
            ": what the server has is old, or of another repository; nothing of it is used: "
            "whoever runs it must look into it",
            repository, repo_url(repo), root->version, pin->version);

    if (root_pin_vouches(pin, root, file))
        return RC_OK;

    rc = walk_new(&w, repository, TUF_TOLERANT, now, why);
    if (!rc)
        rc = follow(pin, repo, w, root->version, file, why);
    return rc == RC_UNTRUSTED ? fail_unpinned(pin, repo, repository, root, why) : rc;
}
