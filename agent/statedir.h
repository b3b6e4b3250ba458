/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * statedir — the directory in which the agent keeps its ledger: its own, closed to others, and held
 * by one agent at a time.
 */
#include "proto/rc.h"

/*
 * Open dir and lock it for as long as *ret_fd is open (flock; a child that inherits the descriptor
 * holds the lock too). A directory that is missing is made with mode 0700 if its parent exists; one
 * that others can read is closed to them. RC_BUSY: another agent holds it. RC_STORAGE: not a
 * directory, a symbolic link, another owner, writable by others, or what the kernel says.
 */
must_check enum rc statedir_open(int *ret_fd, const char *dir, struct why *why);
