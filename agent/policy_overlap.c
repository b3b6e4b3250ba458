/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_doubts.h"
#include "agent/policy_words.h"
#include "proto/bounds.h"

#define NO_UID ((uid_t)-1) /* nobody has it */

/* One whom a grant is for. */
struct witness {
    const struct policy_name *name; /* NULL: everybody at the door */
    struct peer *peer;              /* as the system knows a user; NULL: it is anybody */
    struct peer anybody;            /* in that group, or at that door */
};

struct witnesses {
    struct witness *witnesses;
    size_t n;
};

static void
witnesses_done(struct witnesses *witnesses)
{
    for (size_t i = 0; i < witnesses->n; i++)
        peer_unref(witnesses->witnesses[i].peer);
    free(witnesses->witnesses);
}

static enum rc
add_witness(struct witnesses *ret, const struct policy_name *name, char *door)
{
    struct peer *peer = NULL;

    if (name && !name->is_resolved)
        return RC_OK;

    /* Whom the database does not know after all is no witness. */
    if (name && !name->is_group && peer_of_user(&peer, name->name, door, NULL))
        return RC_OK;

    struct witness *witness = mem_grow(&ret->witnesses, ret->n, sizeof *witness, POLICY_RIGHTS_MAX);
    if (!witness) {
        peer_unref(peer);
        return RC_NO_MEMORY;
    }

    *witness = (struct witness){name, peer, {.uid = NO_UID, .gid = (gid_t)-1, .door = door}};
    if (name && name->is_group)
        witness->anybody.gid = name->id;
    ret->n++;
    return RC_OK;
}

static enum rc
list_witnesses(struct witnesses *ret, const struct policy_grant *grant)
{
    size_t n_names = grant->who.n_names > 0 ? grant->who.n_names : 1;
    size_t n_doors = grant->n_sockets > 0 ? grant->n_sockets : 1;
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < n_names; i++)
        for (size_t k = 0; !rc && k < n_doors; k++)
            rc = add_witness(ret, grant->who.n_names > 0 ? &grant->who.names[i] : NULL,
                grant->n_sockets > 0 ? grant->sockets[k]->name : NULL);

    return rc;
}

/* The first whom the other grant is for as well, or NULL. */
static const struct witness *
find_common(const struct witnesses *witnesses, const struct policy_grant *other)
{
    for (size_t i = 0; i < witnesses->n; i++) {
        const struct witness *witness = &witnesses->witnesses[i];
        if (policy_grant_is_for(other, witness->peer ? witness->peer : &witness->anybody))
            return witness;
    }

    return NULL;
}

/* What narrows one that does not narrow the other. */
static void
put_missing(struct bytes *b, const struct policy_grant *one, const struct policy_grant *other,
    enum rank rank)
{
    const struct {
        const char *member;
        bool is_missing;
    } limits[] = {
        {"repositories", one->repositories && !other->repositories},
        {"tags", one->tags && !other->tags},
        {"unit", one->unit && !other->unit},
        {"quota", one->quota.n > 0 && other->quota.n == 0},
        {"approvals", one->approvals.count > other->approvals.count},
        {"max_validity", policy_grant_validity_s(one, rank) < policy_grant_validity_s(other, rank)},
    };

    for (size_t i = 0; i < N_ELEMENTS(limits); i++)
        if (limits[i].is_missing)
            bytes_printf(b, "%s'%s'", b->len > 0 ? ", " : "", limits[i].member);
}

static void
doubt_pair(struct policy_doubter *doubter, const struct policy_grant *grant,
    const struct policy_grant *other, const struct witness *witness)
{
    for (size_t i = 0; i < grant->n_keys; i++) {
        const struct policy_key *key = grant->keys[i];
        closing(bytes_done) struct bytes missing = BYTES_INIT(256);
        closing(bytes_done) struct bytes who = BYTES_INIT(POLICY_TEXT_MAX_BYTES + 16);

        if (!policy_grant_has_key(other, key))
            continue;

        put_missing(&missing, grant, other, key->rank);
        if (witness->name)
            policy_words_name(&who, witness->name);
        else
            bytes_puts(&who, "everybody");

        if (missing.len > 0)
            policy_doubt(doubter,
                "grant %s: %s does not narrow key %s for %s, as grant %s gives it with less of "
                "that",
                grant->name, bytes_text(&missing), key->name, bytes_text(&who), other->name);
        if (grant->quota.n > 0 && other->quota.n > 0 && strcmp(grant->name, other->name) < 0)
            policy_doubt(doubter, "grant %s: for %s its 'quota' of key %s adds to that of grant %s",
                grant->name, bytes_text(&who), key->name, other->name);
    }
}

static bool
shares_key(const struct policy_grant *grant, const struct policy_grant *other)
{
    for (size_t i = 0; i < grant->n_keys; i++)
        if (policy_grant_has_key(other, grant->keys[i]))
            return true;

    return false;
}

void
policy_doubt_overlaps(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    closing(witnesses_done) struct witnesses witnesses = {0};
    bool is_listed = false;

    for (size_t i = 0; i < doubter->policy->n_grants; i++) {
        const struct policy_grant *other = &doubter->policy->grants[i];
        if (other == grant || !shares_key(grant, other))
            continue;

        if (!is_listed && list_witnesses(&witnesses, grant)) {
            doubter->lacks_memory = true;
            return;
        }

        is_listed = true;
        const struct witness *witness = find_common(&witnesses, other);
        if (witness)
            doubt_pair(doubter, grant, other, witness);
    }
}
