/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * repo — one repository on a Notary server: fetch its files, publish new ones. Verifies nothing.
 */
#include "proto/tuf_snapshot.h"

struct repo_server;
struct repo;

struct repo_server_options {
    const char *url; /* NULL: DOCKER_CONTENT_TRUST_SERVER, else https://HOST of the repository */
    const char *ca_file, *cert_file, *key_file; /* --tlscacert, --tlscert, --tlskey; NULL: none */
    bool is_plain_allowed; /* --insecure-trust-server: plain HTTP, on loopback only */
    bool is_verbose;
};

/* host: of the repositories ("localhost:5000"), for the default URL and credentials. CA and client
 * certificates also from $DOCKER_CONFIG/tls/HOST:PORT/. RC_MALFORMED: a URL that is not https. */
must_check enum rc repo_server_new(struct repo_server **ret,
    const struct repo_server_options *options, const char *host, struct why *why);
void repo_server_free(struct repo_server *server);
DEFINE_CLEANUP(struct repo_server, repo_server_free);
const char *repo_server_url(const struct repo_server *server);
/* As http_disconnect(). */
must_check enum rc repo_server_disconnect(struct repo_server *server, struct why *why);

/* repository: the GUN. Borrows server. */
must_check enum rc repo_new(
    struct repo **ret, struct repo_server *server, const char *repository, struct why *why);
void repo_free(struct repo *repo);
DEFINE_CLEANUP(struct repo, repo_free);
const char *repo_url(const struct repo *repo); /* of its server */

/*
 * GET …/NAME.json; name: "timestamp", "root", "2.root", "targets/qa.<sha256>", "3.targets/qa".
 * Appends to ret. RC_NOT_FOUND: a 404 with Notary's own code. RC_NETWORK: everything else: status,
 * code, 401 and 403 with what to do, an answer that is not from a Notary server, more than
 * max_bytes.
 */
must_check enum rc repo_get(
    struct bytes *ret, struct repo *repo, const char *name, size_t max_bytes, struct why *why);

/*
 * GET …/ROLE.SHA256.json, as the snapshot or the timestamp lists it. Appends to ret; the content is
 * not verified. RC_UNTRUSTED: listed without sha256, not there, or longer than listed. RC_NETWORK.
 */
must_check enum rc repo_get_listed(struct bytes *ret, struct repo *repo, const char *role,
    const struct tuf_listed *listed, struct why *why);

/* GET …/ROLE.key: the server's key object for "timestamp" or "snapshot", as it comes. RC_NETWORK:
 * also a server that makes none for this repository. */
must_check enum rc repo_get_key(
    struct bytes *ret, struct repo *repo, const char *role, struct why *why);

/* POST …/ROLE.key: a new one, which counts once a root lists it. RC_NETWORK: also where the caller
 * may not do everything with the repository. */
must_check enum rc repo_new_key(
    struct bytes *ret, struct repo *repo, const char *role, struct why *why);
/* DELETE: all that the server has of the repository, if there is anything. Likewise. */
must_check enum rc repo_delete(struct repo *repo, struct why *why);

struct repo_upload {
    const char *role;
    struct span file;
};
/*
 * POST all files at once, all or nothing.
 * RC_CONFLICT: HTTP 400 VERSION: somebody else published. RC_NETWORK: refused, with the server's
 * code and reason. RC_TIMEOUT: no answer, or 5xx: nobody knows whether it was published; for the
 * caller to find out.
 */
must_check enum rc repo_publish(
    struct repo *repo, const struct repo_upload *uploads, size_t n, struct why *why);
