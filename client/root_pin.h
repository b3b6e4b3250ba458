/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * root_pin — which root is that of a repository, before anything that this machine saw or a server
 * says: the agent says so, or a file (pinning.h).
 *
 *     rc = root_pin_ask(&pin, agent, "localhost:5000/shop/web", why);
 *     if (root_pin_is_set(&pin))
 *         rc = root_pin_check(&pin, repo, repository, root_file, now, why);
 */
#include "client/agent_call.h"
#include "client/repo.h"
#include "proto/tuf_root.h"

/* A root is vouched for that is not older than version, lists as many of the keys as threshold
 * says, and is signed by these. So is every root that follows from such a one. */
struct root_pin {
    struct keyid *roots; /* canonical IDs */
    size_t n_roots;
    int64_t version, threshold;
    struct keyid
        *certificates; /* key IDs as the root lists them; each is as good as one of roots */
    size_t n_certificates;
    const char *file; /* that pins it, borrowed; NULL: the agent does */
};
void root_pin_done(struct root_pin *pin);
/* Any key at all. */
bool root_pin_is_set(const struct root_pin *pin);

/*
 * What the agent pins; root_pin_done(). Nothing where it pins nothing, where it is of a version
 * that cannot, or where its policy does not name the caller, whom it would not sign for either.
 * Bounded by ROOT_PIN_TIMEOUT_S. What agent_call_briefly() says; RC_MALFORMED: its answer.
 * RC_UNTRUSTED: it pins keys that were retired.
 */
must_check enum rc root_pin_ask(
    struct root_pin *ret, struct agent_call *agent, const char *repository, struct why *why);

/* Whether that root, which signs itself, is vouched for as it is. */
bool root_pin_vouches(
    const struct root_pin *pin, const struct tuf_root *root, const struct tuf_file *file);

/*
 * The same, or that it follows from one that is; those before it are fetched. now: seconds UTC.
 * RC_UNTRUSTED: it is not: what the agent wants and what there is. RC_NETWORK, RC_NO_MEMORY.
 */
must_check enum rc root_pin_check(const struct root_pin *pin, struct repo *repo,
    const char *repository, const struct tuf_file *root, int64_t now, struct why *why);
