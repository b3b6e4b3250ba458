/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * softagent — stands in for client/agent_call: an agent within the test, with keys in its memory. A
 * test that links it has no socket and no other agent.
 *
 * It signs what it is asked to, unless the test says what it answers instead.
 */
#include "client/agent_call.h"
#include "tests/forge.h"

struct softagent_key {
    const char *name;
    const char *roles;       /* JSON, ["targets/qa"] */
    struct forge_key *key;   /* NULL: its token was never there */
    const char *certificate; /* PEM, or NULL */
    bool is_refused;         /* listed, but of no use to the caller */
    int64_t max_validity_s;
};

struct agent_call {
    const struct softagent_key *keys;
    size_t n_keys;
    enum rc rc;         /* of the next calls but ListKeys; RC_OK: as asked */
    const char *answer; /* parameters of it, as JSON; NULL: none */
    json_t *asked;      /* parameters of the latest call */
    size_t n_calls;
    void (*spoil)(json_t *answer); /* changes what would be answered; NULL: nothing */
};

void softagent_init(struct agent_call *agent, const struct softagent_key *keys, size_t n);
void softagent_done(struct agent_call *agent);
