/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pinning — a file that says which roots this machine trusts, and what gates want besides: the
 * daemon.json of Mirantis Container Runtime, of which only "content-trust" counts, or our own
 * verify.json, which has that member in the same form and may have more (countersign-verify(1)).
 *
 * It never says that a root is good: root_pin.h compares.
 *
 *     rc = pinning_find(&pinning, options->values[OPTION_PINNING], why);
 *     if (pinning)
 *         rc = pinning_root(&pin, pinning, "msr.example.com/team/web", why);
 */
#include "client/root_pin.h"

#define PINNING_OWN_FILE    "/etc/countersign/verify.json"
#define PINNING_DAEMON_FILE "/etc/docker/daemon.json"

struct pinning;

enum pinning_form {
    PINNING_OWN,    /* no members but ours; "mode" must be there */
    PINNING_DAEMON, /* other members are the engine's business; no "mode": disabled */
};

enum pinning_mode { PINNING_DISABLED, PINNING_PERMISSIVE, PINNING_ENFORCED, PINNING_MODE_MAX_ };
const char *pinning_mode_name(enum pinning_mode mode);

/* What gates want of the repositories that a name matches; borrowed from the pinning. */
struct pinning_demand {
    const json_t *roles;        /* texts; each must have signed; NULL: none */
    const json_t *any;          /* arrays of texts; one of each must have; NULL: none */
    const json_t *certificates; /* texts: paths of files; NULL: none */
};

/* What countersign-verifier is told; borrowed, NULL or 0 where it is not. */
struct pinning_verifier {
    const char *trust_dir, *server, *ca_file;
    int64_t timeout_s;
};

/*
 * *ret is NULL where a daemon.json says nothing of content trust; pinning_free().
 * RC_MALFORMED: the place and what is wanted there. RC_TOO_LARGE: more than PINNING_MAX_BYTES, or
 * longer lists than bounds.h has it. RC_NO_MEMORY.
 */
must_check enum rc pinning_parse(
    struct pinning **ret, struct span text, enum pinning_form form, struct why *why);
void pinning_free(struct pinning *pinning);
DEFINE_CLEANUP(struct pinning, pinning_free);

/*
 * The file of that path, where it has our form unless its name is daemon.json; NULL: that of
 * $COUNTERSIGN_PINNING, else PINNING_OWN_FILE, else PINNING_DAEMON_FILE. *ret is NULL where there
 * is none, or nothing in it. The sentence names the path. What pinning_parse() says, and
 * file_load(), but RC_SYSTEM where a file that is named is not there; and of those that nobody
 * named what file_check_writers() says.
 */
must_check enum rc pinning_find(struct pinning **ret, const char *path, struct why *why);

const char *pinning_path(const struct pinning *pinning); /* "" after pinning_parse() */
enum pinning_mode pinning_mode(const struct pinning *pinning);
bool pinning_allows_expired_cache(const struct pinning *pinning);
struct pinning_verifier pinning_verifier(const struct pinning *pinning);

/*
 * What it pins for that repository, letters as they stand: its certificates where it is named among
 * these, else the root keys of the longest name that matches. *ret: root_pin_done(); it is not set
 * where no name matches. RC_UNTRUSTED: it wants Docker's own root key. RC_NO_MEMORY.
 */
must_check enum rc pinning_root(
    struct root_pin *ret, const struct pinning *pinning, const char *repository, struct why *why);
/* Of the longest name that matches; all NULL: nothing. */
struct pinning_demand pinning_demand(const struct pinning *pinning, const char *repository);
