/* SPDX-License-Identifier: Apache-2.0 */
#include "client/quorum.h"

#include <inttypes.h>

/* One of the two sets of keys. */
struct side {
    struct pubkey *const *keys;
    size_t n;
    int64_t threshold;
};

static struct side
new_side(const struct quorum *quorum)
{
    return (struct side){quorum->listed, quorum->n_listed, quorum->threshold};
}

static struct side
former_side(const struct quorum *quorum)
{
    return (struct side){
        quorum->former, quorum->n_former, quorum->n_former > 0 ? quorum->former_threshold : 0};
}

static const struct pubkey *
find_on(const struct side *side, const struct keyid *id)
{
    for (size_t i = 0; i < side->n; i++)
        if (keyid_eq(pubkey_id(side->keys[i]), id))
            return side->keys[i];

    return NULL;
}

static const struct pubkey *
find_key(const struct quorum *quorum, const struct keyid *id)
{
    const struct side sides[] = {new_side(quorum), former_side(quorum)};
    const struct pubkey *key = find_on(&sides[0], id);

    return key ? key : find_on(&sides[1], id);
}

enum rc
quorum_verify(const struct quorum *quorum, struct span message, struct why *why)
{
    for (size_t i = 0; i < quorum->n_signatures; i++) {
        const struct verify_signature *signature = &quorum->signatures[i];

        const struct pubkey *key = find_key(quorum, &signature->keyid);
        if (!key)
            return fail(why, RC_UNTRUSTED, "a signature by key %s, which may not sign it",
                signature->keyid.hex);

        enum rc rc = verify_message(key, signature->method, message, signature->signature, why);
        if (rc)
            return within(why, rc, "signature by key %s", signature->keyid.hex);
    }

    return RC_OK;
}

static bool
is_same_key(const struct pubkey *a, const struct pubkey *b)
{
    return keyid_eq(pubkey_canonical_id(a), pubkey_canonical_id(b));
}

/* Readers find a signature by the ID under which they know the key. */
static bool
has_on(const struct quorum *quorum, const struct side *side, const struct pubkey *key)
{
    for (size_t i = 0; i < quorum->n_signatures; i++) {
        const struct pubkey *by = find_on(side, &quorum->signatures[i].keyid);
        if (by && is_same_key(by, key))
            return true;
    }

    return false;
}

static bool
is_on(const struct side *side, const struct pubkey *key)
{
    for (size_t i = 0; i < side->n; i++)
        if (is_same_key(side->keys[i], key))
            return true;

    return false;
}

bool
quorum_has(const struct quorum *quorum, const struct pubkey *key)
{
    const struct side sides[] = {new_side(quorum), former_side(quorum)};

    for (size_t i = 0; i < N_ELEMENTS(sides); i++)
        if (is_on(&sides[i], key) && !has_on(quorum, &sides[i], key))
            return false;

    return is_on(&sides[0], key) || is_on(&sides[1], key);
}

/* The same key is not listed before. */
static bool
is_first(const struct side *side, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (is_same_key(side->keys[k], side->keys[i]))
            return false;

    return true;
}

static int64_t
missing_on(const struct quorum *quorum, const struct side *side)
{
    int64_t n = side->threshold;

    for (size_t i = 0; i < side->n && n > 0; i++)
        if (is_first(side, i) && has_on(quorum, side, side->keys[i]))
            n--;

    return n;
}

bool
quorum_is_met(const struct quorum *quorum)
{
    const struct side sides[] = {new_side(quorum), former_side(quorum)};

    return missing_on(quorum, &sides[0]) == 0 && missing_on(quorum, &sides[1]) == 0;
}

bool
quorum_has_known(const struct quorum *quorum)
{
    const struct side side = quorum->n_former > 0 ? former_side(quorum) : new_side(quorum);

    for (size_t i = 0; i < side.n; i++)
        if (has_on(quorum, &side, side.keys[i]))
            return true;

    return false;
}

static void
put_key(struct bytes *b, bool *is_next, const struct pubkey *key, const struct signer *signer)
{
    const struct keyid *id = pubkey_canonical_id(key);
    const struct signer_key *known = signer ? signer_find_id(signer, id) : NULL;

    bytes_printf(b, "%s%s", *is_next ? ", " : "", known ? known->name : id->hex);
    *is_next = true;
}

static void
put_missing_on(struct bytes *b, const struct quorum *quorum, const struct side *side,
    const struct signer *signer)
{
    bool is_next = false;

    bytes_printf(b, "%" PRId64 " more by ", missing_on(quorum, side));
    for (size_t i = 0; i < side->n; i++)
        if (is_first(side, i) && !has_on(quorum, side, side->keys[i]))
            put_key(b, &is_next, side->keys[i], signer);
    if (!is_next)
        bytes_puts(b, "nobody");
}

void
quorum_put_missing(struct bytes *b, const struct quorum *quorum, const struct signer *signer)
{
    const struct side sides[] = {new_side(quorum), former_side(quorum)};
    bool has_new = missing_on(quorum, &sides[0]) > 0;

    if (has_new)
        put_missing_on(b, quorum, &sides[0], signer);
    if (missing_on(quorum, &sides[1]) == 0)
        return;

    bytes_puts(
        b, has_new ? "; of the keys of the root before: " : "of the keys of the root before: ");
    put_missing_on(b, quorum, &sides[1], signer);
}

void
quorum_put_signed(struct bytes *b, const struct quorum *quorum, const struct signer *signer)
{
    const struct side sides[] = {new_side(quorum), former_side(quorum)};
    bool is_next = false;

    for (size_t s = 0; s < N_ELEMENTS(sides); s++)
        for (size_t i = 0; i < sides[s].n; i++)
            if (is_first(&sides[s], i) && has_on(quorum, &sides[s], sides[s].keys[i]) &&
                (s == 0 || !is_on(&sides[0], sides[s].keys[i])))
                put_key(b, &is_next, sides[s].keys[i], signer);
    if (!is_next)
        bytes_puts(b, "nobody");
}
