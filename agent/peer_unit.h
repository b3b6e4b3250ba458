/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * peer_unit — the unit of systemd in which the process at the other end of a connection runs.
 *
 * It is that of the process that called connect(2), by the pidfd that the kernel has for it (Linux
 * 6.5), and only as long as that process lives: its number may be another one's afterwards. Only
 * the system manager's units count. Those of a user's manager are cgroups that belong to the user,
 * who can move any process into them.
 */
#include <stdbool.h>

#include "proto/mem.h"

/* fd: a connected Unix socket, borrowed. NULL: it is in none, or that cannot be known. free(). */
char *peer_unit_read(int fd);

/* The same for a pidfd. */
char *peer_unit_of_pidfd(int pidfd);

/* Whether that can be known of anybody: by this kernel, and with the /proc that is seen here. */
bool peer_unit_is_supported(void);
