/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * docker_cli — the program as a plugin of the docker CLI, which calls it by the names of its links:
 * docker-countersign, and docker-trust where docker itself has no such command (29 and later).
 *
 * Docker hands over its whole command line, with its own options first. What those say of the
 * engine and of docker's directory goes to where everybody else looks for it: the environment.
 */
#include <stdbool.h>

#include "proto/rc.h"

/* "countersign" or "trust" if the program was called by such a name; else NULL. */
const char *docker_cli_plugin(const char *argv0);

/* Docker asks a plugin what it is before nearly everything that it does: true if this was all that
 * it wants; then it is answered. To be called before anything else. */
bool docker_cli_describe(const char *plugin, int argc, char **argv);

/* The command line without docker's part: argv[0], perhaps --help, --verbose or __complete, and
 * what follows the name of the plugin. */
struct docker_cli {
    int argc;
    char **argv; /* the array is ours, what it points to is the caller's */
};

/* RC_MALFORMED: an option of docker's that is wrong, for standard error with status 2.
 * RC_UNSUPPORTED: certificates that are not in one directory: says what to do instead. */
must_check enum rc docker_cli_enter(
    struct docker_cli *ret, const char *plugin, int argc, char **argv, struct why *why);
void docker_cli_done(struct docker_cli *cli);

/* The value of a switch as Go reads it: 1, t, T, true, True, TRUE, and as many for the other.
 * False: it is neither, which docker refuses. */
must_check bool docker_cli_switch(bool *ret, const char *value);

/* Docker ends, or wants us to end: from now on as a signal would, see interrupt.h. Nothing if
 * docker has not said where it listens (25 and later do). */
void docker_cli_follow(void);
