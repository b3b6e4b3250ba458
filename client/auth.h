/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * auth — the answer to a server's challenge: Basic, or a Bearer token fetched from its realm.
 *
 * One struct auth belongs to one server. It starts anonymous, learns from the first 401, and keeps
 * tokens per scope until shortly before they expire. Where no credentials are configured it asks
 * for an anonymous token. Credentials go to the server itself and to its realm, which must be
 * https://; an http:// realm is for a server that is itself plain, on loopback.
 */
#include "client/credentials.h"
#include "client/http.h"

struct auth;

/* http is borrowed for life; host as in credentials_find(). */
must_check enum rc auth_new(
    struct auth **ret, struct http *http, const char *host, bool is_trust_server, struct why *why);
void auth_free(struct auth *auth);
DEFINE_CLEANUP(struct auth, auth_free);

/*
 * Fetch the token for a scope, if the server is known to want one and none is at hand. A request
 * that must not be sent twice is prepared first: a failure here means that it was not sent. The
 * same failures as those of auth_send().
 */
must_check enum rc auth_prepare(struct auth *auth, const char *scope, struct why *why);

/*
 * Send the request with what is known for the scope ("repository:shop/web:pull", "…:push,pull",
 * or several with a space between them, of which credentials are looked up for the first); on 401
 * answer the challenge once and send it again. A 401 or 403 after that is returned as a response.
 * RC_NETWORK: also a token server that refuses. And what credentials_find() says.
 */
must_check enum rc auth_send(struct http_response *ret, struct auth *auth,
    const struct http_request *request, const char *scope, struct why *why);

/* The sentence for a 401 or 403 that came back, and what to do: RC_NETWORK. what: the repository,
 * or the scope of a token; problem: what the server said. */
must_check enum rc auth_denied(
    const struct auth *auth, const char *what, const char *problem, struct why *why);
