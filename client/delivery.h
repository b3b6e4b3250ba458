/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * delivery — the signed files of a publication on their way to the trust server.
 */
#include "client/composition.h"

/*
 * Post all at once. Where no answer comes nobody knows whether it arrived: look, and send the same
 * bytes again, POSTS_MAX times. RC_CONFLICT: HTTP 400 VERSION, and it was not ourselves who posted
 * them; or another refusal, after others have published. RC_NETWORK. RC_NO_MEMORY.
 */
must_check enum rc delivery_post(const struct composition *composition, struct why *why);
/* Whether the server has the root that goes along, or none does. */
bool delivery_has_root(const struct composition *composition);

#define POSTS_MAX      3    /* of the same bytes, where the network fails */
#define BACKOFF_MAX_MS 2000 /* between two posts */
