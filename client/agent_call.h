/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * agent_call — calls to the agent over its socket.
 */
#include "client/progress.h"
#include "proto/message.h"

struct agent_call;

/* path: NULL: COUNTERSIGN_SOCKET, else $XDG_RUNTIME_DIR/countersign/agent.sock if it exists, else
 * /run/countersign/agent.sock. Connects at the first call. */
must_check enum rc agent_call_new(struct agent_call **ret, const char *path, struct why *why);
void agent_call_free(struct agent_call *call);
DEFINE_CLEANUP(struct agent_call, agent_call_free);
/* Close the connection; the next call makes a new one. */
void agent_call_disconnect(struct agent_call *call);
const char *agent_call_path(const struct agent_call *call);
/* Ask the agent what calls of Sign wait for, and note it there. progress is borrowed for life. */
void agent_call_tell(struct agent_call *call, const struct progress *progress);

/*
 * Call "Sign" and so on of org.countersign.Agent. parameters may be NULL and are borrowed.
 * *ret_parameters: json_decref(); on an error of the agent it holds the error's parameters, else it
 * is untouched on failure. The agent's errors come as their rc, with a sentence for people made of
 * their parameters: reason, want, have, remedy. RC_TOKEN: no agent at the socket: says how to start
 * one. Busy is waited for and tried again as retry_after_ms says, with jitter, up to BUSY_WAIT_S in
 * all.
 */
must_check enum rc agent_call(json_t **ret_parameters, struct agent_call *call, const char *method,
    const json_t *parameters, struct why *why);

/* The same for what the agent knows without asking anybody: each answer comes within timeout_ms, or
 * else RC_TIMEOUT, and Busy is waited for no longer than that. */
must_check enum rc agent_call_briefly(json_t **ret_parameters, struct agent_call *call,
    const char *method, const json_t *parameters, int64_t timeout_ms, struct why *why);

/* Connect now, where a call would. RC_TOKEN: there is no agent. RC_TIMEOUT: there is one, which
 * took no connection for timeout_ms. */
must_check enum rc agent_call_connect(struct agent_call *call, int64_t timeout_ms, struct why *why);

/*
 * The same with secrets that follow the call: the agent replies, a token's worker reads them, and
 * the last word is *ret_parameters. On a connection of its own. Borrows the secrets, and leaves no
 * copy of them. RC_BUSY: not tried again. RC_TOKEN: also where neither root
 * nor this user listens there, nor the
 * one of COUNTERSIGN_AGENT_USER, by default "countersign".
 */
must_check enum rc agent_call_with_secrets(json_t **ret_parameters, const struct agent_call *call,
    const char *method, const json_t *parameters, const struct span *secrets, size_t n,
    struct why *why);
