/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * agent_link — a connection to the agent's socket: frames that end with a NUL, and how long the
 * other side may keep us waiting. It knows nothing of what they say.
 */
#include <sys/types.h>

#include "proto/bytes.h"

struct agent_link;

/* path: NULL: COUNTERSIGN_SOCKET, else $XDG_RUNTIME_DIR/countersign/agent.sock if it exists, else
 * /run/countersign/agent.sock. Does not connect yet. */
must_check enum rc agent_link_new(struct agent_link **ret, const char *path, struct why *why);
void agent_link_free(struct agent_link *link);
DEFINE_CLEANUP(struct agent_link, agent_link_free);
const char *agent_link_path(const struct agent_link *link);

/* How long to wait for an answer, and at most FRAME_TIMEOUT_S for it to take what is sent; from
 * now on. */
must_check enum rc agent_link_set_patience(
    struct agent_link *link, int64_t patience_ms, struct why *why);

/* Connect where it is not. RC_TOKEN: no agent there: says how to start one. RC_TIMEOUT: there is
 * one, and it takes no connection. */
must_check enum rc agent_link_connect(struct agent_link *link, struct why *why);
/* Connected, and nothing came unasked. */
bool agent_link_is_idle(const struct agent_link *link);
void agent_link_disconnect(struct agent_link *link);

/*
 * RC_TOKEN: a secret is not to be sent, as neither root nor this user listens there, nor the user
 * of COUNTERSIGN_AGENT_USER, by default "countersign".
 */
must_check enum rc agent_link_check_listener(const struct agent_link *link, struct why *why);

/* As whom an agent of the system runs: COUNTERSIGN_AGENT_USER, a name or a number; -1: there is no
 * such user. */
uid_t agent_link_user(void);

/* Send bytes; an agent that closes meanwhile says why in what is received. RC_TIMEOUT. */
must_check enum rc agent_link_send(
    const struct agent_link *link, struct span bytes, struct why *why);
/* Append the next frame without its NUL. RC_TOKEN: closed. RC_TIMEOUT, RC_TOO_LARGE. */
must_check enum rc agent_link_receive(
    struct bytes *ret, const struct agent_link *link, struct why *why);
/* More came than that. */
bool agent_link_has_more(const struct agent_link *link);
