/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/doors.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include "agent/passed.h"

#define RETRY_US 100000 /* after descriptors or memory ran out */

struct entrance {
    struct doors *doors;
    struct door *door;
    sd_event_source *source; /* NULL: before the start */
    TAILQ_ENTRY(entrance) next;
};

struct doors {
    struct doors_owner owner;
    sd_event *event; /* borrowed */
    sd_event_source *retry;
    TAILQ_HEAD(, entrance) list; /* the main one first */
    uint32_t n_ever;             /* doors that were opened, beside the main one */
};

static void
entrance_free(struct entrance *entrance)
{
    TAILQ_REMOVE(&entrance->doors->list, entrance, next);
    sd_event_source_disable_unref(entrance->source);
    door_free(entrance->door);
    free(entrance);
}

static void
hang_up(int listen_fd)
{
    closing(fd_close) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)fd;
}

static int
on_connect(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
    struct entrance *entrance = userdata;
    const struct doors_owner *owner = &entrance->doors->owner;

    (void)source;
    (void)events;
    if (entrance->door->is_shut)
        hang_up(listen_fd);
    else
        owner->knocked(owner->userdata, entrance->door);
    return 0;
}

static enum rc
start(struct entrance *entrance, struct why *why)
{
    if (sd_event_add_io(entrance->doors->event, &entrance->source, entrance->door->fd, EPOLLIN,
            on_connect, entrance) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    return RC_OK;
}

/* Takes door, and NULLs it. */
static enum rc
add(struct entrance **ret, struct doors *doors, struct door **door, struct why *why)
{
    struct entrance *entrance = calloc(1, sizeof *entrance);
    if (!entrance) {
        door_free(steal(*door));
        return fail_memory(why);
    }

    entrance->doors = doors;
    entrance->door = steal(*door);
    TAILQ_INSERT_TAIL(&doors->list, entrance, next);
    *ret = entrance;
    return RC_OK;
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct doors *doors = userdata;
    struct entrance *entrance;

    (void)source;
    (void)usec;
    TAILQ_FOREACH(entrance, &doors->list, next)
        sd_event_source_set_enabled(entrance->source, SD_EVENT_ON);
    return 0;
}

/* Connections that cannot be accepted stay in the queue, of which the loop would be told again at
 * once and for ever. */
void
doors_pause(struct doors *doors)
{
    struct entrance *entrance;

    TAILQ_FOREACH(entrance, &doors->list, next)
        sd_event_source_set_enabled(entrance->source, SD_EVENT_OFF);
    sd_event_source_set_time_relative(doors->retry, RETRY_US);
    sd_event_source_set_enabled(doors->retry, SD_EVENT_ONESHOT);
}

static enum rc
add_passed(struct doors *doors, struct passed *passed, struct why *why)
{
    for (size_t i = 0; i < passed->n; i++) {
        struct entrance *entrance;
        enum rc rc = add(&entrance, doors, &passed->doors[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
add_main(struct doors *doors, const char *path, struct why *why)
{
    /* Everybody may ask: the policy decides, not the mode. */
    const struct door_place place = {NULL, path, 0666};
    struct entrance *entrance;
    struct door *door = NULL;

    enum rc rc = door_open(&door, &place, why);
    return rc ? rc : add(&entrance, doors, &door, why);
}

enum rc
doors_new(struct doors **ret, sd_event *event, const char *path, const struct doors_owner *owner,
    struct why *why)
{
    closing(doors_freep) struct doors *doors = calloc(1, sizeof *doors);
    struct passed passed;
    if (!doors)
        return fail_memory(why);

    TAILQ_INIT(&doors->list);
    doors->owner = *owner;
    doors->event = event;
    enum rc rc = passed_take(&passed, why);
    if (!rc)
        rc = passed.n > 0 ? add_passed(doors, &passed, why) : add_main(doors, path, why);
    passed_done(&passed);
    if (rc)
        return rc;

    *ret = steal(doors);
    return RC_OK;
}

enum rc
doors_start(struct doors *doors, struct why *why)
{
    struct entrance *entrance;

    if (sd_event_add_time_relative(
            doors->event, &doors->retry, CLOCK_MONOTONIC, RETRY_US, 0, on_retry, doors) < 0 ||
        sd_event_source_set_enabled(doors->retry, SD_EVENT_OFF) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    TAILQ_FOREACH(entrance, &doors->list, next) {
        enum rc rc = start(entrance, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static void
tell(const struct doors *doors, enum doors_news news, const char *name, const char *detail)
{
    doors->owner.told(doors->owner.userdata, news, name, detail);
}

static const struct policy_socket *
find_place(const struct policy *policy, const struct door *door)
{
    for (size_t i = 0; i < policy->n_sockets; i++)
        if (!strcmp(policy->sockets[i].name, door->name))
            return &policy->sockets[i];

    return NULL;
}

/* One of ours that the policy does not have any more, or has elsewhere. */
static bool
is_outdated(const struct door *door, const struct policy_socket *place)
{
    return !place || strcmp(place->path, door->path) != 0 || place->mode != door->mode;
}

/* What systemd listens on is shut, or opened again. */
static void
follow_passed(struct doors *doors, struct door *door, const struct policy_socket *place)
{
    struct why why;

    enum rc rc =
        place ? door_check(door, &(struct door_place){place->name, place->path, place->mode}, &why)
              : fail(&why, RC_NOT_FOUND,
                    "systemd listens on '%s', and the policy has no such socket", door->path);
    bool was_shut = door->is_shut;
    door->is_shut = rc;
    if (rc)
        tell(doors, DOORS_FAILED, door->name, why.text);
    if (rc && !was_shut)
        doors->owner.closed(doors->owner.userdata, door->number);

    if (!rc && was_shut) {
        door->number = ++doors->n_ever;
        tell(doors, DOORS_OPENED, door->name, door->path);
    }
}

static void
open_place(struct doors *doors, const struct policy_socket *socket)
{
    const struct door_place place = {socket->name, socket->path, socket->mode};
    struct entrance *entrance = NULL;
    struct door *door = NULL;
    struct why why;

    enum rc rc = door_open(&door, &place, &why);
    if (!rc)
        rc = add(&entrance, doors, &door, &why);
    if (!rc)
        rc = start(entrance, &why);
    if (!rc) {
        entrance->door->number = ++doors->n_ever;
        tell(doors, DOORS_OPENED, socket->name, socket->path);
        return;
    }

    if (entrance)
        entrance_free(entrance);
    tell(doors, DOORS_FAILED, socket->name, why.text);
}

static bool
has_door(const struct doors *doors, const char *name)
{
    const struct entrance *entrance;

    TAILQ_FOREACH(entrance, &doors->list, next)
        if (entrance->door->name && !strcmp(entrance->door->name, name))
            return true;

    return false;
}

void
doors_follow(struct doors *doors, const struct policy *policy)
{
    struct entrance *entrance = TAILQ_FIRST(&doors->list), *next;

    /* First those that go: a new one may have the path of an old one. */
    for (entrance = TAILQ_NEXT(entrance, next); entrance; entrance = next) {
        struct door *door = entrance->door;
        const struct policy_socket *place = find_place(policy, door);

        next = TAILQ_NEXT(entrance, next);
        if (!door->is_ours) {
            follow_passed(doors, door, place);
        } else if (is_outdated(door, place)) {
            doors->owner.closed(doors->owner.userdata, door->number);
            tell(doors, DOORS_CLOSED, door->name, door->path);
            entrance_free(entrance);
        }
    }

    for (size_t i = 0; i < policy->n_sockets; i++)
        if (!has_door(doors, policy->sockets[i].name))
            open_place(doors, &policy->sockets[i]);
}

bool
doors_is_open(const struct doors *doors, const char *name)
{
    const struct entrance *entrance;

    TAILQ_FOREACH(entrance, &doors->list, next)
        if (entrance->door->name && !strcmp(entrance->door->name, name))
            return !entrance->door->is_shut;

    return false;
}

void
doors_free(struct doors *doors)
{
    if (!doors)
        return;

    while (!TAILQ_EMPTY(&doors->list))
        entrance_free(TAILQ_FIRST(&doors->list));
    sd_event_source_disable_unref(doors->retry);
    free(doors);
}

const char *
doors_main_path(const struct doors *doors)
{
    const char *path = TAILQ_FIRST(&doors->list)->door->path;

    return *path ? path : "a socket without a path";
}
