/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_role.h"

#include <assert.h>
#include <inttypes.h>

/* {"keytype":…,"keyval":{"private":null,"public":…}} */
static enum rc
key_scan(struct pubkey **ret, struct canon *c, struct why *why)
{
    closing(bytes_done) struct bytes keytype = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes public_bytes = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct span keytype_raw, text;
    enum canon_kind null;

    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = canon_expect(c, "keytype", why);
    if (!rc)
        rc = canon_string(c, &keytype_raw, why);
    if (!rc)
        rc = canon_expect(c, "keyval", why);
    if (!rc)
        rc = canon_object(c, why);
    if (!rc)
        rc = canon_expect(c, "private", why);
    if (!rc && canon_peek(c) != CANON_NULL)
        rc = fail(why, RC_MALFORMED, "\"private\" is not null");
    if (!rc)
        rc = canon_literal(c, &null, why);
    if (!rc)
        rc = canon_expect(c, "public", why);
    if (!rc)
        rc = canon_string(c, &text, why);
    if (!rc)
        rc = canon_close(c, why);
    if (!rc)
        rc = canon_close(c, why);
    if (rc)
        return rc;

    canon_decode(&keytype, keytype_raw);
    rc = bytes_check(&keytype, why);
    if (!rc)
        rc = base64_parse(&public_bytes, text, why);
    if (rc)
        return rc;

    return pubkey_new(ret, bytes_span(&keytype), bytes_span(&public_bytes), why);
}

static enum rc
keys_add(struct tuf_keys *keys, struct span id, struct canon *c, struct why *why)
{
    if (keys->n == KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", KEYS_MAX);

    struct keyid *place = mem_grow((void **)&keys->ids, keys->n, sizeof *place, KEYS_MAX);
    struct pubkey **key = mem_grow((void **)&keys->keys, keys->n, sizeof *key, KEYS_MAX);
    if (!place || !key)
        return fail_memory(why);

    enum rc rc = keyid_parse(place, id, why);
    if (!rc)
        rc = key_scan(key, c, why);
    if (rc)
        return within(why, rc, "keys['%.*s']", (int)id.len, (const char *)id.p);

    keys->n++;
    return RC_OK;
}

enum rc
tuf_keys_scan(struct tuf_keys *ret, struct canon *c, struct why *why)
{
    closing(tuf_keys_done) struct tuf_keys keys = {0};
    struct span id;
    bool more = false;

    enum rc rc = canon_object(c, why);
    if (rc)
        return within(why, rc, "keys");

    rc = canon_member(c, &id, &more, why);
    while (!rc && more) {
        rc = keys_add(&keys, id, c, why);
        if (!rc)
            rc = canon_member(c, &id, &more, why);
    }
    if (rc)
        return rc;

    *ret = keys;
    keys = (struct tuf_keys){0};
    return RC_OK;
}

void
tuf_keys_done(struct tuf_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        pubkey_unref(keys->keys[i]);
    free(keys->keys);
    free(keys->ids);
    *keys = (struct tuf_keys){0};
}

void
tuf_keys_format(struct bytes *b, const struct tuf_keys *keys)
{
    bytes_putc(b, '{');
    for (size_t i = 0; i < keys->n; i++) {
        bytes_printf(b, "%s\"%s\":", i == 0 ? "" : ",", keys->ids[i].hex);
        pubkey_format(b, keys->keys[i]);
    }
    bytes_putc(b, '}');
}

size_t
tuf_keys_index(const struct tuf_keys *keys, const struct keyid *id)
{
    size_t low = 0, high = keys->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(id->hex, keys->ids[middle].hex, sizeof id->hex);
        if (order == 0)
            return middle;

        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }

    return keys->n;
}

struct pubkey *
tuf_keys_find(const struct tuf_keys *keys, const struct keyid *id)
{
    size_t i = tuf_keys_index(keys, id);

    return i < keys->n ? keys->keys[i] : NULL;
}

