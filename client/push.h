/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * push — images and their trust into registries, as one act: the tag moves last, when the trust
 * data is there for everybody to see.
 *
 *  REHEARSE ──▶ UPLOAD ──▶ MANIFESTS ──▶ PUBLISH ──▶ TAG ──▶ done
 *
 * Whatever fails before TAG leaves every tag as it was; before PUBLISH, the trust data as well.
 */
#include "client/session.h"

/* All images of one command line. */
struct push_options {
    const char *from;     /* a source, or "daemon"; NULL: daemon */
    const char *platform; /* NULL: all */
    bool has_referrers;
    bool is_immutable; /* a tag that exists is not moved */
};

/* references: "HOST/NAME[:TAG]", latest where none is given. Tells on standard output what became
 * of each. The first thing that went wrong; RC_CONFLICT: a tag that exists, with is_immutable. */
must_check enum rc push(struct session *session, char **references, size_t n,
    const struct push_options *options, struct why *why);
