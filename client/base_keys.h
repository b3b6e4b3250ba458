/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * base_keys — the keys that role root or targets of a repository is to have, as a command line
 * names them: the agent's own, and by PEM files those of other agents.
 */
#include "client/session.h"

struct base_keys {
    struct pubkey *keys[OPTION_VALUES_MAX]; /* root keys with their certificates */
    size_t n;
};
void base_keys_done(struct base_keys *keys);

/* What to choose from. */
struct base_keys_choice {
    struct session *session;
    const struct repository *repository;
    enum rank rank;           /* RANK_ROOT or RANK_TARGETS */
    const char *const *names; /* "agent:NAME", or a PEM file; of a root key its certificate */
    size_t n_names;
};

/*
 * For a new repository; without names the only key that the caller may use. base_keys_done() in any
 * case. What signer_choose(), signer_root_certificate() and pubkey_args_read() say. RC_UNTRUSTED:
 * no certificate of a root key of the repository. RC_USAGE: one is named twice.
 */
must_check enum rc base_keys_choose(
    struct base_keys *ret, const struct base_keys_choice *choice, struct why *why);

/*
 * For a repository that is there, in place of those that it has; without names the only other one.
 * A root key that it has already keeps its certificate; where all of them are such, they get new
 * ones. Likewise; RC_USAGE: it has more than one, so none can be supposed.
 */
must_check enum rc base_keys_replace(
    struct base_keys *ret, const struct base_keys_choice *choice, struct why *why);

/* --threshold; untouched where it is not given. RC_MALFORMED. */
must_check enum rc base_keys_threshold(
    int64_t *ret, const struct session *session, struct why *why);
