/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * landlock — the kernel's means by which a process gives up what it does not need, for ever and for
 * all that it starts; see landlock(7).
 *
 * A ruleset names what is given up, and the rules in it say where that is kept. The C library knows
 * none of this, and headers of the kernel only what theirs does.
 */
#include <stdbool.h>

#include "proto/rc.h"

/* What a rule can leave: rights on a file, or on all below a directory. */
enum landlock_right {
    LANDLOCK_READ = 1 << 0,  /* files and directories */
    LANDLOCK_WRITE = 1 << 1, /* files; and make, rename and remove all but devices */
    LANDLOCK_ALL = LANDLOCK_READ | LANDLOCK_WRITE,
};

/* The version of Landlock in this kernel; 0: it has none. Connecting to networks can be given up
 * from version 4 on. */
int landlock_version(void);
#define LANDLOCK_VERSION_NETWORK 4

/*
 * A ruleset that gives up to read and to write, to execute, to make devices, and from newer kernels
 * on to send signals to others and to listen on TCP ports; to connect to them too unless network.
 * *ret_fd is the caller's. RC_SYSTEM.
 */
must_check enum rc landlock_new(int *ret_fd, bool network, struct why *why);
/* path_fd: of a file or directory, may be O_PATH. RC_SYSTEM. */
must_check enum rc landlock_allow(int fd, int path_fd, unsigned rights, struct why *why);
/* From now on. The process must not be able to gain privileges (PR_SET_NO_NEW_PRIVS). RC_SYSTEM. */
must_check enum rc landlock_enforce(int fd, struct why *why);
