/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * reference — the name of an image, normalised as docker does it: "alpine" is
 * "docker.io/library/alpine".
 *
 * The repository, registry's host and port included, is what Notary calls the GUN.
 */
#include "proto/bytes.h"

struct reference {
    char *repository; /* "localhost:5000/shop/web" */
    char *host;       /* "localhost:5000" */
    char *path;       /* "shop/web" */
    char *tag;        /* NULL: none given; docker then takes "latest", if there is no digest */
    char *digest;     /* "sha256:…" or NULL */
};

/* "name[:tag][@sha256:…]". RC_MALFORMED: what is wrong with it, in docker's words where it has
 * some. */
must_check enum rc reference_parse(struct reference *ret, const char *text, struct why *why);
void reference_done(struct reference *ref);

/*
 * A GUN given on its own: normalised if it is the name of an image, else taken as it stands.
 * *ret: free(). RC_MALFORMED: empty, longer than REPOSITORY_MAX_BYTES, '*', control characters,
 * invalid UTF-8; an image with tag or digest, as it would else become a repository of that name; a
 * path that is not clean ("a//b", "a/../b", "/a"), as servers redirect it to another one.
 */
must_check enum rc repository_normalise(char **ret, const char *text, struct why *why);
/* Whether repository_normalise() gives it back unchanged. */
bool repository_is_normal(const char *repository);
/* "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}" */
bool tag_is_valid(struct span tag);
