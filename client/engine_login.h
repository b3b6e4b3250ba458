/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * engine_login — credentials for a registry as the engine wants them with each push: the value of
 * its header X-Registry-Auth, JSON in URL-safe base64.
 */
#include "client/credentials.h"

/* Append it. host: of the registry, "localhost:5000". A secret: bytes_wipe(). RC_TOO_LARGE,
 * RC_NO_MEMORY. */
must_check enum rc engine_login_format(
    struct bytes *ret, const struct credentials *credentials, const char *host, struct why *why);
