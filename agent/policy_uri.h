/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_uri — which PKCS#11 URIs (RFC 7512) a policy may hold.
 *
 * A token's URI names the token, a key's URI the key in it, and neither says anything else: no PIN,
 * no module, no attribute that PKCS#11 libraries ignore because they do not know it.
 */
#include "proto/rc.h"

enum policy_uri_kind { POLICY_URI_TOKEN, POLICY_URI_KEY };

/* RC_MALFORMED */
must_check enum rc policy_uri_check(const char *uri, enum policy_uri_kind kind, struct why *why);