static enum rc
keyids_add(struct tuf_role *role, struct canon *c, struct why *why)
{
    struct span text;

    if (role->n_keyids == KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d key IDs", KEYS_MAX);

    struct keyid *keyid = mem_grow((void **)&role->keyids, role->n_keyids, sizeof *keyid, KEYS_MAX);
    if (!keyid)
        return fail_memory(why);

    enum rc rc = canon_string(c, &text, why);
    if (!rc)
        rc = keyid_parse(keyid, text, why);
    if (rc)
        return within(why, rc, "keyids[%zu]", role->n_keyids);

    role->n_keyids++;
    return RC_OK;
}

static enum rc
keyids_scan(struct tuf_role *role, struct canon *c, struct why *why)
{
    enum canon_kind null;
    bool more = false;

    enum rc rc = canon_expect(c, "keyids", why);
    if (rc)
        return rc;

    if (canon_peek(c) == CANON_NULL) {
        role->keyids_null = true;
        return canon_literal(c, &null, why);
    }

    rc = canon_array(c, why);
    if (rc)
        return within(why, rc, "keyids");

    rc = canon_element(c, &more, why);
    while (!rc && more) {
        rc = keyids_add(role, c, why);
        if (!rc)
            rc = canon_element(c, &more, why);
    }

    return rc;
}

static enum rc
paths_add(struct tuf_role *role, struct canon *c, struct why *why)
{
    if (role->n_paths == PATHS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d paths", PATHS_MAX);

    struct span *path = mem_grow((void **)&role->paths, role->n_paths, sizeof *path, PATHS_MAX);
    if (!path)
        return fail_memory(why);

    enum rc rc = canon_string(c, path, why);
    if (rc)
        return within(why, rc, "paths[%zu]", role->n_paths);

    role->n_paths++;
    return RC_OK;
}

static enum rc
paths_scan(struct tuf_role *role, struct canon *c, struct why *why)
{
    bool more = false;

    enum rc rc = canon_optional(c, "paths", &role->has_paths, why);
    if (rc || !role->has_paths)
        return rc;

    rc = canon_array(c, why);
    if (rc)
        return within(why, rc, "paths");

    rc = canon_element(c, &more, why);
    while (!rc && more) {
        rc = paths_add(role, c, why);
        if (!rc)
            rc = canon_element(c, &more, why);
    }
    if (rc)
        return rc;

    /* notary-server leaves out an empty list when it hashes the file, and no hash fits any more */
    if (role->n_paths == 0)
        return fail(why, RC_MALFORMED, "paths is an empty list: it must be left out");

    return RC_OK;
}

static enum rc
threshold_scan(struct tuf_role *role, struct canon *c, struct why *why)
{
    enum rc rc = canon_expect(c, "threshold", why);
    if (rc)
        return rc;

    rc = canon_integer(c, &role->threshold, why);
    return rc ? within(why, rc, "threshold") : canon_close(c, why);
}

enum rc
tuf_role_scan_base(struct tuf_role *ret, struct canon *c, struct span name, struct why *why)
{
    closing(tuf_role_done) struct tuf_role role = {.name = name};

    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = keyids_scan(&role, c, why);
    if (!rc)
        rc = threshold_scan(&role, c, why);
    if (rc)
        return rc;

    *ret = role;
    role = (struct tuf_role){0};
    return RC_OK;
}

enum rc
tuf_role_scan(struct tuf_role *ret, struct canon *c, struct why *why)
{
    closing(tuf_role_done) struct tuf_role role = {0};

    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = keyids_scan(&role, c, why);
    if (!rc)
        rc = canon_expect(c, "name", why);
    if (!rc)
        rc = canon_string(c, &role.name, why);
    if (!rc)
        rc = paths_scan(&role, c, why);
    if (!rc)
        rc = threshold_scan(&role, c, why);
    if (rc)
        return rc;

    *ret = role;
    role = (struct tuf_role){0};
    return RC_OK;
}

void
tuf_role_done(struct tuf_role *role)
{
    free(role->keyids);
    free(role->paths);
    *role = (struct tuf_role){0};
}

static void
keyids_format(struct bytes *b, const struct tuf_role *role)
{
    bytes_puts(b, "{\"keyids\":");
    if (role->keyids_null) {
        bytes_puts(b, "null");
        return;
    }

    bytes_putc(b, '[');
    for (size_t i = 0; i < role->n_keyids; i++)
        bytes_printf(b, "%s\"%s\"", i == 0 ? "" : ",", role->keyids[i].hex);
    bytes_putc(b, ']');
}

/* A raw string has its escapes already. */
static void
raw_format(struct bytes *b, struct span raw)
{
    bytes_putc(b, '"');
    bytes_put(b, raw);
    bytes_putc(b, '"');
}

void
tuf_role_format_base(struct bytes *b, const struct tuf_role *role)
{
    keyids_format(b, role);
    bytes_printf(b, ",\"threshold\":%" PRId64 "}", role->threshold);
}

void
tuf_role_format(struct bytes *b, const struct tuf_role *role)
{
    keyids_format(b, role);
    bytes_puts(b, ",\"name\":");
    raw_format(b, role->name);
    for (size_t i = 0; i < role->n_paths; i++) {
        bytes_puts(b, i == 0 ? ",\"paths\":[" : ",");
        raw_format(b, role->paths[i]);
    }
    bytes_printf(b, "%s,\"threshold\":%" PRId64 "}", role->n_paths > 0 ? "]" : "", role->threshold);
}

/* Whether the decoded form of raw is a prefix of name, and its length. */
static bool
is_prefix(struct span raw, struct span name, size_t *ret_len)
{
    size_t at = 0;

    for (size_t i = 0; i < raw.len; i++) {
        if (raw.p[i] == '\\')
            i++;
        if (at == name.len || raw.p[i] != name.p[at])
            return false;
        at++;
    }

    *ret_len = at;
    return true;
}

bool
tuf_role_admits_from(size_t *ret_len, const struct tuf_role *role, struct span name, size_t least)
{
    bool admits = false;

    for (size_t i = 0; i < role->n_paths; i++) {
        size_t len;
        if (!is_prefix(role->paths[i], name, &len) || len < least)
            continue;

        if (!admits || len < *ret_len)
            *ret_len = len;
        admits = true;
    }

    return admits;
}

bool
tuf_role_admits(const struct tuf_role *role, struct span name)
{
    size_t len = 0;

    return tuf_role_admits_from(&len, role, name, 0);
}

enum rc
tuf_role_keys(struct pubkey ***ret, size_t *ret_n, const struct tuf_role *role,
    const struct tuf_keys *keys, struct why *why)
{
    size_t n = 0;

    struct pubkey **found = calloc(role->n_keyids + 1, sizeof(struct pubkey *));
    if (!found)
        return fail_memory(why);

    for (size_t i = 0; i < role->n_keyids; i++) {
        struct pubkey *key = tuf_keys_find(keys, &role->keyids[i]);
        if (key && keyid_eq(pubkey_id(key), &role->keyids[i]))
            found[n++] = key;
    }

    *ret = found;
    *ret_n = n;
    return RC_OK;
}

static int
keyid_order(const void *a, const void *b)
{
    const struct keyid *const *x = a, *const *y = b;

    return memcmp((*x)->hex, (*y)->hex, sizeof(*x)->hex);
}

enum tuf_flaw
tuf_role_check(const struct tuf_role *role, const struct tuf_keys *keys, struct why *why)
{
    const struct keyid *canonical[KEYS_MAX];
    int name_len = (int)role->name.len;
    const char *name = (const char *)role->name.p;

    assert(role->n_keyids <= KEYS_MAX);
    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct keyid *id = &role->keyids[i];
        const struct pubkey *key = tuf_keys_find(keys, id);
        if (!key)
            return tuf_flawed(why, TUF_FLAW_KEY_MISSING,
                "role '%.*s' lists key %s, which is not there", name_len, name, id->hex);

        if (!keyid_eq(pubkey_id(key), id))
            return tuf_flawed(why, TUF_FLAW_KEY_ID,
                "role '%.*s' lists key %s, whose ID is really %s", name_len, name, id->hex,
                pubkey_id(key)->hex);

        canonical[i] = pubkey_canonical_id(key);
    }

    /* CVE-2020-6174 and its kin: one key under two IDs must not count twice */
    qsort(canonical, role->n_keyids, sizeof canonical[0], keyid_order);
    for (size_t i = 1; i < role->n_keyids; i++)
        if (keyid_eq(canonical[i - 1], canonical[i]))
            return tuf_flawed(why, TUF_FLAW_DUPLICATE_KEY, "role '%.*s' lists the key %s twice",
                name_len, name, canonical[i]->hex);

    if (role->threshold < 1 || (uint64_t)role->threshold > role->n_keyids)
        return tuf_flawed(why, TUF_FLAW_THRESHOLD,
            "role '%.*s' has threshold %" PRId64 ", want 1 to %zu, the number of its keys",
            name_len, name, role->threshold, role->n_keyids);

    return TUF_SOUND;
}

enum rc
tuf_role_verify(const struct tuf_role *role, const struct tuf_keys *keys,
    const struct tuf_file *file, struct why *why)
{
    closing(freep) struct pubkey **found = NULL;
    size_t n = 0;

    enum rc rc = tuf_role_keys(&found, &n, role, keys, why);
    if (!rc)
        rc = verify_threshold(found, n, role->threshold, file->signatures, file->n_signatures,
            bytes_span(&file->message), why);
    if (rc != RC_UNTRUSTED)
        return rc;

    /* A listing that nobody can sign for is the reason, not who signed. */
    if (tuf_role_check(role, keys, why) || file->n_unreadable == 0)
        return rc;

    return within(why, rc, "%zu of its signatures cannot be read", file->n_unreadable);
}
