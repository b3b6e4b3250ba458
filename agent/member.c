/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/member.h"

#include <stdarg.h>

#define BACK_OFF_MS     250  /* from one start of a worker to the next; doubles */
#define BACK_OFF_MAX_MS 1000 /* and up to this: a token that is back is seen within a second */
#define SETTLED_MS      5000 /* ready for so long, what came before does not matter */
/* For what nobody waits: twice as long as another worker takes to get ready, within these. */
#define ABANDONED_MIN_US 500000
#define ABANDONED_MAX_US 5000000
#define SIGN_SLACK_MS    5000 /* beyond what the worker's own alarm allows */
/* For a login, a list of keys, a new key: many calls, each under that alarm, which a module could
 * turn off. */
#define ROUND_MS 300000

static void
tell(struct member *m)
{
    (void)sd_event_source_set_enabled(m->crew->pump, SD_EVENT_ONESHOT);
}

bool
member_is_in(const struct member *m)
{
    return m->phase >= MEMBER_IDLE;
}

like_printf(3, 4) static void enter(
    struct member *m, enum keyring_state state, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(m->detail, sizeof m->detail, fmt, ap);
    va_end(ap);
    bool is_lost = m->state == KEYRING_READY || m->is_recovering;
    m->state = state;
    m->is_recovering = false;
    if (state != KEYRING_READY && state != KEYRING_LOCKED)
        meter_note(&m->crew->meter, m->detail);
    if (state != KEYRING_READY) {
        m->crew->n_renewals += is_lost; /* others, if idle, have not noticed */
        bundle_give_back(&m->bundle, m->crew->queue, RC_OK, m->crew->token->name, m->detail);
        if (m->phase != MEMBER_OFF)
            pinpad_fail(&m->pinpad, state == KEYRING_LOCKED ? RC_LOCKED : RC_TOKEN, m->detail);
    }
    m->crew->has_news = true;
    tell(m);
}

/* A request that its answer must name. */
static void
ask_with(
    struct member *m, struct frame *frame, int passed, enum member_phase next, uint64_t timeout_ms)
{
    struct why why;

    frame->id = ++m->id;
    m->phase = next;
    if (worker_send(m->worker, frame, passed, timeout_ms, &why))
        worker_kill(m->worker);
}

static void
ask(struct member *m, struct frame *frame, enum member_phase next, uint64_t timeout_ms)
{
    ask_with(m, frame, -1, next, timeout_ms);
}

static uint64_t
now_us(const struct member *m)
{
    uint64_t now = 0;

    (void)sd_event_now(m->crew->event, CLOCK_MONOTONIC, &now);
    return now;
}

/* It is not logged in any more. Whether others have to know. */
static bool
lose_token(struct member *m)
{
    if (now_us(m) - m->ready_us > SETTLED_MS * 1000)
        m->n_losses = 0;

    m->is_recovering = m->n_losses++ == 0;
    m->crew->has_news = true;
    tell(m);
    return !m->is_recovering;
}

/* Start again not before a while after the last start; a long life has waited long enough. */
static void
pause_start(struct member *m)
{
    uint64_t wait_ms = BACK_OFF_MS;

    for (unsigned i = 1; i < m->n_losses && wait_ms < BACK_OFF_MAX_MS; i++)
        wait_ms *= 2;

    timer_set(&m->resume, m->started_us + wait_ms * 1000);
}

/* Its process ended, or it could not be started. has_said: by itself, and said why before. */
static void
end_life(struct member *m, enum keyring_state state, const char *detail, bool has_said)
{
    bool was_in = member_is_in(m);

    worker_free(steal(m->worker));
    m->phase = MEMBER_OFF;
    pinpad_lost(&m->pinpad, has_said, detail);
    m->crew->has_news = true;
    tell(m);
    if (was_in && !lose_token(m))
        return;

    /* It lost the token in a way that only another process heals. */
    if (m->is_recovering && has_said)
        return;

    if (!was_in)
        m->n_losses++;
    pause_start(m);
    enter(m, state, "%s", detail);
}

/* It is no longer the one that logs in, if it was. */
static void
end_login(struct member *m, enum login_outcome outcome)
{
    if (m->phase == MEMBER_LOGGING_IN)
        login_end(m->crew->login, outcome);
}

