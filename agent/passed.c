/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/passed.h"

#include <systemd/sd-daemon.h>

#include "agent/peer.h"

/* systemd.socket(5): without FileDescriptorName= it is the name of the unit. */
static bool
is_main(const char *name)
{
    size_t len = strlen(name), suffix = strlen(".socket");

    return !strcmp(name, PEER_MAIN_DOOR) ||
           (len > suffix && !strcmp(name + len - suffix, ".socket"));
}

static void
names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}

DEFINE_CLEANUP(char *, names_free);

static enum rc
add(struct passed *passed, int fd, const char *name, struct why *why)
{
    struct door *door = NULL;

    for (size_t i = 1; name && i < passed->n; i++)
        if (!strcmp(passed->doors[i]->name, name))
            return fail(why, RC_SYSTEM,
                "systemd passed two sockets that are called '%s': mend the socket units", name);

    if (!name && passed->doors[0])
        return fail(why, RC_SYSTEM,
            "systemd passed more than one main socket: name the others in their socket units, by "
            "FileDescriptorName=");

    enum rc rc = door_adopt(&door, &fd, name, why);
    if (rc)
        return rc;

    if (name)
        passed->doors[passed->n++] = door;
    else
        passed->doors[0] = door;
    return RC_OK;
}

enum rc
passed_take(struct passed *passed, struct why *why)
{
    bool has_names = getenv("LISTEN_FDNAMES");
    closing(names_freep) char **names = NULL;

    *passed = (struct passed){0};
    int n = sd_listen_fds_with_names(1, &names);
    if (n <= 0)
        return RC_OK;

    passed->doors = calloc((size_t)n + 1, sizeof(struct door *));
    if (!passed->doors)
        return fail_memory(why);

    passed->n = 1;
    for (int i = 0; i < n; i++) {
        bool is_door = has_names && !is_main(names[i]);
        enum rc rc = add(passed, SD_LISTEN_FDS_START + i, is_door ? names[i] : NULL, why);
        if (rc)
            return rc;
    }

    if (!passed->doors[0])
        return fail(why, RC_SYSTEM,
            "systemd passed no main socket, but '%s': enable countersign-agent.socket as well",
            names[0]);

    return RC_OK;
}

void
passed_done(struct passed *passed)
{
    for (size_t i = 0; i < passed->n; i++)
        door_free(passed->doors[i]);
    free(passed->doors);
    *passed = (struct passed){0};
}
