/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signer — the agent, as somebody who publishes sees it: which keys there are, and what the caller
 * may do with them. Documents are signed by batch.h.
 */
#include "client/agent_call.h"
#include "proto/pubkey.h"

struct signer;

/* Asks for the keys at once. Borrows call. What agent_call() says; RC_MALFORMED: its answer. */
must_check enum rc signer_new(struct signer **ret, struct agent_call *call, struct why *why);
void signer_free(struct signer *signer);
DEFINE_CLEANUP(struct signer, signer_free);
struct agent_call *signer_call(const struct signer *signer); /* borrowed */

/* A key as ListKeys tells it. */
struct signer_key {
    const char *name, *algorithm, *token;
    const char *state;                  /* "ready", or why not */
    struct keyid id;                    /* canonical */
    struct pubkey *plain;               /* NULL: its token was never there */
    struct pubkey *certificate;         /* x509 form under which it is delegated; NULL: none */
    bool is_usable;                     /* some grant gives it to the caller */
    const char **repositories, **roles; /* patterns of its scope; none where it is not usable */
    size_t n_repositories, n_roles;
    bool needs_approval;    /* some grant of the caller on it wants others to agree */
    int64_t max_validity_s; /* 0: not told */
    const char *origin;     /* "generated", "imported" or "unknown" */
    const char *last_used, *certificate_expires; /* times; NULL: never, none */
    const char *extractable;                     /* "yes", "no"; NULL: not told */
};

size_t signer_n_keys(const struct signer *signer);
const struct signer_key *signer_key_at(const struct signer *signer, size_t i);
/* Borrowed, or NULL. */
const struct signer_key *signer_find(const struct signer *signer, const char *name);
const struct signer_key *signer_find_id(
    const struct signer *signer, const struct keyid *canonical_id);

/* From now on only these keys may be used, whatever the agent grants. RC_NOT_FOUND: the agent has
 * no such key. RC_DENIED: it is not for the caller. */
must_check enum rc signer_restrict(
    struct signer *signer, const char *const *names, size_t n, struct why *why);
/* Of any of the keys. */
bool signer_may_need_approval(const struct signer *signer);
bool signer_is_restricted(const struct signer *signer);

/* Whether the caller may use the key for a document of role, as far as ListKeys tells. */
bool signer_may(const struct signer_key *key, const char *repository, const char *role);
/* Whether the key is for that role, whoever may use it; its scope is told to admins. */
bool signer_is_for(const struct signer_key *key, const char *repository, const char *role);
/* The form in which documents list it: certificate, else plain. NULL: never seen. */
struct pubkey *signer_public(const struct signer_key *key);
/* Any of the keys listed for role may be used. */
bool signer_can_sign(const struct signer *signer, const char *repository, const char *role,
    struct pubkey *const *listed, size_t n_listed);
/*
 * The one key with which the caller may sign for role: "agent:NAME" of a command line, or NULL for
 * the only one there is. RC_NOT_FOUND, RC_DENIED: says which keys there are.
 */
must_check enum rc signer_choose(const struct signer_key **ret, const struct signer *signer,
    const char *name, const char *repository, const char *role, struct why *why);
/* The longest validity for a document of role that the keys in question may give, at most
 * default_s. */
int64_t signer_validity_s(const struct signer *signer, const char *repository, const char *role,
    struct pubkey *const *listed, size_t n_listed, int64_t default_s);

/* The root certificate of repository for that key, as x509 key object (IssueRootCertificate).
 * is_new: not the one that the agent gave before. *ret: pubkey_unref(). What agent_call() says;
 * RC_MALFORMED. */
must_check enum rc signer_root_certificate(struct pubkey **ret, struct signer *signer,
    const char *repository, const struct signer_key *key, bool is_new, struct why *why);
