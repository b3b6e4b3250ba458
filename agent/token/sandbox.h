/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * sandbox — what a worker that is a child of the agent gives up before it loads a module, as it has
 * the agent's user and could reach all that the agent can.
 *
 * It cannot execute anything, make devices, send signals to other processes or listen on the
 * network; nor connect to it, unless the policy says so. What the agent names is out of its reach
 * but for its own PIN: some paths altogether, some for writing only. All else is left to it, as
 * only the module knows where it keeps what, and the user's rights and the unit say where it may
 * write.
 *
 * Landlock knows no exceptions, so what is left is all that lies beside the way to what is not. So
 * what is put into a directory on such a way later is out of reach as well.
 */
#include <sys/types.h>

#include "agent/token/frame.h"

struct sandbox {
    char *pin;       /* path of the PIN file; NULL: there is none, or no sandbox */
    dev_t pin_dev;   /* of the file that was there when the sandbox was made */
    ino_t pin_inode; /* 0: none was */
};

/* For the rest of this process, as OPEN says. Does nothing where the kernel has no Landlock.
 * RC_SYSTEM: the module must not be loaded. */
must_check enum rc sandbox_enter(
    struct sandbox *ret, const struct frame_open *open, struct why *why);
void sandbox_done(struct sandbox *sandbox);

/* Another PIN file is there now, which only a new process can read. */
bool sandbox_is_outdated(const struct sandbox *sandbox);
