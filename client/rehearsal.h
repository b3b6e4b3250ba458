/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rehearsal — everything that publish() would do but for signing and publishing: whether it will
 * come to pass, asked before anything is uploaded.
 */
#include "client/publish.h"

/*
 * Drafts the documents, has the agent decide on them without signing, and asks the trust server
 * whether the caller may publish. RC_DENIED, RC_TOKEN, …: what the agent would say to Sign.
 * RC_PENDING: others would have to agree first: the caller decides whether to go on. RC_UNTRUSTED:
 * root or a role above has expired, so nobody could read what is published: what to do.
 * RC_NETWORK: also where the caller may not publish.
 */
must_check enum rc rehearse(const struct publication *publication, struct why *why);
