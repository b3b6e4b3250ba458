/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/changes.h"

#include <inttypes.h>

#include "proto/bounds.h"
#include "proto/difference.h"
#include "proto/utc.h"

/* The list as it grows: first whole changes, then the text of those that do not fit. */
struct writer {
    struct changes *changes;
    size_t room; /* bytes of JSON that still fit */
    size_t n_more;
    struct bytes more; /* their JSON, with a comma before each but the first */
    enum rc rc;        /* sticky */
};

static void
put_json(struct writer *w, json_t *change)
{
    char *text = json_dumps(change, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
    size_t len = text ? strlen(text) + 1 : 0;

    if (!change || !text) {
        w->rc = RC_NO_MEMORY;
    } else if (w->n_more == 0 && len <= w->room) {
        w->room -= len;
        w->rc = json_array_append(w->changes->list, change) ? RC_NO_MEMORY : RC_OK;
    } else {
        bytes_puts(&w->more, w->n_more == 0 ? "" : ",");
        bytes_puts(&w->more, text);
        w->rc = bytes_check(&w->more, NULL);
        w->n_more++;
    }

    free(text);
    json_decref(change);
}

/* was, is: NULL where there is none. name is decoded; what is no text of JSON stays raw. */
static void
put_change(struct writer *w, const char *kind, struct span name, const char *was, const char *is)
{
    if (!w->rc)
        put_json(w, json_pack("{s:s,s:s%,s:s*,s:s*}", "kind", kind, "name",
                        name.len > 0 ? (const char *)name.p : "", name.len, "was", was, "is", is));
}

static enum rc
finish(struct writer *w, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1], count[24];
    struct digest digest;

    if (!w->rc && w->n_more > 0) {
        digest_of(&digest, bytes_span(&w->more));
        digest_hex(hex, &digest);
        snprintf(count, sizeof count, "%zu", w->n_more);
        json_t *more =
            json_pack("{s:s,s:s,s:s,s:s}", "kind", "more", "name", "", "was", count, "is", hex);
        w->rc = json_array_append_new(w->changes->list, more) ? RC_NO_MEMORY : RC_OK;
    }

    bytes_done(&w->more);
    return w->rc ? fail_memory(why) : RC_OK;
}

static void
put_expiry(struct writer *w, const int64_t *was, int64_t is)
{
    closing(bytes_done) struct bytes old = BYTES_INIT(64), new = BYTES_INIT(64);

    if (was && *was == is)
        return;

    if (was)
        utc_format(&old, *was);
    utc_format(&new, is);
    put_change(w, "expiry", (struct span){0}, was ? bytes_text(&old) : NULL, bytes_text(&new));
}

/* Keys, thresholds and paths of a role, of which one of was and is may be NULL. */

static bool
has_key(const struct tuf_role *role, const struct keyid *id)
{
    for (size_t i = 0; role && i < role->n_keyids; i++)
        if (keyid_eq(&role->keyids[i], id))
            return true;

    return false;
}

static void
put_key(struct writer *w, struct span role, const struct keyid *id, const struct tuf_keys *keys,
    bool is_new)
{
    const struct pubkey *key = tuf_keys_find(keys, id);
    char text[2 * DIGEST_HEX_LEN + 8];

    snprintf(text, sizeof text, "%s", id->hex);
    if (key && !keyid_eq(pubkey_canonical_id(key), id))
        snprintf(text, sizeof text, "%s as %s", pubkey_canonical_id(key)->hex, id->hex);
    put_change(w, "key", role, is_new ? NULL : text, is_new ? text : NULL);
}

static bool
has_path(const struct tuf_role *role, struct span path)
{
    for (size_t i = 0; role && i < role->n_paths; i++)
        if (span_eq(role->paths[i], path))
            return true;

    return false;
}

static void
put_path(struct writer *w, struct span role, struct span path, bool is_new)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&text, path);
    if (text.failed)
        w->rc = RC_NO_MEMORY;
    put_change(
        w, "path", role, is_new ? NULL : bytes_text(&text), is_new ? bytes_text(&text) : NULL);
}

