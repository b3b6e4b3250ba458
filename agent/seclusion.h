/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * seclusion — what the workers of a token that are children of the agent must not reach of what the
 * agent can: its ledger, its credentials and PINs of other tokens at all, and its policy in order
 * to change it. That they do not, they see to themselves, see token/sandbox.h.
 */
#include "agent/policy.h"
#include "agent/token/frame.h"

struct seclusion;

/* The agent's paths, which may be relative to the working directory of now. RC_SYSTEM: there is
 * none. */
must_check enum rc seclusion_new(
    struct seclusion **ret, const char *policy_path, const char *state_dir, struct why *why);
void seclusion_free(struct seclusion *seclusion);
DEFINE_CLEANUP(struct seclusion, seclusion_free);

/* Put it into OPEN for a worker of that token of the policy. The paths are borrowed from both. */
void seclusion_put(struct frame_open *open, const struct seclusion *seclusion,
    const struct policy *policy, const struct policy_token *token);
