/* SPDX-License-Identifier: Apache-2.0 */
#include "client/base_keys.h"

#include "client/pubkey_arg.h"
#include "proto/certificate.h"

void
base_keys_done(struct base_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        pubkey_unref(keys->keys[i]);
    keys->n = 0;
}

static const char *
role_of(const struct base_keys_choice *choice)
{
    return choice->rank == RANK_ROOT ? "root" : "targets";
}

/* The agent's keys that are chosen. */
struct chosen {
    const struct signer_key *keys[OPTION_VALUES_MAX];
    size_t n;
};

static enum rc
add(struct chosen *chosen, const struct signer_key *key, struct why *why)
{
    for (size_t i = 0; i < chosen->n; i++)
        if (chosen->keys[i] == key)
            return fail(why, RC_USAGE, "key '%s' is named twice", key->name);

    if (chosen->n == OPTION_VALUES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", OPTION_VALUES_MAX);

    chosen->keys[chosen->n++] = key;
    return RC_OK;
}

/* A key of another agent, by its PEM file. */
static bool
is_file(const struct base_keys_choice *choice, size_t i)
{
    return i < choice->n_names && !pubkey_arg_is_agents(choice->names[i]);
}

static size_t
n_files(const struct base_keys_choice *choice)
{
    size_t n = 0;

    for (size_t i = 0; i < choice->n_names; i++)
        n += is_file(choice, i);
    return n;
}

static enum rc
add_file(
    struct base_keys *ret, const struct base_keys_choice *choice, const char *path, struct why *why)
{
    closing(pubkey_args_done) struct pubkey_args key = {.n = 0};

    enum rc rc = pubkey_args_read(&key, choice->session, &path, 1, why);
    if (!rc && choice->rank == RANK_ROOT)
        rc = certificate_check_root(
            key.keys[0], choice->repository->name, session_now(choice->session), why);
    if (rc)
        return within(
            why, rc, "'%s' is no %s key of '%s'", path, role_of(choice), choice->repository->name);
    if (ret->n == OPTION_VALUES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", OPTION_VALUES_MAX);

    ret->keys[ret->n++] = pubkey_ref(key.keys[0]);
    return RC_OK;
}

static enum rc
add_files(struct base_keys *ret, const struct base_keys_choice *choice, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < choice->n_names; i++)
        if (is_file(choice, i))
            rc = add_file(ret, choice, choice->names[i], why);
    return rc;
}

/* Those of the command line; NULL among names: the only one there is. */
static enum rc
choose(struct chosen *ret, const struct signer *signer, const struct base_keys_choice *choice,
    struct why *why)
{
    for (size_t i = 0; i < choice->n_names || i == 0; i++) {
        const struct signer_key *key = NULL;
        if (is_file(choice, i))
            continue;

        enum rc rc = signer_choose(&key, signer, choice->n_names > 0 ? choice->names[i] : NULL,
            choice->repository->name, role_of(choice), why);
        if (!rc)
            rc = add(ret, key, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* How the root of now lists the key in the role; NULL: it does not. */
static struct pubkey *
find_listed(const struct base_keys_choice *choice, const struct signer_key *key)
{
    const struct tuf_root *root = trust_root(choice->repository->trust);
    const struct tuf_role *role = &root->roles[choice->rank];

    for (size_t i = 0; i < role->n_keyids; i++) {
        struct pubkey *listed = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (listed && keyid_eq(pubkey_canonical_id(listed), &key->id))
            return listed;
    }

    return NULL;
}

/* The only key of the caller for the role that the repository does not have yet. */
static enum rc
choose_other(struct chosen *ret, const struct signer *signer, const struct base_keys_choice *choice,
    struct why *why)
{
    const struct tuf_role *role = &trust_root(choice->repository->trust)->roles[choice->rank];
    const char *repository = choice->repository->name;

    if (role->n_keyids > 1)
        return fail(why, RC_USAGE,
            "role %s of '%s' has %zu keys: name all that it is to have, with --key agent:NAME",
            role_of(choice), repository, role->n_keyids);

    for (size_t i = 0; i < signer_n_keys(signer); i++) {
        const struct signer_key *key = signer_key_at(signer, i);
        if (!key->plain || !signer_may(key, repository, role_of(choice)) ||
            find_listed(choice, key))
            continue;

        if (ret->n > 0)
            return fail(why, RC_NOT_FOUND,
                "more than one other key may sign %s of '%s', among them '%s' and '%s': say which "
                "with --key",
                role_of(choice), repository, ret->keys[0]->name, key->name);

        enum rc rc = add(ret, key, why);
        if (rc)
            return rc;
    }

    return ret->n > 0 ? RC_OK
                      : fail(why, RC_NOT_FOUND,
                            "the agent gives you no other key for %s of '%s': make one (see "
                            "'countersign key generate') and put it into the policy%s",
                            role_of(choice), repository,
                            choice->rank == RANK_ROOT
                                ? "; to renew only the certificate of the key, name it with --key"
                                : "");
}

static enum rc
take(struct base_keys *ret, struct pubkey *key, const struct signer_key *chosen, struct why *why)
{
    if (!key)
        return fail(why, RC_TOKEN,
            "the token of key '%s' was never there; see 'countersign status'", chosen->name);

    ret->keys[ret->n++] = key;
    return RC_OK;
}

/* is_new: a certificate that was not there before. */
static enum rc
list(struct base_keys *ret, struct signer *signer, const struct base_keys_choice *choice,
    const struct signer_key *chosen, bool is_new, struct why *why)
{
    struct pubkey *key = NULL;

    if (choice->rank != RANK_ROOT)
        return take(ret, pubkey_ref(signer_public(chosen)), chosen, why);

    enum rc rc =
        signer_root_certificate(&key, signer, choice->repository->name, chosen, is_new, why);
    return rc ? rc : take(ret, key, chosen, why);
}

enum rc
base_keys_choose(struct base_keys *ret, const struct base_keys_choice *choice, struct why *why)
{
    struct chosen chosen = {.n = 0};
    struct signer *signer = NULL;

    enum rc rc = session_signer(&signer, choice->session, why);
    if (!rc)
        rc = choose(&chosen, signer, choice, why);
    for (size_t i = 0; !rc && i < chosen.n; i++)
        rc = list(ret, signer, choice, chosen.keys[i], false, why);

    return rc ? rc : add_files(ret, choice, why);
}

enum rc
base_keys_replace(struct base_keys *ret, const struct base_keys_choice *choice, struct why *why)
{
    struct chosen chosen = {.n = 0};
    struct signer *signer = NULL;
    size_t n_listed = 0;

    enum rc rc = session_signer(&signer, choice->session, why);
    if (!rc)
        rc = choice->n_names > 0 ? choose(&chosen, signer, choice, why)
                                 : choose_other(&chosen, signer, choice, why);
    for (size_t i = 0; i < chosen.n; i++)
        n_listed += find_listed(choice, chosen.keys[i]) != NULL;
    bool is_renewal =
        n_listed == trust_root(choice->repository->trust)->roles[choice->rank].n_keyids &&
        n_listed == chosen.n && n_files(choice) == 0;

    for (size_t i = 0; !rc && i < chosen.n; i++) {
        struct pubkey *listed = find_listed(choice, chosen.keys[i]);
        rc = listed && !is_renewal ? take(ret, pubkey_ref(listed), chosen.keys[i], why)
                                   : list(ret, signer, choice, chosen.keys[i], is_renewal, why);
    }

    return rc ? rc : add_files(ret, choice, why);
}

enum rc
base_keys_threshold(int64_t *ret, const struct session *session, struct why *why)
{
    const char *text = session_options(session)->values[OPTION_THRESHOLD];

    if (!text)
        return RC_OK;

    enum rc rc = integer_parse(ret, span_of(text), 1, OPTION_VALUES_MAX, why);
    return rc ? within(why, rc, "--threshold '%s'", text) : RC_OK;
}
