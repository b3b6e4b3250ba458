/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * chain — what is published in a repository, as a request to the agent brings it along: the files
 * by which the agent verifies for itself what a document is based on.
 */
#include "client/trust.h"
#include "proto/members.h"

/*
 * The "bases" of a request with documents of roles. *ret: json_decref(); NULL: somebody published
 * targets or what leads to it in another form than the exact one, which the agent does not read;
 * or the server lacks a file; or they are too large for a request. RC_NETWORK, RC_NO_MEMORY.
 */
must_check enum rc chain_format(json_t **ret, const struct trust *trust, const char *const *roles,
    size_t n_roles, struct why *why);
