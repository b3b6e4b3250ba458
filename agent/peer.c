/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/peer_unit.h"
#include "proto/bounds.h"
#include "proto/bytes.h"

/* The user database tells how much room an entry wants by ERANGE. */
#define ENTRY_MAX_BYTES (1024 * 1024)

/* A process may change its groups between two calls, but what a socket carries is fixed. */
#define GROUPS_TRIES 4

#define LABEL_MAX_BYTES 4096

static enum rc
read_groups(struct peer *peer, int fd, struct why *why)
{
    socklen_t len = 64 * sizeof(gid_t);

    for (int i = 0; i < GROUPS_TRIES; i++) {
        closing(freep) gid_t *gids = malloc(len ? len : 1);
        if (!gids)
            return fail_memory(why);

        if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len)) {
            peer->gids = steal(gids);
            peer->n_gids = len / sizeof *peer->gids;
            return RC_OK;
        }

        if (errno != ERANGE || len > PEER_GROUPS_MAX * sizeof(gid_t))
            break; /* ERANGE: len is now what the kernel wants */
    }

    return fail(why, RC_SYSTEM, "groups of the peer: %s", strerror(errno));
}

/* For the record only, so whatever goes wrong leaves it out. */
static char *
read_label(int fd)
{
    char text[LABEL_MAX_BYTES];
    socklen_t len = sizeof text;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, text, &len) || len == 0)
        return NULL;

    struct span label = {(const uint8_t *)text, strnlen(text, len)};
    return label.len > 0 && span_is_text(label) ? span_dup(label) : NULL;
}

enum rc
peer_new(struct peer **ret, int fd, const char *door, struct why *why)
{
    struct ucred credentials;
    socklen_t len = sizeof credentials;

    closing(peer_unrefp) struct peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return fail_memory(why);

    peer->n_refs = 1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len))
        return fail(why, RC_SYSTEM, "credentials of the peer: %s", strerror(errno));

    /* What the kernel gives for a socket that was never connected. */
    if (len != sizeof credentials || credentials.uid == (uid_t)-1)
        return fail(why, RC_SYSTEM, "the peer has no credentials");

    peer->uid = credentials.uid;
    peer->lane = peer->uid;
    peer->gid = credentials.gid;
    peer->pid = credentials.pid;
    peer->label = read_label(fd);
    peer->door = door ? strdup(door) : NULL;
    if (door && !peer->door)
        return fail_memory(why);

    enum rc rc = read_groups(peer, fd, why);
    if (rc)
        return rc;

    *ret = steal(peer);
    return RC_OK;
}

void
peer_find_unit(struct peer *peer, int fd)
{
    peer->unit = peer_unit_read(fd);
}

/* getpwnam_r() or getpwuid_r(): as a number where user is one. *ret_text holds the strings. */
static enum rc
find_user(struct passwd *ret, char **ret_text, const char *user, struct why *why)
{
    int64_t uid = -1;
    bool is_number = !integer_parse(&uid, span_of(user), 0, UINT32_MAX - 1, NULL);

    for (size_t room = 1024; room <= ENTRY_MAX_BYTES; room *= 2) {
        struct passwd *found = NULL;
        closing(freep) char *text = malloc(room);
        if (!text)
            return fail_memory(why);

        errno = is_number ? getpwuid_r((uid_t)uid, ret, text, room, &found)
                          : getpwnam_r(user, ret, text, room, &found);
        if (found) {
            *ret_text = steal(text);
            return RC_OK;
        }

        if (errno != ERANGE)
            break;
    }

    return fail(why, RC_NOT_FOUND, "no user '%s' on this system", user);
}

static enum rc
find_groups(struct peer *peer, const char *user, struct why *why)
{
    int n = 64;

    for (int i = 0; i < GROUPS_TRIES && n <= PEER_GROUPS_MAX; i++) {
        closing(freep) gid_t *gids = reallocarray(NULL, (size_t)n, sizeof *gids);
        if (!gids)
            return fail_memory(why);

        if (getgrouplist(user, peer->gid, gids, &n) >= 0) {
            peer->gids = steal(gids);
            peer->n_gids = (size_t)n;
            return RC_OK;
        }
    }

    return fail(why, RC_SYSTEM, "groups of user '%s' cannot be listed", user);
}

