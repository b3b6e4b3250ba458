/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * walk — the chain of TUF as a pure step: what is trusted so far, one more file, and the time, give
 * what is trusted next, or why not.
 *
 * The caller fetches and stores; walk only judges. Files go in the order of trust: a root to start
 * from (pinned, cached or of first use), newer roots one by one, timestamp, snapshot, targets,
 * delegations from parent to child. A file that is refused changes nothing. One that is taken
 * replaces the one before, and forgets what was trusted through that.
 *
 *     rc = walk_new(&w, repository, TUF_TOLERANT, now, why);
 *     rc = walk_anchor(w, root, why);
 *     rc = walk_timestamp(w, timestamp, why);
 *     listed = walk_listed(w, SPAN("snapshot"));   digest to fetch
 *     …
 *
 * The rules: signatures by threshold distinct keys; root N+1 signed by the keys of N and by its
 * own; root certificates by certificate_check_root(); versions never below the floor; hashes and
 * lengths over the bytes as published; nothing expired but roots that have a successor.
 *
 * Whatever is wrong with a file, be it malformed or too large, is RC_UNTRUSTED: what the caller
 * does about it is the same. Besides, each step may be RC_NO_MEMORY.
 */
#include "proto/tuf_root.h"
#include "proto/tuf_snapshot.h"
#include "proto/tuf_targets.h"

struct walk;

/* now: seconds UTC, for all of this walk. RC_NO_MEMORY. */
must_check enum rc walk_new(struct walk **ret, const char *repository, enum tuf_reading reading,
    int64_t now, struct why *why);
void walk_free(struct walk *w);
DEFINE_CLEANUP(struct walk, walk_free);

/*
 * The highest version of role seen before; lower ones are refused. Called again, the higher one
 * counts. For root it holds for the newest one, in walk_roots_done().
 * RC_MALFORMED: no role name. RC_TOO_LARGE: more than SNAPSHOT_FILES_MAX roles. RC_NO_MEMORY.
 */
must_check enum rc walk_floor(struct walk *w, struct span role, int64_t version, struct why *why);
/* Renewal and repair read expired targets and delegations. */
void walk_allow_expired(struct walk *w);
/* Who replaces the newest root reads on though it has expired. Older roots are held to nothing. */
void walk_allow_expired_root(struct walk *w);
/* What was verified before, and is only read again while nobody can be asked for newer files: all
 * documents may be expired. Certificates may not. */
void walk_ignore_expiry(struct walk *w);

/*
 * The root to trust: it must be well formed, sign itself, and its certificates must fit the
 * repository. Its expiry is judged by walk_roots_done(), as a successor may follow.
 * RC_UNTRUSTED: why not.
 */
must_check enum rc walk_anchor(struct walk *w, struct span file, struct why *why);
/* The next root: version +1, signed by the current and by itself. RC_UNTRUSTED. */
must_check enum rc walk_root(struct walk *w, struct span file, struct why *why);
/* No newer root exists: the current one must not be expired, unless that is allowed, nor below the
 * floor. RC_UNTRUSTED. */
must_check enum rc walk_roots_done(struct walk *w, struct why *why);

/* Begins with walk_roots_done(). RC_UNTRUSTED: signature, expiry, version below the floor. */
must_check enum rc walk_timestamp(struct walk *w, struct span file, struct why *why);
/* RC_UNTRUSTED: the same, hash or length; also if it lists another root than the current one, which
 * is how a newer root shows. */
must_check enum rc walk_snapshot(struct walk *w, struct span file, struct why *why);
/*
 * targets, or a delegation whose parent is already there. RC_NOT_FOUND: the parent does not
 * delegate to role, or is not there; or the snapshot lists no file of it, which is normal for a
 * role that has not signed yet. RC_UNTRUSTED: as above; an expired file is taken after
 * walk_allow_expired(). A delegation that fails costs its subtree only: warn and go on.
 */
must_check enum rc walk_targets(
    struct walk *w, struct span role, struct span file, struct why *why);

/* Of a step that was RC_UNTRUSTED, the last one that was taken. */
enum walk_cause {
    WALK_CAUSE_OTHER,
    WALK_CAUSE_EXPIRED,
    WALK_CAUSE_ROLLBACK, /* a version below the floor */
};
enum walk_cause walk_cause(const struct walk *w);
/*
 * The same for who repairs a repository: the snapshot lists a file that nobody has, as happens
 * where somebody publishes what the server writes in another form than it got. Whether a newer file
 * is hidden that way, nobody can tell, so what is taken counts for nothing but the repair.
 */
must_check enum rc walk_targets_mislisted(
    struct walk *w, struct span role, struct span file, struct why *why);

/* What is trusted; borrowed, NULL where not there (yet). */
const struct tuf_root *walk_root_document(const struct walk *w);
const struct tuf_file *walk_root_file(const struct walk *w);
const struct tuf_snapshot *walk_timestamp_document(const struct walk *w);
const struct tuf_snapshot *walk_snapshot_document(const struct walk *w);
const struct tuf_targets *walk_targets_document(const struct walk *w, struct span role);
/* Of all roles but root. */
const struct tuf_file *walk_file(const struct walk *w, struct span role);
/* Digest and length that the timestamp (role snapshot) or the snapshot gives. */
const struct tuf_listed *walk_listed(const struct walk *w, struct span role);
/* How a targets document that is there lists role, with the keys of that document; for the four
 * base roles: how the root lists it. Returns NULL where no trusted document does. */
const struct tuf_role *walk_role(
    const struct walk *w, struct span role, const struct tuf_keys **ret_keys);
/*
 * Whether the paths of role admit the decoded name, as Notary's readers restrict them: a path
 * counts only where a path of the role above that counts is a prefix of it. Always for targets;
 * false where a document on the way is not there.
 */
bool walk_admits(const struct walk *w, struct span role, struct span name);
