/* SPDX-License-Identifier: Apache-2.0 */
#include "client/clearance.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/released.h"
#include "client/vouching.h"
#include "proto/reference.h"
#include "proto/utc.h"

#define DIGEST_PREFIX "sha256:"

void
clearance_done(struct clearance *clearance)
{
    free(clearance->image);
    free(clearance->reference);
    finding_done(&clearance->finding);
    *clearance = (struct clearance){0};
}

/* An answer: why is its sentence. */
static enum rc
doubt(struct clearance *clearance, enum doubt kind, const struct why *why)
{
    clearance->finding.doubt = kind;
    clearance->finding.why = *why;
    return RC_OK;
}

/* What the pinning file wants of this repository. */
static enum rc
add_demand(struct requirement *all, const struct pinning_demand *demand, struct why *why)
{
    enum rc rc = RC_OK;
    size_t i, k;
    json_t *value, *role;

    json_array_foreach((json_t *)demand->roles, i, value)
        rc = rc ? rc : requirement_add_role(all, json_string_value(value), why);
    json_array_foreach((json_t *)demand->any, i, value) {
        rc = rc ? rc : requirement_begin_any(all, why);
        json_array_foreach(value, k, role)
            rc = rc ? rc : requirement_add_any(all, json_string_value(role), why);
    }
    json_array_foreach((json_t *)demand->certificates, i, value)
        rc = rc ? rc : requirement_add_file(all, json_string_value(value), why);
    return rc;
}

/* Where the server cannot be reached, and the pinning file allows it: by what was seen before. The
 * sentence that is there says why it cannot. */
static enum rc
look_offline(struct clearance *ret, struct session *session, const struct repository *repository,
    struct why *why)
{
    closing(bytes_done) struct bytes when = BYTES_INIT(64);
    struct why offline;

    enum rc rc = trust_update_offline(repository->trust, &offline);
    if (rc == RC_NETWORK)
        return within(why, rc, "%s, and", offline.text);
    if (rc)
        return fail(why, rc, "%s", offline.text);

    ret->is_offline = true;
    ret->stored_at = trust_stored_at(repository->trust);
    int64_t age_min = (session_now(session) - ret->stored_at) / 60;
    utc_format(&when, ret->stored_at);
    progress_note(session_progress(session),
        "'%s': by trust data of %s, %" PRId64 " h %" PRId64 " min ago: %s", repository->name,
        bytes_text(&when), age_min / 60, age_min % 60, why ? why->text : "");
    return RC_OK;
}

/* Fetch and verify. RC_UNTRUSTED and RC_NETWORK become doubts. */
static enum rc
look(struct clearance *ret, struct session *session, struct repository *repository,
    const struct pinning *pinning, struct why *why)
{
    enum rc rc = vouching_ask_to_read(session, repository, why);
    if (!rc && pinning && pinning_mode(pinning) != PINNING_DISABLED &&
        !root_pin_is_set(&repository->pin))
        rc = fail(why, RC_UNTRUSTED,
            "'%s' pins no root of it, and no other is taken where its mode is '%s'",
            pinning_path(pinning), pinning_mode_name(pinning_mode(pinning)));
    if (rc == RC_UNTRUSTED)
        return doubt(ret, DOUBT_UNTRUSTED_ROOT, why);

    if (rc)
        return rc;

    rc = session_read(session, repository, why);
    if (rc == RC_NETWORK && pinning && pinning_allows_expired_cache(pinning))
        rc = look_offline(ret, session, repository, why);
    if (rc == RC_NETWORK)
        return doubt(ret, DOUBT_UNREACHABLE, why);
    if (rc == RC_UNTRUSTED)
        return doubt(ret, doubt_of_cause(trust_cause(repository->trust)), why);
    return rc;
}

/* What expires first of all that the answer stands on; the timestamp does not count, which the
 * server renews, unless there is no server. */
