/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keysource — a private key as it lies on a disk before it is brought into a token: a PEM file, a
 * file of docker's or notary's directory, or a client bundle of Mirantis Kubernetes Engine.
 */
#include "proto/keyfile.h"
#include "proto/pubkey.h"

struct keysource {
    char *path;
    struct bytes text;   /* of that file */
    struct keyfile file; /* borrows from text */
    bool is_exposed;     /* others than its owner may read it */
    struct keyid id;     /* that the name of the file says; "": it says none */
    char *certificate_path;
    struct pubkey *certificate; /* of a bundle; NULL: there is none */
};

/* path: a file, or the directory of a bundle, with key.pem and cert.pem. *ret is as after
 * keysource_done(). RC_NOT_FOUND, RC_MALFORMED, RC_UNSUPPORTED, RC_TOO_LARGE, RC_SYSTEM. */
must_check enum rc keysource_load(struct keysource *ret, const char *path, struct why *why);
void keysource_done(struct keysource *source); /* overwrites the text */

/* The paths that keysource_load() takes, of what lies at path: itself, or the keys of a trust
 * directory (docker's ~/.docker/trust, notary's ~/.notary, or their "private"), sorted. *ret:
 * keysource_paths_free(). RC_NOT_FOUND: none. */
must_check enum rc keysource_find(char ***ret, size_t *ret_n, const char *path, struct why *why);
void keysource_paths_free(char **paths, size_t n);
