/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * agent_stream — a call to the agent that it answers in parts, each of which is passed on as it
 * comes, so that the answer may be of any length.
 */
#include "proto/message.h"

/* Called for each part; the parameters are borrowed. What it returns ends the call, if it fails. */
struct agent_stream_reader {
    enum rc (*take)(void *userdata, const json_t *parameters, struct why *why);
    void *userdata;
};

/*
 * Call "Audit" and so on, at path, over a connection of its own; each part must come within
 * patience_ms. Errors are those of agent_call(), but for Busy, which is not waited for.
 */
must_check enum rc agent_stream(const char *path, const char *method, const json_t *parameters,
    int64_t patience_ms, const struct agent_stream_reader *reader, struct why *why);
