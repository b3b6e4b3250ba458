/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate.h"

#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIN_SLACK_MS 5000 /* beyond what the worker itself gives a client */

static void
end(struct gate *gate, enum rc rc, const struct why *why)
{
    keyring_unlocked *callback = gate->callback;

    if (!callback)
        return;

    gate->callback = NULL;
    login_forbid(gate->crew->login);
    timer_set(&gate->timer, 0);
    callback(gate->userdata, rc, why);
}

static void
on_timer(void *userdata)
{
    struct why why;

    enum rc rc = fail(&why, RC_TIMEOUT, "neither unlocked nor refused in time; try again");
    end(userdata, rc, &why);
}

enum rc
gate_init(
    struct gate *gate, struct crew *crew, struct member *members, size_t n_members, struct why *why)
{
    *gate = (struct gate){.crew = crew, .members = members, .n_members = n_members};
    return timer_init(&gate->timer, crew->event, on_timer, gate, why);
}

void
gate_done(struct gate *gate)
{
    timer_done(&gate->timer);
}

static void
wake(struct gate *gate)
{
    (void)sd_event_source_set_enabled(gate->crew->pump, SD_EVENT_ONESHOT);
}

enum rc
gate_check(enum keyring_need *ret, const struct gate *gate, enum keyring_state state,
    const char *detail, bool force, struct why *why)
{
    const struct pinpad *pad = &gate->members[0].pinpad;
    const char *name = gate->crew->token->name;
    bool is_prompt = gate->crew->token->pin == POLICY_PIN_PROMPT;

    if (gate->callback || pad->step != PINPAD_IDLE)
        return fail(why, RC_BUSY, "token '%s' is being unlocked", name);

    if (state == KEYRING_READY && is_prompt)
        return fail(why, RC_UNSUPPORTED, "unlocking '%s', which is not locked", name);

    bool is_looked_for = state == KEYRING_STARTING || pad->is_refused ||
                         (state == KEYRING_LOCKED && login_is_locked(gate->crew->login));
    if (is_prompt && !pad->wants_pin && is_looked_for)
        return fail(why, RC_BUSY, "token '%s' is looked for", name);

    if (is_prompt && !pad->wants_pin)
        return fail(why, state == KEYRING_LOCKED ? RC_LOCKED : RC_TOKEN, "%s", detail);

    if (is_prompt && pad->is_last_try && !force)
        return fail(why, RC_LOCKED,
            "one more wrong PIN locks the token for good; 'countersign unlock --force %s' tries "
            "one all the same",
            name);

    *ret = state == KEYRING_READY ? KEYRING_NEEDS_NOTHING
           : is_prompt            ? KEYRING_NEEDS_PIN
                                  : KEYRING_NEEDS_LOGIN;
    return RC_OK;
}

static void
read_pin(struct member *m, int fd, const char *source)
{
    struct frame frame = {.type = FRAME_UNLOCK, .id = ++m->id, .unlock.source = span_of(source)};
    struct why why;

    m->pinpad.step = PINPAD_READS;
    if (worker_send(m->worker, &frame, fd, PIN_TIMEOUT_S * 1000 + PIN_SLACK_MS, &why))
        worker_kill(m->worker);
}

static void
give_pin(struct member *m, int fd)
{
    const struct frame frame = {.type = FRAME_GIVE};
    struct why why;

    if (worker_send(m->worker, &frame, fd, 0, &why))
        worker_kill(m->worker);
}

static void
try_again(struct member *m)
{
    m->pinpad.step = PINPAD_TRIES;
    timer_set(&m->resume, 0);
    if (m->pinpad.is_held_back) {
        m->phase = MEMBER_HELD;
    } else if (m->phase == MEMBER_LOOKING) {
        /* After a lock-out it rests for a minute, and another process does not. */
        m->has_said = true;
        member_hang_up(m);
    }
    m->pinpad.is_held_back = false;
}