/* A number without an account, as containers and build hosts have them: no groups are known. */
static bool
is_bare_uid(uid_t *ret, const char *user)
{
    int64_t uid;

    if (integer_parse(&uid, span_of(user), 0, UINT32_MAX - 1, NULL))
        return false;

    *ret = (uid_t)uid;
    return true;
}

enum rc
peer_of_user(struct peer **ret, const char *user, const char *door, struct why *why)
{
    closing(freep) char *text = NULL;
    struct passwd entry = {0};

    closing(peer_unrefp) struct peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return fail_memory(why);

    peer->n_refs = 1;
    peer->door = door ? strdup(door) : NULL;
    if (door && !peer->door)
        return fail_memory(why);

    enum rc rc = find_user(&entry, &text, user, why);
    if (!rc) {
        peer->uid = entry.pw_uid;
        peer->gid = entry.pw_gid;
        rc = find_groups(peer, entry.pw_name, why);
    } else if (rc == RC_NOT_FOUND && is_bare_uid(&peer->uid, user)) {
        peer->gid = peer_overflow_gid();
        rc = RC_OK;
    }
    if (rc)
        return rc;

    *ret = steal(peer);
    return RC_OK;
}

struct peer *
peer_ref(struct peer *peer)
{
    peer->n_refs++;
    return peer;
}

void
peer_unref(struct peer *peer)
{
    if (!peer || --peer->n_refs > 0)
        return;

    free(peer->gids);
    free(peer->label);
    free(peer->door);
    free(peer->unit);
    free(peer);
}

bool
peer_is_in(const struct peer *peer, gid_t gid)
{
    if (peer->uid == 0)
        return false;

    if (peer->gid == gid)
        return true;

    for (size_t i = 0; i < peer->n_gids; i++)
        if (peer->gids[i] == gid)
            return true;

    return false;
}

/* The text of a small file of /proc; empty where it cannot be read. */
static void
read_proc(char *ret, size_t room, const char *path)
{
    closing(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, ret, room - 1);

    ret[len < 0 ? 0 : len] = 0;
}

static const char in_a_namespace[] = "in a user namespace the IDs of peers mean nothing"
                                     " (PrivateUsers=, a rootless container)";

/* user_namespaces(7): lines of first ID inside, first ID outside, count. */
static enum rc
check_map(const char *path, struct why *why)
{
    unsigned long inside, outside, n;
    char text[256], rest;

    read_proc(text, sizeof text, path);
    if (sscanf(text, "%lu %lu %lu %c", &inside, &outside, &n, &rest) != 3)
        return fail(why, RC_SYSTEM, "%s has not exactly one line of three numbers: %s", path,
            in_a_namespace);

    if (inside != 0 || outside != 0 || n != UINT32_MAX)
        return fail(why, RC_SYSTEM, "%s is '%lu %lu %lu', want '0 0 4294967295': %s", path, inside,
            outside, n, in_a_namespace);

    return RC_OK;
}

enum rc
peer_check_namespace(struct why *why)
{
    enum rc rc = check_map("/proc/self/uid_map", why);
    return rc ? rc : check_map("/proc/self/gid_map", why);
}

/* 65534 unless somebody changed it: the kernel's DEFAULT_OVERFLOWUID. */
static id_t
read_overflow(const char *path)
{
    int64_t id = 65534;
    char text[32];

    read_proc(text, sizeof text, path);
    struct span digits = {(const uint8_t *)text, strcspn(text, "\n")};
    if (integer_parse(&id, digits, 0, UINT32_MAX, NULL))
        return 65534;

    return (id_t)id;
}

uid_t
peer_overflow_uid(void)
{
    return read_overflow("/proc/sys/kernel/overflowuid");
}

gid_t
peer_overflow_gid(void)
{
    return read_overflow("/proc/sys/kernel/overflowgid");
}
