/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * clearance — the answer to whoever wants to run an image: by which digest, or why not. For verify,
 * countersign-verifier and webhooks.
 *
 *     rc = clearance_ask(&clearance, session, "msr.example.com/team/web:1", &requirement, why);
 *     if (!rc && clearance.finding.doubt == DOUBT_NONE)
 *         run clearance.reference;
 */
#include "client/requirement.h"
#include "client/session.h"

struct clearance {
    char *image;              /* "msr.example.com/team/web:1", as docker writes it */
    char *reference;          /* "msr.example.com/team/web@sha256:…"; NULL: not to be run */
    struct finding finding;   /* its doubt and sentence may also be about the repository */
    bool is_offline;          /* by what this machine has seen before */
    int64_t stored_at;        /* if so: when, seconds UTC */
    int64_t expires_at;       /* the first document that counts; 0: nothing was read */
    const char *expires_role; /* which one */
};
void clearance_done(struct clearance *clearance);

/*
 * "NAME[:TAG][@DIGEST]", without both: the tag "latest". requirement: what is wanted beyond what
 * the pinning file wants of the repository. A doubt is a result, and no failure.
 * RC_MALFORMED: no such name, or a pinning file that is damaged; also what else session_pinning()
 * and requirement_add_file() say. RC_NO_MEMORY. clearance_done(), also after a failure.
 */
must_check enum rc clearance_ask(struct clearance *ret, struct session *session, const char *text,
    const struct requirement *requirement, struct why *why);

/* The doubt as a failure: RC_OK where there is none, else RC_UNTRUSTED or RC_NETWORK. */
must_check enum rc clearance_check(const struct clearance *clearance, struct why *why);
/* For programs, see countersign-verify(1). *ret: json_decref(). RC_NO_MEMORY. */
must_check enum rc clearance_format(
    json_t **ret, const struct clearance *clearance, struct why *why);
