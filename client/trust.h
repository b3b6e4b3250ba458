/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * trust — a verified view of one repository: what its published files say, and docker's cache of
 * them, which anchors the trust.
 *
 * It fetches with repo.h, judges with walk.h, and stores what was verified in the layout that
 * docker and notary read:
 * DIR/tuf/REPOSITORY/metadata/{root,timestamp,snapshot,targets,targets/x}.json. It never publishes.
 *
 *     rc = trust_new(&trust, repo, "localhost:5000/shop/web", &options, why);
 *     rc = trust_update(trust, why);
 *     if (trust_is_first_use(trust))
 *         announce it;
 *     for (size_t i = 0; i < trust_n_roles(trust); i++)
 *         const struct trust_role *role = trust_role_at(trust, i);
 */
#include "client/progress.h"
#include "client/repo.h"
#include "client/root_pin.h"
#include "proto/walk.h"

struct trust;

/* Why something is RC_UNTRUSTED. */
enum trust_cause {
    TRUST_CAUSE_OTHER,  /* a signature, a hash, a form */
    TRUST_CAUSE_ABSENT, /* RC_NOT_FOUND, in fact: the server has no such repository */
    TRUST_CAUSE_EXPIRED,
    TRUST_CAUSE_ROLLBACK, /* what was seen before is newer, or gone */
    TRUST_CAUSE_ROOT,     /* nothing vouches for it, or something for another one */
};

/* At a server that shows something older than was seen before, until that is RC_UNTRUSTED. */
#define TRUST_LOOKS 5

struct trust_options {
    const char *dir;                 /* --trust-dir; NULL: ~/.docker/trust */
    int64_t now;                     /* seconds UTC */
    bool is_first_use_refused;       /* --no-tofu */
    const struct progress *progress; /* NULL: nobody listens */
};

/*
 * Touches neither disk nor network yet. Borrows repo and what options point to, for life.
 * RC_MALFORMED: a repository that cannot be a path ("a/../b"). RC_NOT_FOUND: no home directory.
 */
must_check enum rc trust_new(struct trust **ret, struct repo *repo, const char *repository,
    const struct trust_options *options, struct why *why);
void trust_free(struct trust *trust);
DEFINE_CLEANUP(struct trust, trust_free);

/* Start from this root, which we made ourselves, and not from the cache: for a new repository. */
must_check enum rc trust_adopt(struct trust *trust, struct span root_file, struct why *why);

/* What is pinned goes before the cache and before first use: from the next update on, no other root
 * is taken. Borrowed for life; NULL: nothing. */
void trust_set_pin(struct trust *trust, const struct root_pin *pin);
/* What the agent pins; NULL: nothing, also where a file does. */
const struct root_pin *trust_pin(const struct trust *trust);

/* From the next update on, read expired targets and delegations: for who renews them. */
void trust_allow_expired(struct trust *trust);
/* Likewise below a root that readers refuse, as it has expired, or is published in another form
 * than the one that the snapshot lists: for who replaces it. */
void trust_allow_unreadable_root(struct trust *trust);
/* From the next update on, where the snapshot lists a file of targets or a delegation that the
 * server does not have, take the one that it has: for who repairs that. */
void trust_allow_mislisted(struct trust *trust);

const char *trust_repository(const struct trust *trust);
struct repo *trust_repo(const struct trust *trust); /* borrowed */
/* A root of the repository is in the cache, readable or not. */
bool trust_is_cached(const struct trust *trust);

/* Take the copies of this machine away; *ret_n files. What the view says stays. RC_SYSTEM. */
must_check enum rc trust_forget(size_t *ret_n, struct trust *trust, struct why *why);
/* Where they are: "DIR/tuf/REPOSITORY". */
const char *trust_dir(const struct trust *trust);

/* Append the file of role that this machine has seen last, from the cache; false: there is none. */
bool trust_load_seen(struct bytes *ret, const struct trust *trust, const char *role);

