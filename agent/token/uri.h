/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * uri — the URIs (RFC 7512) by which a policy names tokens and keys.
 */
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "proto/bytes.h"

/* RC_MALFORMED: no such URI, or it holds what the policy names elsewhere (module, PIN), or an
 * attribute that p11-kit does not know, with which it would match nothing. *ret: uri_free(). */
must_check enum rc uri_new(P11KitUri **ret, struct span text, struct why *why);
void uri_free(P11KitUri *uri);
DEFINE_CLEANUP(P11KitUri, uri_free);
