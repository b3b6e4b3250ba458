/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * helper — docker's credential helpers: programs on PATH, "docker-credential-NAME", that keep
 * passwords in a keychain and give them out on "get".
 */
#include "proto/bytes.h"

/*
 * Run "docker-credential-NAME get" with server on its standard input. *ret_user: free(); ret_secret
 * is appended to, and wiped by its owner. The user "<token>" means that the secret is an identity
 * token.
 * RC_NOT_FOUND: the helper has nothing for this server. RC_NETWORK: the helper is missing, fails,
 * takes more than HELPER_TIMEOUT_S, or says what nobody understands; with what it said.
 * RC_TOO_LARGE.
 */
must_check enum rc helper_get(char **ret_user, struct bytes *ret_secret, const char *name,
    const char *server, struct why *why);
