/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * userdir — the directories in which a user keeps settings, as the environment names them.
 */
#include "proto/rc.h"

enum userdir {
    USERDIR_DOCKER,  /* $DOCKER_CONFIG, else ~/.docker */
    USERDIR_CONFIG,  /* $XDG_CONFIG_HOME, else ~/.config */
    USERDIR_RUNTIME, /* $XDG_RUNTIME_DIR */
    USERDIR_MAX_
};

/* Path of below ("config.json") in it; nothing is looked at or made. *ret: free(). RC_NOT_FOUND:
 * the environment names no such directory. RC_MALFORMED: HOME is relative. RC_NO_MEMORY. */
must_check enum rc userdir_path(char **ret, enum userdir dir, const char *below, struct why *why);