enum rc
gate_unlock(struct gate *gate, const struct keyring_unlock *order, struct why *why)
{
    char source[64];

    enum rc rc = login_unlock(gate->crew->login, order->force, why);
    if (rc)
        return rc;

    gate->callback = order->callback;
    gate->userdata = order->userdata;
    timer_set(&gate->timer, timer_after_s(&gate->timer, UNLOCK_TIMEOUT_S));
    snprintf(source, sizeof source, "prompt %" PRIu64, ++gate->n_pins);
    if (order->fd >= 0)
        read_pin(&gate->members[0], order->fd, source);
    else
        try_again(&gate->members[0]);
    gate->crew->has_news = true;
    wake(gate);
    return RC_OK;
}

enum rc
gate_lock(struct gate *gate, struct why *why)
{
    enum rc rc = login_lock(gate->crew->login, why);

    for (size_t i = 0; i < gate->n_members; i++)
        gate->members[i].pinpad.is_ending = true;
    gate->crew->has_news = true;
    wake(gate);
    return rc;
}

/* The first that is logged in and at rest. */
static struct member *
find_giver(const struct gate *gate)
{
    for (size_t i = 0; i < gate->n_members; i++)
        if (gate->members[i].phase == MEMBER_IDLE && !gate->members[i].pinpad.is_ending)
            return &gate->members[i];

    return NULL;
}

static void
share(struct gate *gate, struct member *m)
{
    struct member *giver = find_giver(gate);
    int ends[2];

    if (!giver || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return;

    give_pin(giver, ends[0]);
    read_pin(m, ends[1], bytes_text(&giver->source));
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

void
gate_advance(struct gate *gate)
{
    for (size_t i = 0; i < gate->n_members; i++) {
        struct member *m = &gate->members[i];
        bool is_at_work = m->phase > MEMBER_IDLE;

        /* The token took it once: then somebody has changed it, and others must not try it. */
        if (member_is_in(m) && login_is_refused(gate->crew->login, bytes_span(&m->source)))
            m->pinpad.is_ending = true;

        if (m->pinpad.is_ending && !is_at_work)
            member_hang_up(m);
        else if (m->pinpad.step == PINPAD_IDLE && m->pinpad.wants_pin)
            share(gate, m);
    }
}

static bool
is_any_in(const struct gate *gate)
{
    for (size_t i = 0; i < gate->n_members; i++)
        if (member_is_in(&gate->members[i]) && !gate->members[i].pinpad.is_ending)
            return true;

    return false;
}

/* Who is told that it is unlocked uses its keys next. */
static bool
are_keys_known(const struct gate *gate)
{
    for (size_t i = 0; i < gate->crew->n_places; i++)
        if (!gate->crew->places[i].is_known)
            return false;

    return true;
}

void
gate_tell(struct gate *gate)
{
    struct pinpad *first = &gate->members[0].pinpad;
    struct why why = {0};

    /* Who got no PIN from another worker begins anew, after a while. */
    for (size_t i = 0; i < gate->n_members; i++) {
        struct pinpad *pad = &gate->members[i].pinpad;
        if (pad->step == PINPAD_TRIES && member_is_in(&gate->members[i]))
            pad->step = PINPAD_IDLE;
        if (pad->step == PINPAD_FAILED && !(pad == first && gate->callback)) {
            pad->step = PINPAD_IDLE;
            member_hang_up(&gate->members[i]);
        }
    }

    if (gate->callback && is_any_in(gate) && are_keys_known(gate)) {
        end(gate, RC_OK, &why);
    } else if (gate->callback && first->step == PINPAD_FAILED) {
        first->step = PINPAD_IDLE;
        why = first->why;
        end(gate, first->rc, &why);
    }
}

void
gate_give_up(struct gate *gate, const char *reason)
{
    struct why why;

    enum rc rc = fail(&why, RC_TOKEN, "%s", reason);
    end(gate, rc, &why);
}
