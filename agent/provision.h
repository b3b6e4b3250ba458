/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * provision — new keys for tokens: made there (GenerateKey), or brought by the caller (ImportKey),
 * whom the token's worker reads it from. For admins only, and recorded.
 *
 * A new key is of no use before the policy names it.
 */
#include "agent/agent.h"

/* Answer the call, or start to. */
void provision_generate(struct agent *agent, struct conn *conn, const json_t *parameters);
void provision_import(struct agent *agent, struct conn *conn, const json_t *parameters);
