/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * chain — what is published in a repository, as a request to the agent brings it along: the files
 * by which the agent verifies for itself what a document is based on.
 */
#include "client/agent_call.h"
#include "client/trust.h"
#include "proto/members.h"

/*
 * The "bases" of a request with documents of roles, every file with its message. *ret:
 * json_decref(); NULL: somebody published the newest root, timestamp or snapshot in another form
 * than the exact one, which the agent does not read; or the server lacks a file. Targets and
 * delegations in another form are left out. Of the roots those since the one that the agent pins
 * are there. RC_NETWORK, RC_NO_MEMORY.
 */
must_check enum rc chain_format(json_t **ret, const struct trust *trust, const char *const *roles,
    size_t n_roles, struct why *why);

/* Whether the file of role is among them. */
bool chain_has(const json_t *bases, const char *role);

/*
 * agent_call() with the bases besides the parameters; NULL: none. Large files go by their digest
 * alone, as the agent has seen them mostly; where it has not, it is asked again with all of them.
 * Bases that do not fit into a frame are left out.
 */
must_check enum rc chain_call(json_t **ret_parameters, struct agent_call *call, const char *method,
    json_t *parameters, const json_t *bases, struct why *why);
