/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * credentials — user and password for a server, from where docker, notary and podman keep them.
 *
 * Looked for in this order, and the first that has any for the server is taken: NOTARY_AUTH (trust
 * servers only), DOCKER_AUTH_CONFIG, the file REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json
 * (~/.docker), $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json
 * (~/.config). Within a file: credHelpers, else credsStore, else auths.
 */
#include "proto/bytes.h"

struct credentials {
    char *user;             /* NULL: anonymous; "" where a token does not say whose it is */
    struct bytes secret;    /* password, or token; wiped by credentials_done() */
    bool is_identity_token; /* for the token server, which makes others of it */
    bool is_registry_token; /* for the registry itself, as it is */
};

#define CREDENTIALS_INIT ((struct credentials){.secret = BYTES_INIT(SECRET_MAX_BYTES)})

/*
 * host: "localhost:5000"; docker.io stands for docker's "https://index.docker.io/v1/". path: of the
 * repository, "shop/web"; podman's files may have an entry for a part of it; NULL: none.
 * is_trust_server: NOTARY_AUTH counts as well, first.
 * RC_OK with user NULL: none are configured. RC_MALFORMED, RC_TOO_LARGE, RC_SYSTEM: a file or
 * variable that is damaged or cannot be read, with its name. RC_NETWORK: a helper that failed, with
 * what it said: never silently anonymous.
 */
must_check enum rc credentials_find(struct credentials *ret, const char *host, const char *path,
    bool is_trust_server, struct why *why);
void credentials_done(struct credentials *c);
