/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * birth — how a worker comes to be: as a process of the agent's own, or as one that the service of
 * a unit runs for each connection to its socket.
 */
#include <sys/types.h>

#include "agent/policy.h"

/*
 * Start the program at path. It gets its messages on descriptor 3 and no other descriptor but 0 and
 * 1, which are /dev/null, and 2, which is the agent's: PKCS#11 modules print there what nobody else
 * knows (a token's environment silences those that print too much). Its environment is what the
 * policy gives the token, and CREDENTIALS_DIRECTORY if the PIN is a credential.
 *
 * *ret_fd is our end of the socket, which does not block. RC_SYSTEM.
 */
must_check enum rc birth_spawn(pid_t *ret_pid, int *ret_fd, const char *path,
    const struct policy_token *token, struct why *why);

/*
 * Connect to the socket that the token's policy names. Who listens there must be root or our own
 * user, as the service manager is. That somebody accepts the connection is seen only when it
 * answers. *ret_fd does not block. RC_SYSTEM: there is no such socket; what to do.
 */
must_check enum rc birth_connect(int *ret_fd, const struct policy_token *token, struct why *why);