static void
put_threshold(
    struct writer *w, struct span name, const struct tuf_role *was, const struct tuf_role *is)
{
    char old[24], new[24];

    if (was && is && was->threshold == is->threshold)
        return;

    snprintf(old, sizeof old, "%" PRId64, was ? was->threshold : 0);
    snprintf(new, sizeof new, "%" PRId64, is ? is->threshold : 0);
    put_change(w, "threshold", name, was ? old : NULL, is ? new : NULL);
}

/* What protects the role less than before. One that is gone may come back with a threshold of 1. */
static void
weigh_role(struct writer *w, const struct tuf_role *was, const struct tuf_role *is)
{
    int64_t threshold = is ? is->threshold : 1;
    bool has_keys = !is || is->n_keyids > 0;

    if (was && (threshold < was->threshold || (was->n_keyids > 0 && !has_keys)))
        w->changes->lowers_threshold = true;
}

static void
put_role(struct writer *w, struct span name, const struct tuf_role *was,
    const struct tuf_keys *was_keys, const struct tuf_role *is, const struct tuf_keys *is_keys)
{
    for (size_t i = 0; was && i < was->n_keyids; i++)
        if (!has_key(is, &was->keyids[i]))
            put_key(w, name, &was->keyids[i], was_keys, false);
    for (size_t i = 0; is && i < is->n_keyids; i++)
        if (!has_key(was, &is->keyids[i]))
            put_key(w, name, &is->keyids[i], is_keys, true);

    put_threshold(w, name, was, is);
    weigh_role(w, was, is);
    for (size_t i = 0; was && i < was->n_paths; i++)
        if (!has_path(is, was->paths[i]))
            put_path(w, name, was->paths[i], false);
    for (size_t i = 0; is && i < is->n_paths; i++)
        if (!has_path(was, is->paths[i]))
            put_path(w, name, is->paths[i], true);
}

/* The place of each role of in, from 1: of those that are in other, too, among these; of the others
 * among all. */
static size_t *
places_of(const struct tuf_targets *in, const struct tuf_targets *other)
{
    size_t *places = calloc(in->n_roles + 1, sizeof *places), n_common = 0;

    for (size_t i = 0; places && i < in->n_roles; i++)
        places[i] = other && tuf_targets_find_role(other, in->roles[i].name) ? ++n_common : i + 1;

    return places;
}

/* Which of the places is NULL tells whether the role comes or goes. */
static void
put_place(struct writer *w, struct span name, const size_t *was, const size_t *is)
{
    char old[24], new[24];

    snprintf(old, sizeof old, "%zu", was ? *was : 0);
    snprintf(new, sizeof new, "%zu", is ? *is : 0);
    if (!was || !is || *was != *is)
        put_change(w, "delegation", name, was ? old : NULL, is ? new : NULL);
}

static void
put_delegations(struct writer *w, const struct tuf_targets *was, const struct tuf_targets *is)
{
    closing(freep) size_t *old = was ? places_of(was, is) : NULL;
    closing(freep) size_t *new = places_of(is, was);

    if ((was && !old) || !new)
        w->rc = RC_NO_MEMORY;

    for (size_t i = 0; i < is->n_roles && !w->rc; i++) {
        const struct tuf_role *role = &is->roles[i];
        const struct tuf_role *before = was ? tuf_targets_find_role(was, role->name) : NULL;
        put_place(w, role->name, before ? &old[before - was->roles] : NULL, &new[i]);
        put_role(w, role->name, before, was ? &was->keys : NULL, role, &is->keys);
    }

    for (size_t i = 0; was && i < was->n_roles && !w->rc; i++) {
        const struct tuf_role *role = &was->roles[i];
        if (tuf_targets_find_role(is, role->name))
            continue;

        put_place(w, role->name, &old[i], NULL);
        put_role(w, role->name, role, &was->keys, NULL, NULL);
    }
}