/* state: what the worker tells; TOKEN_STATE_MAX_: nothing. */
static enum login_outcome
outcome_of(enum token_state state)
{
    return state == TOKEN_READY        ? LOGIN_ACCEPTED
           : state == TOKEN_PIN_WRONG  ? LOGIN_REFUSED
           : state == TOKEN_STATE_MAX_ ? LOGIN_UNKNOWN
                                       : LOGIN_NOT_TRIED;
}

static void
on_end(void *userdata, enum worker_end end, const char *detail)
{
    struct member *m = userdata;
    char said[sizeof m->detail];

    end_login(m, LOGIN_UNKNOWN);
    /* What it said before it ended is better than how it ended. */
    bool has_said = end == WORKER_EXITED && m->has_said;
    snprintf(said, sizeof said, "%s", has_said ? m->detail : detail);
    if (!m->is_dismissed && end != WORKER_EXITED)
        meter_note(&m->crew->meter, said);
    m->n_losses = m->is_dismissed ? 0 : m->n_losses;
    m->is_dismissed = false;
    bundle_give_back(&m->bundle, m->crew->queue, end == WORKER_HUNG ? RC_TIMEOUT : RC_OK,
        m->crew->token->name, said);
    end_life(m, has_said ? m->state : KEYRING_FAILING, said, has_said);
    errand_lose(steal(m->errand), end == WORKER_HUNG ? RC_TIMEOUT : RC_TOKEN, said);
}

static void
on_pin_wrong(struct member *m)
{
    struct why why;

    enum rc rc =
        login_refused(m->crew->login, bytes_span(&m->identity), bytes_span(&m->source), &why);
    m->pinpad.is_refused = true;
    meter_note(&m->crew->meter, why.text);
    enter(m, rc == RC_LOCKED ? KEYRING_LOCKED : KEYRING_FAILING, "%s", why.text);
}

static bool
on_state(struct member *m, const struct frame *frame)
{
    const struct frame_state *state = &frame->state;

    if (state->state == TOKEN_READY && m->phase != MEMBER_LOGGING_IN)
        return false;

    end_login(m, outcome_of(state->state));
    m->has_said = state->state != TOKEN_READY;
    if (state->state == TOKEN_READY) {
        m->phase = MEMBER_IDLE;
        m->n_found = 0;
        m->ready_us = now_us(m);
        enter(m, KEYRING_READY, "%s", "");
        return true;
    }

    /* LOGIN, if under way, names what was found before, and will be ignored. */
    bool was_in = member_is_in(m);
    bool is_refused = state->state == TOKEN_PIN_WRONG && (was_in || m->phase == MEMBER_LOGGING_IN);
    m->phase = MEMBER_LOOKING;
    if (m->errand) {
        closing(freep) char *detail = span_dup(state->detail);
        errand_lose(steal(m->errand), RC_TOKEN, detail ? detail : "out of memory");
    }
    if (was_in && !is_refused && !lose_token(m)) {
        m->state = keyring_state_of(state->state);
        snprintf(m->detail, sizeof m->detail, "%.*s", (int)state->detail.len, state->detail.p);
        meter_note(&m->crew->meter, m->detail);
        return true;
    }

    if (is_refused)
        on_pin_wrong(m);
    else
        enter(m, keyring_state_of(state->state), "%.*s", (int)state->detail.len, state->detail.p);
    return true;
}

static bool
on_found(struct member *m, const struct frame *frame)
{
    struct why why;

    if (member_is_in(m))
        return false;

    end_login(m, LOGIN_NOT_TRIED); /* LOGIN, if under way, names what was found before */
    bytes_clear(&m->identity);
    bytes_clear(&m->source);
    bytes_put(&m->identity, frame->found.identity);
    bytes_put(&m->source, frame->found.source);
    if (m->identity.failed || m->source.failed)
        return false;

    m->id = frame->id;
    m->crew->wants_touch = frame->found.wants_touch;
    pinpad_found(&m->pinpad, &frame->found);
    m->phase = m->pinpad.wants_pin ? MEMBER_LOOKING : MEMBER_HELD;
    if (m->pinpad.wants_pin) {
        pinpad_explain(&why, &m->pinpad, m->crew->token->name);
        enter(m, KEYRING_LOCKED, "%s", why.text);
    }
    tell(m);
    return true;
}

