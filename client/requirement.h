/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * requirement — what a gate wants of an image, and whether the verified roles of a repository hold
 * it. Pure: trust.h verified them before.
 *
 * Docker's readers take a tag from targets/releases, else from targets; that one must be there.
 * Beyond it a gate can want roles, and keys, that hold the same tag with the same digest.
 *
 *     rc = requirement_add_role(&requirement, "qa", why);
 *     rc = requirement_judge(&finding, &requirement, &image, why);
 *     if (finding.doubt == DOUBT_NONE)
 *         finding.target is what to run;
 */
#include "client/trust.h"

/* Why an image is not to be run. */
enum doubt {
    DOUBT_NONE,
    DOUBT_NOT_SIGNED,
    DOUBT_OTHER_SIGNERS,
    DOUBT_OTHER_DIGEST,
    DOUBT_EXPIRED,
    DOUBT_ROLLED_BACK,
    DOUBT_UNTRUSTED_ROOT,
    DOUBT_NOT_VERIFIED, /* trust data that is damaged, or forged */
    DOUBT_UNREACHABLE,  /* nobody knows */
    DOUBT_MAX_
};
const char *doubt_id(enum doubt doubt);   /* "other-signers", for programs */
const char *doubt_text(enum doubt doubt); /* "signed by others only" */
enum doubt doubt_of_cause(enum trust_cause cause);

struct requirement_roles {
    char **names; /* "targets/qa" */
    size_t n;
};

struct requirement_key {
    struct pubkey *key;
    char *name; /* of the file, for people */
};

struct requirement {
    struct requirement_roles all;
    struct requirement_roles *any; /* lists; one role of each suffices */
    size_t n_any;
    struct requirement_key *keys;
    size_t n_keys;
};
void requirement_done(struct requirement *requirement);

/* Role names may be short: "qa" is "targets/qa". RC_MALFORMED: no such name. RC_TOO_LARGE: more
 * than PINNING_ROLES_MAX of a kind. RC_NO_MEMORY. */
must_check enum rc requirement_add_role(
    struct requirement *requirement, const char *role, struct why *why);
/* Begin a list of which one suffices, and add to the last one. */
must_check enum rc requirement_begin_any(struct requirement *requirement, struct why *why);
must_check enum rc requirement_add_any(
    struct requirement *requirement, const char *role, struct why *why);
/* A key; name is for people. */
must_check enum rc requirement_add_key(
    struct requirement *requirement, struct pubkey *key, const char *name, struct why *why);
/* The key of a file, a certificate or a public key in PEM. Also what file_load() and
 * pubkey_from_pem() say. */
must_check enum rc requirement_add_file(
    struct requirement *requirement, const char *path, struct why *why);

/* What is asked about; all borrowed. */
struct requirement_image {
    const struct trust_role *roles; /* in the order of trust_role_at() */
    size_t n_roles;
    const char *tag;             /* NULL: any that is released with the digest */
    const struct digest *digest; /* NULL: whichever is released */
};

struct finding {
    enum doubt doubt;
    struct why why;                  /* a sentence; empty where there is no doubt */
    const struct tuf_target *target; /* what is released; the view's; NULL: nothing is */
    char *tag;
    const struct trust_role *role;     /* it is released by; the view's, like holders */
    const struct trust_role **holders; /* all roles that hold it, in their order */
    size_t n_holders;
};
void finding_done(struct finding *finding);

/* RC_NO_MEMORY. */
must_check enum rc requirement_judge(struct finding *ret, const struct requirement *requirement,
    const struct requirement_image *image, struct why *why);

/* Whether a signature on what is published of role is by that key, which is listed there under any
 * ID. RC_NO_MEMORY. */
must_check enum rc requirement_is_signed(
    bool *ret, const struct trust_role *role, const struct keyid *canonical_id, struct why *why);