static void
note_expiry(struct clearance *ret, const struct trust *trust)
{
    static const char *const base[] = {"root", "targets", "snapshot", "timestamp"};
    size_t n_base = N_ELEMENTS(base) - (ret->is_offline ? 0 : 1);

    for (size_t i = 0; i < n_base + ret->finding.n_holders; i++) {
        const char *role = i < n_base ? base[i] : ret->finding.holders[i - n_base]->name;
        int64_t at = trust_expires_at(trust, role);
        if (at > 0 && (!ret->expires_role || at < ret->expires_at)) {
            ret->expires_at = at;
            ret->expires_role = role;
        }
    }
}

static enum rc
judge(struct clearance *ret, const struct requirement *requirement, const struct reference *ref,
    const struct repository *repository, struct why *why)
{
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    const struct requirement_image image = {
        .roles = trust_role_at(repository->trust, 0),
        .n_roles = trust_n_roles(repository->trust),
        .tag = ref->tag      ? ref->tag
               : ref->digest ? NULL
                             : "latest",
        .digest = ref->digest ? &digest : NULL,
    };

    if (ref->digest && (strncmp(ref->digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) ||
                           hex_parse(digest.b, sizeof digest.b,
                               span_of(ref->digest + strlen(DIGEST_PREFIX)), NULL)))
        return fail(why, RC_MALFORMED, "'%s': want a digest of SHA-256", ref->digest);

    enum rc rc = requirement_judge(&ret->finding, requirement, &image, why);
    if (rc)
        return rc;

    note_expiry(ret, repository->trust);
    if (ret->finding.doubt != DOUBT_NONE)
        return RC_OK;

    digest_hex(hex, &ret->finding.target->hashes.sha256);
    if (asprintf(&ret->reference, "%s@" DIGEST_PREFIX "%s", ref->repository, hex) < 0) {
        ret->reference = NULL;
        return fail_memory(why);
    }
    return RC_OK;
}

/* "host/name:tag@sha256:…", with what was given. */
static char *
name_of(const struct reference *ref)
{
    char *name = NULL;
    const char *tag = ref->tag || ref->digest ? ref->tag : "latest";

    if (asprintf(&name, "%s%s%s%s%s", ref->repository, tag ? ":" : "", tag ? tag : "",
            ref->digest ? "@" : "", ref->digest ? ref->digest : "") < 0)
        return NULL;
    return name;
}

/* What the options want, and the file. */
static enum rc
join(struct requirement *ret, const struct requirement *options, const struct pinning *pinning,
    const char *repository, struct why *why)
{
    const struct pinning_demand demand =
        pinning ? pinning_demand(pinning, repository) : (struct pinning_demand){0};
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < options->all.n; i++)
        rc = requirement_add_role(ret, options->all.names[i], why);
    for (size_t i = 0; !rc && i < options->n_any; i++) {
        rc = requirement_begin_any(ret, why);
        for (size_t k = 0; !rc && k < options->any[i].n; k++)
            rc = requirement_add_any(ret, options->any[i].names[k], why);
    }
    for (size_t i = 0; !rc && i < options->n_keys; i++)
        rc = requirement_add_key(ret, options->keys[i].key, options->keys[i].name, why);
    if (rc)
        return rc;

    rc = add_demand(ret, &demand, why);
    return rc ? within(why, rc, "'%s': require", pinning_path(pinning)) : RC_OK;
}