/* What it has read it uses when it is asked to log in, as what it found. */
static bool
on_unlocked(struct member *m, const struct frame *frame)
{
    tell(m);
    return frame->id == m->id && pinpad_read(&m->pinpad, &frame->unlocked, m->detail);
}

static bool
on_key(struct member *m, const struct frame *frame)
{
    if (m->phase != MEMBER_FINDING || frame->id != m->id || frame->key.place != m->n_found)
        return false;

    place_learn(&m->crew->places[m->n_found], &frame->key);
    m->n_found++;
    m->crew->has_news = true;
    m->phase = MEMBER_IDLE;
    tell(m);
    return true;
}

static bool
on_signed(struct member *m, const struct frame *frame)
{
    if (m->phase != MEMBER_SIGNING || frame->id != m->id || frame->sigs.n_results != m->bundle.n)
        return false;

    m->phase = MEMBER_IDLE;
    tell(m);
    m->crew->pace_us = (now_us(m) - m->asked_us) / m->bundle.n;
    bundle_meter_answer(&m->crew->meter, &frame->sigs, now_us(m) - m->asked_us);
    if (bundle_finish(&m->bundle, &frame->sigs, m->crew->token->name))
        m->n_losses = 0;
    return true;
}

static bool
on_made(struct member *m, const struct frame *frame)
{
    if (m->phase != MEMBER_ON_ERRAND || frame->id != m->id)
        return false;

    m->phase = MEMBER_IDLE;
    m->crew->n_renewals += frame->type == FRAME_MADE && frame->made.rc == RC_OK;
    tell(m);
    errand_answer(steal(m->errand), frame);
    return true;
}

static void
on_message(void *userdata, const struct frame *frame)
{
    static bool (*const expected[FRAME_TYPE_MAX_])(struct member *, const struct frame *) = {
        [FRAME_STATE] = on_state,
        [FRAME_FOUND] = on_found,
        [FRAME_UNLOCKED] = on_unlocked,
        [FRAME_KEY] = on_key,
        [FRAME_SIGNED] = on_signed,
        [FRAME_MADE] = on_made,
        [FRAME_ATTESTED] = on_made,
    };
    struct member *m = userdata;

    if (!expected[frame->type] || !expected[frame->type](m, frame))
        worker_kill(m->worker);
}

void
member_start(struct member *m)
{
    static const struct worker_calls calls = {on_message, on_end};
    const struct crew *crew = m->crew;
    struct frame frame = {.type = FRAME_OPEN};
    struct why why;

    m->has_said = false;
    m->crew->meter.n_respawns += m->started_us > 0;
    m->started_us = now_us(m);
    if (worker_new(&m->worker, crew->event, crew->form.program, crew->token, &calls, m, &why)) {
        end_life(m, KEYRING_FAILING, why.text, false);
        return;
    }

    pinpad_start(&m->pinpad);
    frame.open = worker_open(&crew->form, crew->policy, crew->token, login_identity(crew->login));
    ask(m, &frame, MEMBER_LOOKING, 0);
}

static void
try_login(struct member *m)
{
    const struct frame_found found = {
        bytes_span(&m->identity), bytes_span(&m->source), false, m->pinpad.is_last_try};
    struct frame frame = {.type = FRAME_LOGIN, .id = m->id};
    struct why why;

    enum rc rc = login_begin(&frame.login.force, m->crew->login, &found, &why);
    if (rc == RC_BUSY)
        return;

    if (rc == RC_OK) {
        m->phase = MEMBER_LOGGING_IN;
        m->n_renewals = m->crew->n_renewals;
        if (worker_send(m->worker, &frame, -1, ROUND_MS, &why))
            worker_kill(m->worker);
        return;
    }

    /* It goes on looking, and says when something has changed; what is wrong with the ledger does
     * not show there, so that is tried again by another one. */
    m->phase = MEMBER_LOOKING;
    m->pinpad.is_held_back = true;
    enter(m,
        rc == RC_LOCKED  ? KEYRING_LOCKED
        : rc == RC_TOKEN ? KEYRING_ABSENT
                         : KEYRING_FAILING,
        "%s", why.text);
    if (rc != RC_LOCKED && rc != RC_TOKEN) {
        m->has_said = true;
        worker_hang_up(m->worker);
    }
}

