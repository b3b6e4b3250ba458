/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy — who may sign what, as /etc/countersign/policy.yaml and policy.d/ say.
 *
 * Read once, checked completely, immutable and counted: a request holds the policy it was judged
 * under. Only policy_resolve() changes it, by learning names that did not exist before. It knows
 * names, numbers and patterns; public keys are the keyring's.
 */
#include <sys/types.h>

#include "agent/peer.h"
#include "proto/pubkey.h"
#include "proto/role.h"

enum policy_pin {
    POLICY_PIN_NONE,       /* the token wants none */
    POLICY_PIN_CREDENTIAL, /* name below $CREDENTIALS_DIRECTORY */
    POLICY_PIN_FILE,       /* absolute path, 0400 or 0600 */
    POLICY_PIN_PROMPT,     /* an admin types it, see Unlock */
};

struct policy_token {
    char *name;
    char *module; /* absolute path */
    char *uri;    /* RFC 7512, names the token */
    char *serial; /* NULL: pinned at first sight */
    enum policy_pin pin;
    char *pin_source;   /* credential name or path */
    char **environment; /* "NAME=value", ends with NULL; never NULL itself */
    size_t workers;
    bool network; /* the agent's workers may connect to TCP ports; for others their unit says it */
    unsigned timeout_s; /* for one call to the token */
    char *worker; /* absolute path of the socket of its unit; NULL: the agent starts the workers */
};

struct policy_place {
    const struct policy_token *token;
    char *uri; /* RFC 7512, names the key in it */
};

struct policy_scope {
    char **repositories; /* patterns */
    size_t n_repositories;
    char **roles; /* literal base role, or patterns of delegations */
    size_t n_roles;
};

struct policy_key {
    char *name;
    enum rank rank;
    struct policy_place *at; /* the first that is there signs */
    size_t n_at;
    struct pubkey *certificate; /* x509, or NULL */
    struct policy_scope *scope;
    size_t n_scope;
};

/* Users and groups; names that the system does not know match nobody. The kernel's overflow IDs are
 * never among them. */
struct policy_name {
    char *name;
    bool is_group, is_resolved;
    id_t id;
};

struct policy_who {
    struct policy_name *names;
    size_t n_names;
};

/* One more socket; who reaches it is decided by its directory. */
struct policy_socket {
    char *name; /* of the door, see peer.h */
    char *path; /* absolute */
    mode_t mode;
};

struct policy_quota {
    int64_t n;        /* documents of one uid; 0: no quota */
    int64_t window_s; /* sliding */
};

/* Who must agree, beside the one who asks. */
struct policy_approvals {
    size_t count; /* 0: nobody */
    struct policy_who who;
};

/* Everything but keys and who narrows. */
struct policy_grant {
    char *name;
    const struct policy_socket **sockets; /* the only doors where it applies; none: the main one */
    size_t n_sockets;
    struct policy_who who; /* empty, with sockets: everybody who comes through them */
    const struct policy_key **keys;
    size_t n_keys;
    bool delegate;
    int64_t max_validity_s; /* 0: the default of the rank */
    char **repositories;    /* root keys only: narrows the scope; NULL: does not */
    size_t n_repositories;
    char **tags; /* patterns of the tags that may change; NULL: all may */
    size_t n_tags;
    char *unit; /* of systemd, in which the caller runs; NULL: any, or none */
    struct policy_quota quota;
    struct policy_approvals approvals;
};

/* The keys from which trust in repositories begins, where the agent has no root of its own yet. */
struct policy_pin_root {
    char *repositories; /* pattern */
    struct keyid *keys; /* canonical IDs of root keys; one of them is enough */
    size_t n_keys;
};

struct policy {
    struct policy_token *tokens;
    size_t n_tokens;
    struct policy_key *keys;
    size_t n_keys;
    struct policy_socket *sockets;
    size_t n_sockets;
    struct policy_grant *grants;
    size_t n_grants;
    struct policy_pin_root *roots;
    size_t n_roots;
    struct policy_who admins; /* at the main door only */
    struct digest digest;     /* over all files, with their names */
    unsigned n_refs;
};

/*
 * Read path and policy.d beside it. Files, directories, certificates and PIN files must belong to
 * root or to the agent's own uid and not be writable by others; see countersign-policy(5) for all
 * rules. A policy that belongs to the agent's own uid and has no "admins" makes that uid the admin.
 * RC_MALFORMED: "policy.yaml:12:7: …" with place. RC_NOT_FOUND, RC_DENIED (ownership, an overflow
 * ID), RC_TOO_LARGE, RC_SYSTEM (it changes whenever it is read).
 */
must_check enum rc policy_load(struct policy **ret, const char *path, struct why *why);
/* RC_MALFORMED: one of its sockets is at path, where the main one is. */
must_check enum rc policy_check_main_socket(
    const struct policy *policy, const char *path, struct why *why);
struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy);
DEFINE_CLEANUP(struct policy, policy_unref);

/* Look up names that were unknown; true if one became known. */
bool policy_resolve(struct policy *policy);
/* The names that are still unknown, each once, users first. *ret: free(); its elements are
 * borrowed. RC_NO_MEMORY. */
must_check enum rc policy_unresolved(
    const struct policy_name ***ret, size_t *ret_n, const struct policy *policy, struct why *why);

bool policy_who_has(const struct policy_who *who, const struct peer *peer);
bool policy_is_admin(const struct policy *policy, const struct peer *peer);
/* Rule 1: whether the grant names the peer, at the door through which it came. */
bool policy_grant_is_for(const struct policy_grant *grant, const struct peer *peer);
/* Whether the vote of peer, who is at the main door, would count for what requester asks for. */
bool policy_grant_may_approve(
    const struct policy_grant *grant, const struct peer *peer, uid_t requester);
/* Some grant asks for approvals. */
bool policy_wants_approvals(const struct policy *policy);
/* Some grant, admins or approvals name the peer. Others are strangers and learn nothing. */
bool policy_knows(const struct policy *policy, const struct peer *peer);

/* Of a token, key, socket or grant. */
bool policy_is_name(const char *text);
const char *policy_pin_name(enum policy_pin pin); /* as in Status */
/* Nothing is different that a worker is started with. */
bool policy_token_eq(const struct policy_token *a, const struct policy_token *b);
const struct policy_token *policy_find_token(const struct policy *policy, const char *name);
const struct policy_key *policy_find_key(const struct policy *policy, const char *name);
bool policy_grant_has_key(const struct policy_grant *grant, const struct policy_key *key);
/* Whether repository and role are within the key's scope. */
bool policy_key_covers(const struct policy_key *key, const char *repository, const char *role);
/* Whether it signs for one literal repository and one literal role only, so that nothing can be
 * published elsewhere (rules 6 and 10). */
bool policy_key_is_single(const struct policy_key *key);
/* Whether the grant's own repositories (root keys only) admit repository; true if it has none. */
bool policy_grant_admits(const struct policy_grant *grant, const char *repository);
/* The grant's bound on validity for a document of rank, in seconds. */
int64_t policy_grant_validity_s(const struct policy_grant *grant, enum rank rank);

/* Whether the grant lets that tag be added, changed or removed. */
bool policy_grant_admits_tag(const struct policy_grant *grant, const char *tag);
/* Whether some grant limits the tags that its key may change there. */
bool policy_limits_tags(const struct policy *policy, const char *repository, const char *role);
/* The keys that the policy pins for repository; NULL: none. Of several patterns, the one with most
 * literal characters counts, of these the shortest, of these the first by name. */
const struct policy_pin_root *policy_find_root(const struct policy *policy, const char *repository);
