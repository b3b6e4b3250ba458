/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * agent_error — an error of the agent, as a kind and one sentence for people.
 */
#include "proto/message.h"

/*
 * name: full, "org.countersign.Agent.Denied", or one of org.varlink.service. Returns its rc, never
 * RC_OK; RC_SYSTEM for a name that is not known. The sentence is made of what parameters has:
 * reason, want, have, remedy.
 */
must_check enum rc agent_error(const char *name, const json_t *parameters, struct why *why);

/* A reply that is none: the sentence that is there says why. Returns rc. */
must_check enum rc agent_error_of_reply(enum rc rc, struct why *why);