enum rc
clearance_ask(struct clearance *ret, struct session *session, const char *text,
    const struct requirement *requirement, struct why *why)
{
    closing(reference_done) struct reference ref = {0};
    closing(requirement_done) struct requirement all = {0};
    struct repository *repository = NULL;
    const struct pinning *pinning = NULL;

    *ret = (struct clearance){0};
    enum rc rc = reference_parse(&ref, text, why);
    if (rc)
        return within(why, rc, "'%s'", text);

    ret->image = name_of(&ref);
    if (!ret->image)
        return fail_memory(why);

    rc = session_pinning(&pinning, session, why);
    if (!rc)
        rc = join(&all, requirement, pinning, ref.repository, why);
    if (!rc)
        rc = session_repository(&repository, session, ref.repository, why);
    if (!rc)
        rc = look(ret, session, repository, pinning, why);
    if (rc || ret->finding.doubt != DOUBT_NONE)
        return rc;

    return judge(ret, &all, &ref, repository, why);
}

enum rc
clearance_check(const struct clearance *clearance, struct why *why)
{
    const struct finding *finding = &clearance->finding;

    if (finding->doubt == DOUBT_NONE)
        return RC_OK;

    return fail(why, finding->doubt == DOUBT_UNREACHABLE ? RC_NETWORK : RC_UNTRUSTED,
        "'%s' is not to be run: %s: %s", clearance->image, doubt_text(finding->doubt),
        finding->why.text);
}

static enum rc
add_keys(json_t *keys, const struct trust_role *role, struct why *why)
{
    for (size_t i = 0; role->listed && role->listed_keys && i < role->listed->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(role->listed_keys, &role->listed->keyids[i]);
        bool is_signed = false;
        if (!key)
            continue;

        enum rc rc = requirement_is_signed(&is_signed, role, pubkey_canonical_id(key), why);
        if (!rc && is_signed &&
            json_array_append_new(keys, json_pack("{s:s,s:s}", "role", role->name, "key",
                                            pubkey_canonical_id(key)->hex)) < 0)
            rc = fail_memory(why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static json_t *
format_time(int64_t at)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(64);

    if (at == 0)
        return json_null();

    utc_format(&text, at);
    return json_string(bytes_text(&text));
}

static json_t *
format_digest(const struct tuf_target *target)
{
    char text[sizeof DIGEST_PREFIX + DIGEST_HEX_LEN] = DIGEST_PREFIX;

    if (!target || !target->hashes.has_sha256)
        return json_null();

    digest_hex(text + strlen(DIGEST_PREFIX), &target->hashes.sha256);
    return json_string(text);
}

enum rc
clearance_format(json_t **ret, const struct clearance *clearance, struct why *why)
{
    const struct finding *finding = &clearance->finding;
    closing(json_decrefp) json_t *roles = json_array();
    closing(json_decrefp) json_t *signers = json_array();
    closing(json_decrefp) json_t *keys = json_array();
    bool is_allowed = finding->doubt == DOUBT_NONE;

    for (size_t i = 0; i < finding->n_holders; i++) {
        const struct trust_role *role = finding->holders[i];
        json_array_append_new(roles, json_string(role->name));
        if (strcmp(role->name, "targets") != 0 && strcmp(role->name, "targets/releases") != 0)
            json_array_append_new(signers, json_string(released_signer(role)));
        enum rc rc = add_keys(keys, role, why);
        if (rc)
            return rc;
    }

    json_t *all = json_pack(
        "{s:s,s:b,s:s?,s:s?,s:o,s:o,s:s?,s:O,s:O,s:O,s:o,s:s?,s:b,s:o,s:s?,s:s?}", "image",
        clearance->image, "allowed", is_allowed, "reference", clearance->reference, "tag",
        finding->tag, "digest", format_digest(finding->target), "size",
        finding->target ? json_integer(finding->target->length) : json_null(), "role",
        finding->role ? finding->role->name : NULL, "roles", roles, "signers", signers, "keys",
        keys, "expires", format_time(clearance->expires_at), "expires-role",
        clearance->expires_role, "offline", clearance->is_offline, "stored",
        format_time(clearance->stored_at), "reason", is_allowed ? NULL : doubt_id(finding->doubt),
        "message", is_allowed ? NULL : finding->why.text);
    if (!all)
        return fail_memory(why);

    *ret = all;
    return RC_OK;
}
