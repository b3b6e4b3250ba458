/* SPDX-License-Identifier: Apache-2.0 */
#include "client/userdir.h"

#include <stdio.h>

static const struct {
    const char *variable;
    const char *below_home; /* NULL: the variable only */
} dirs[USERDIR_MAX_] = {
    [USERDIR_DOCKER] = {"DOCKER_CONFIG", ".docker"},
    [USERDIR_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
    [USERDIR_RUNTIME] = {"XDG_RUNTIME_DIR", NULL},
};

enum rc
userdir_path(char **ret, enum userdir dir, const char *below, struct why *why)
{
    const char *chosen = getenv(dirs[dir].variable);
    const char *home = getenv("HOME");
    char *path = NULL;
    int len = 0;

    /* XDG Base Directory Specification: a relative path is to be ignored. Docker takes one. */
    if (chosen && *chosen && (*chosen == '/' || dir == USERDIR_DOCKER))
        len = asprintf(&path, "%s/%s", chosen, below);
    else if (!home || !*home || !dirs[dir].below_home)
        return fail(why, RC_NOT_FOUND,
            "neither %s nor HOME is set: set one to a directory of yours", dirs[dir].variable);
    else if (*home != '/')
        return fail(why, RC_MALFORMED, "HOME is '%s', want a path that begins with '/'", home);
    else
        len = asprintf(&path, "%s/%s/%s", home, dirs[dir].below_home, below);

    if (len < 0)
        return fail_memory(why);

    *ret = path;
    return RC_OK;
}