/* Whatever differs between two targets differs here. */
static void
put_target(struct bytes *b, const struct tuf_target *target)
{
    struct digest digest;

    if (target->hashes.has_sha256) {
        bytes_puts(b, "sha256:");
        bytes_put_hex(b, digest_span(&target->hashes.sha256));
    }
    if (target->hashes.has_sha512) {
        bytes_puts(b, " sha512:");
        bytes_put_hex(b, (struct span){target->hashes.sha512, sizeof target->hashes.sha512});
    }
    bytes_printf(b, " %" PRId64 " bytes", target->length);
    if (target->custom.len > 0) {
        digest_of(&digest, target->custom);
        bytes_puts(b, " custom:");
        bytes_put_hex(b, digest_span(&digest));
    }
}

static enum rc
put_tag(struct writer *w, char **place, const struct change *change)
{
    closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes was = BYTES_INIT(1024), is = BYTES_INIT(1024);

    canon_decode(&name, change->name);
    if (change->tag_was)
        put_target(&was, change->tag_was);
    if (change->tag_is)
        put_target(&is, change->tag_is);
    *place = span_dup(bytes_span(&name));
    if (!*place || name.failed || was.failed || is.failed)
        return RC_NO_MEMORY;

    put_change(w, "tag", bytes_span(&name), change->tag_was ? bytes_text(&was) : NULL,
        change->tag_is ? bytes_text(&is) : NULL);
    return w->rc;
}

static void
put_tags(struct writer *w, const struct tuf_targets *was, const struct tuf_targets *is)
{
    closing(difference_done) struct difference d = {0};
    struct changes *changes = w->changes;

    w->rc = w->rc ? w->rc : difference_of(&d, was, is, NULL);
    changes->tags = w->rc ? NULL : calloc(d.n + 1, sizeof *changes->tags);
    if (!changes->tags) {
        w->rc = RC_NO_MEMORY;
        return;
    }

    for (size_t i = 0; i < d.n && !w->rc; i++)
        if (d.changes[i].kind == CHANGE_TAG)
            w->rc = put_tag(w, &changes->tags[changes->n_tags++], &d.changes[i]);
}

static struct writer
writer_of(struct changes *changes, size_t max_bytes)
{
    changes->list = json_array();
    return (struct writer){.changes = changes,
        .room = max_bytes,
        .more = BYTES_INIT(BYTES_LIMIT),
        .rc = changes->list ? RC_OK : RC_NO_MEMORY};
}

enum rc
changes_of_targets(struct changes *ret, const struct tuf_targets *was, const struct tuf_targets *is,
    size_t max_bytes, struct why *why)
{
    closing(changes_done) struct changes changes = {0};
    struct writer w = writer_of(&changes, max_bytes);

    put_delegations(&w, was, is);
    put_tags(&w, was, is);
    put_expiry(&w, was ? &was->expires_at : NULL, is->expires_at);
    enum rc rc = finish(&w, why);
    if (rc)
        return rc;

    *ret = changes;
    changes = (struct changes){0};
    return RC_OK;
}

enum rc
changes_of_root(struct changes *ret, const struct tuf_root *was, const struct tuf_root *is,
    size_t max_bytes, struct why *why)
{
    closing(changes_done) struct changes changes = {0};
    struct writer w = writer_of(&changes, max_bytes);

    for (size_t i = 0; i < N_ELEMENTS(is->roles); i++)
        put_role(&w, is->roles[i].name, was ? &was->roles[i] : NULL, was ? &was->keys : NULL,
            &is->roles[i], &is->keys);
    put_expiry(&w, was ? &was->expires_at : NULL, is->expires_at);
    enum rc rc = finish(&w, why);
    if (rc)
        return rc;

    *ret = changes;
    changes = (struct changes){0};
    return RC_OK;
}

void
changes_done(struct changes *changes)
{
    for (size_t i = 0; i < changes->n_tags; i++)
        free(changes->tags[i]);
    free(changes->tags);
    json_decref(changes->list);
    *changes = (struct changes){0};
}