/* Take its share of what waits; users take turns in there. What it was asked for when it lost the
 * token comes first. */
static void
sign(struct member *m, size_t n_jobs)
{
    closing(fd_close) int message = -1;

    m->asked_us = now_us(m);
    bundle_fill(&m->bundle, m->crew->queue, n_jobs);
    bundle_pass_message(&m->bundle, &message);
    if (m->bundle.n == 0)
        return;

    bundle_meter_wait(&m->crew->meter, &m->bundle, m->asked_us);
    struct frame frame = bundle_format(&m->bundle);
    ask_with(m, &frame, message, MEMBER_SIGNING,
        m->bundle.n * m->crew->token->timeout_s * 1000 + SIGN_SLACK_MS);
}

static bool
is_stale(const struct member *m)
{
    return m->n_renewals != m->crew->n_renewals && m->crew->n_places > 0;
}

/* The next place; from the first one on, where there may be new keys. */
static void
find(struct member *m)
{
    bool is_anew = is_stale(m);

    m->n_found = is_anew ? 0 : m->n_found;
    m->n_renewals = m->crew->n_renewals;
    struct frame frame = place_format_find(m->crew->places, (uint32_t)m->n_found, is_anew);
    ask(m, &frame, MEMBER_FINDING, ROUND_MS);
}

static void
run_errand(struct member *m)
{
    int client;

    m->errand = errand_line_take(&m->crew->errands);
    struct frame frame = errand_format(m->errand, &client);
    ask_with(m, &frame, client, MEMBER_ON_ERRAND, ROUND_MS);
}

void
member_advance(struct member *m, size_t n_jobs)
{
    if (m->phase == MEMBER_HELD) {
        try_login(m);
    } else if (m->phase == MEMBER_IDLE && (is_stale(m) || m->n_found < m->crew->n_places)) {
        find(m);
    } else if (m->phase == MEMBER_IDLE && m->crew->errands.first) {
        run_errand(m);
    } else if (m->phase == MEMBER_IDLE) {
        sign(m, n_jobs);
    }
}

void
member_hang_up(struct member *m)
{
    if (m->worker)
        worker_hang_up(m->worker);
}

void
member_dismiss_abandoned(struct member *m)
{
    uint64_t patience_us = 2 * (m->ready_us - m->started_us);

    patience_us = patience_us < ABANDONED_MIN_US   ? ABANDONED_MIN_US
                  : patience_us > ABANDONED_MAX_US ? ABANDONED_MAX_US
                                                   : patience_us;
    if (m->phase != MEMBER_SIGNING || m->is_dismissed || !bundle_is_abandoned(&m->bundle) ||
        now_us(m) - m->asked_us < patience_us)
        return;

    m->is_dismissed = true;
    worker_kill(m->worker);
}

void
member_retire(struct member *m)
{
    if (m->phase != MEMBER_OFF && m->phase != MEMBER_LOGGING_IN && m->phase != MEMBER_FINDING &&
        m->phase < MEMBER_SIGNING)
        member_hang_up(m);
}

bool
member_may_start(const struct member *m)
{
    return m->phase == MEMBER_OFF && !timer_is_set(&m->resume);
}

static void
on_resume(void *userdata)
{
    tell(userdata);
}

enum rc
member_init(struct member *m, struct crew *crew, struct why *why)
{
    *m = (struct member){.crew = crew,
        .identity = BYTES_INIT(WORKER_MESSAGE_BYTES),
        .source = BYTES_INIT(WORKER_MESSAGE_BYTES)};

    enum rc rc = timer_init(&m->resume, crew->event, on_resume, m, why);
    if (rc)
        member_done(m);
    return rc;
}

void
member_done(struct member *m)
{
    /* An agent that ends does not leave a PIN behind of which nobody knows whether it was right. */
    if (m->phase == MEMBER_LOGGING_IN)
        end_login(m, outcome_of(worker_last_state(m->worker)));
    worker_free(steal(m->worker));
    bundle_done(&m->bundle);
    errand_free(steal(m->errand));
    timer_done(&m->resume);
    bytes_done(&m->identity);
    bytes_done(&m->source);
}
