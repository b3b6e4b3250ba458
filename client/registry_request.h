/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * registry_request — one request about a repository: its address, the rights that it takes, and
 * what a refusal means. For the parts of the registry's client among themselves.
 */
#include "client/auth.h"
#include "client/registry.h"

/* How a registry is spoken with. */
struct registry_link {
    struct http *http;
    struct auth *auth;
};
/* Borrowed, until the next request. RC_NETWORK: nobody answers. */
must_check enum rc registry_reach(
    struct registry_link *ret, struct registry *registry, struct why *why);

/* What a token has to allow. */
enum registry_right {
    REGISTRY_PULL,
    REGISTRY_PUSH,   /* and pull */
    REGISTRY_DELETE, /* and push and pull: some registries have a right of its own for it */
    REGISTRY_RIGHT_MAX_
};

struct registry_request {
    const char *path; /* of the repository, "shop/web" */
    enum registry_right right;
    const char *from;         /* another repository, to pull from; NULL: none */
    struct http_request http; /* its path: as in http.h; authorization is filled in */
};

/*
 * An address that is elsewhere, as registries give for uploads, gets no credentials, and may not be
 * plain where the registry is not. What auth_send() says; a status is no error.
 */
must_check enum rc registry_send(struct http_response *ret, struct registry *registry,
    const struct registry_request *request, struct why *why);

/* "/v2/PATH/KIND/NAME", to be used as http's path: bytes_done(). NULL: no name. */
must_check enum rc registry_address(
    struct bytes *ret, const char *path, const char *kind, const char *name, struct why *why);
/* Room for it. */
#define REGISTRY_ADDRESS_INIT BYTES_INIT(HTTP_HEADERS_MAX_BYTES)

/* What the answer of an address sends us to, whole: free(). address: NULL: one of the registry
 * itself. RC_NETWORK: nowhere, or where we may not go. */
must_check enum rc registry_location(char **ret, struct registry *registry, const char *address,
    const struct http_response *response, struct why *why);

#define REGISTRY_DIGEST_LEN (sizeof "sha256:" - 1 + DIGEST_HEX_LEN)
/* "sha256:…" */
void registry_digest_text(char ret[REGISTRY_DIGEST_LEN + 1], const struct digest *digest);
/* What the server calls it, where it says so with a digest that we know. RC_UNTRUSTED. */
must_check enum rc registry_check_digest(
    const struct digest *digest, const char *named, const char *by, struct why *why);

/* The sentence for an answer that refuses what, "tag 'v1' of 'shop/web'", and what to do about it.
 * RC_NETWORK; RC_CONFLICT: a tag that may not be moved. */
must_check enum rc registry_refused(struct registry *registry, const char *path, const char *what,
    const struct http_response *response, struct why *why);