/*
 * Make the view that of the newest published version, and store it. Cheap where nothing changed:
 * one request. On failure the view before stays. RC_NOT_FOUND: the server has no such repository,
 * and the cache neither. RC_UNTRUSTED: something does not verify, the cached root included, or the
 * repository vanished from the server; says what to do. RC_NETWORK, RC_SYSTEM (the cache),
 * RC_NO_MEMORY.
 */
must_check enum rc trust_update(struct trust *trust, struct why *why);
/* The cause, where the last update was RC_UNTRUSTED. */
enum trust_cause trust_cause(const struct trust *trust);
/*
 * For who may rely on what this machine has seen before while the server cannot be reached: a view
 * of the cache alone, expired or not; everything else is verified. RC_NETWORK: not all of it is in
 * the cache, or a pinned root does not say by itself that it is good. RC_UNTRUSTED, RC_NO_MEMORY.
 */
must_check enum rc trust_update_offline(struct trust *trust, struct why *why);
/* When the view of the cache was stored, seconds UTC; 0: never. */
int64_t trust_stored_at(const struct trust *trust);
/* Only see what timestamp and snapshot of now list, for trust_listed(); the view stays. For when
 * trust_update() cannot read what is listed. */
must_check enum rc trust_update_head(struct trust *trust, struct why *why);

/* The bytes of a file that will be published: not fetched again when the snapshot lists them. */
must_check enum rc trust_offer(struct trust *trust, struct span file, struct why *why);

/*
 * What follows is the view; pointers are valid until the next update. Before the first update there
 * is no view: NULL, 0 or false.
 */

/* The root was taken from the server because this machine had none before, and no pin. */
bool trust_is_first_use(const struct trust *trust);
const struct tuf_root *trust_root(const struct trust *trust);
const struct tuf_file *trust_root_file(const struct trust *trust);
/* The file "timestamp" or "snapshot" and its version. */
struct span trust_head(const struct trust *trust, const char *role, int64_t *ret_version);
/* When the document of any role expires, seconds UTC; 0: there is none. */
int64_t trust_expires_at(const struct trust *trust, const char *role);
/* What timestamp (for "snapshot") or snapshot list, by the latest update of any kind; NULL: nothing
 * published. */
const struct tuf_listed *trust_listed(const struct trust *trust, const char *role);

/* A role of targets. */
struct trust_role {
    char *name;
    const struct tuf_role *listed;      /* by its parent; for "targets" by the root */
    const struct tuf_keys *listed_keys; /* of the document that lists it */
    const struct tuf_targets *document; /* NULL: nothing published, or it does not verify */
    const struct tuf_file *file;        /* likewise */
    struct bytes unverified; /* what is published, where it does not verify; else empty */
    int64_t version;         /* of what is published, verified or not; 0: nothing */
    enum trust_cause cause;  /* of problem */
    bool is_mislisted;       /* taken although the snapshot lists another file, which nobody has */
    enum rc problem;         /* RC_OK, or why it does not verify: readers skip it */
    struct why why;          /* where problem is set: a sentence without the role */
};

/* "targets" first, then delegations breadth-first in the order in which they are listed: the order
 * of precedence. They lie in one array. */
size_t trust_n_roles(const struct trust *trust);
const struct trust_role *trust_role_at(const struct trust *trust, size_t i);
/* NULL: nobody delegates to it. */
const struct trust_role *trust_find(const struct trust *trust, const char *role);
/* Whether the paths of role and of all roles above it admit name, as Notary restricts them: a path
 * of a child counts where a path of its parent is a prefix of it. Everything, for "targets". */
bool trust_admits(const struct trust *trust, const char *role, struct span name);
/*
 * The keys that may sign for role, "root" included; borrowed from the view. *ret: free().
 * RC_NOT_FOUND: nobody delegates to it. RC_NO_MEMORY.
 */
must_check enum rc trust_keys(struct pubkey ***ret, size_t *ret_n, const struct trust *trust,
    const char *role, struct why *why);
