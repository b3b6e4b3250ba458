/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * supervisor — countersign-token as the service of a unit: it listens on the unit's socket, and
 * runs a worker, which is this same program again, for each connection of the agent.
 *
 * Only the user to whom the socket belongs is served, and what a worker may load and sees in its
 * environment the unit says, not that user: one who takes the agent over does not get to the PIN by
 * a module of his own. A worker whose agent hung up has two seconds to end its module; one whose
 * agent closed the connection, or died, is killed. How a worker ended the agent is told by ENDED.
 */
#include "agent/token/frame.h"

/* Whether this process was given a socket to listen on. */
bool supervisor_is_wanted(int fd);

/* Until SIGTERM, at which the workers end. RC_SYSTEM: no socket that can be served; what to do. */
must_check enum rc supervisor_run(int listen_fd, struct why *why);

/* Whether this worker may load the module: all, unless it is one of a supervisor's. RC_DENIED. */
must_check enum rc supervisor_check_module(struct span module, struct why *why);
