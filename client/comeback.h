/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * comeback — who was told that others must agree first, and comes back, asks for the very bytes
 * that they agreed to.
 *
 * A draft made anew differs from the one before in its expiry at least, and the first root of a
 * repository in the keys that the trust server gives. So where a request of the caller waits for
 * the same roles, each draft is made once more with those of then; if all come out as what waits,
 * byte for byte, they stand on the same base and mean the same, and are asked for as they are.
 */
#include "client/root_step.h"
#include "client/step.h"

/*
 * Steps are drafted; those that wait for signatures become what was asked for before, or stay as
 * they are. root: NULL: none goes along. Asks the agent only if it may want
 * approvals for a key in question. What agent_call() and step_draft() say.
 */
must_check enum rc comeback(const struct publication *publication, struct root_step *root,
    struct step *steps, size_t n_steps, struct why *why);
