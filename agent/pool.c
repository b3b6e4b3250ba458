/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pool.h"

#include "agent/gate.h"
#include "agent/pace.h"

/* Before the next call is read: while it is judged a worker signs already. What finds all of them
 * busy goes to the token in one message later. */
#define PUMP_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 10)

/* How often to see whether workers sign for nobody, while others wait. */
#define WATCH_INTERVAL_MS 250

struct pool {
    struct crew crew;
    struct policy *policy;
    struct member *members;
    size_t n_members;
    enum keyring_state state;
    char detail[200];
    bool is_retired;
    struct gate gate;
    struct timer watch;
    bool is_watching; /* it is set */
    void (*changed)(void *userdata);
    void *userdata;
};

static bool
is_any_in(const struct pool *pool)
{
    for (size_t i = 0; i < pool->n_members; i++)
        if (member_is_in(&pool->members[i]))
            return true;

    return false;
}

/* But for those that are off, and started only when somebody is in. */
static bool
is_any_recovering(const struct pool *pool)
{
    for (size_t i = 0; i < pool->n_members; i++)
        if (pool->members[i].is_recovering && (i == 0 || pool->members[i].phase != MEMBER_OFF))
            return true;

    return false;
}

/* The pool is what its first worker is, unless another one is ready, or served until a moment ago
 * and is recovering. */
static void
update_state(struct pool *pool)
{
    const struct member *first = &pool->members[0];
    bool is_ready = is_any_in(pool) || is_any_recovering(pool);

    if (login_is_locked(pool->crew.login)) {
        pool->state = KEYRING_LOCKED;
        snprintf(pool->detail, sizeof pool->detail, "an admin locked it: countersign unlock %s",
            pool->crew.token->name);
        return;
    }

    pool->state = is_ready ? KEYRING_READY : first->state;
    snprintf(pool->detail, sizeof pool->detail, "%s", is_ready ? "" : first->detail);
}

/* The first one alone, until somebody is logged in. */
static void
start_members(struct pool *pool)
{
    for (size_t i = 0; i < pool->n_members; i++)
        if (member_may_start(&pool->members[i]) && (i == 0 || is_any_in(pool)))
            member_start(&pool->members[i]);
}

/* Of what waits, for one of those that are idle. */
static size_t
share(const struct pool *pool, size_t n_idle)
{
    const struct crew *crew = &pool->crew;
    size_t max = crew->wants_touch ? 1 : pace_batch_max(crew->pace_us);
    size_t fair = (queue_len(crew->queue) + n_idle - 1) / n_idle;

    return fair < max ? fair : max;
}

static void
advance_members(struct pool *pool)
{
    size_t n_idle = 0;

    for (size_t i = 0; i < pool->n_members; i++)
        n_idle += pool->members[i].phase == MEMBER_IDLE;

    for (size_t i = 0; i < pool->n_members; i++) {
        bool is_idle = pool->members[i].phase == MEMBER_IDLE;
        member_advance(&pool->members[i], is_idle ? share(pool, n_idle) : 0);
        n_idle -= is_idle;
    }
}

static void
retire_members(struct pool *pool)
{
    for (size_t i = 0; i < pool->n_members; i++)
        member_retire(&pool->members[i]);
}

static enum rc
fail_not_ready(const struct pool *pool, struct why *why)
{
    if (pool->is_retired)
        return fail(why, RC_TOKEN, "token '%s': the policy was changed", pool->crew.token->name);

    return fail(why, pool->state == KEYRING_LOCKED ? RC_LOCKED : RC_TOKEN, "token '%s': %s",
        pool->crew.token->name, pool->state == KEYRING_STARTING ? "it is starting" : pool->detail);
}

/* Nothing waits for a token that is not there. */
static void
fail_waiting(struct pool *pool)
{
    if (pool->state == KEYRING_READY && !pool->is_retired)
        return;

    for (size_t n = queue_len(pool->crew.queue); n > 0; n--) {
        struct keyring_job *job = (struct keyring_job *)queue_take(pool->crew.queue);
        struct why why;
        if (job)
            job_finish(job, fail_not_ready(pool, &why), (struct span){0}, &why);
    }
    for (size_t n = pool->crew.errands.n; n > 0; n--) {
        struct why why;
        enum rc rc = fail_not_ready(pool, &why);
        errand_fail(errand_line_take(&pool->crew.errands), rc, &why);
    }
}

/* More is wanted than the workers can take. */
static bool
has_waiting(const struct pool *pool)
{
    return queue_len(pool->crew.queue) > 0 || pool->crew.errands.first;
}

static void
watch(struct pool *pool)
{
    if (!has_waiting(pool) || pool->is_watching)
        return;

    pool->is_watching = true;
    timer_set(&pool->watch, timer_after_ms(&pool->watch, WATCH_INTERVAL_MS));
}

/* A worker that signs for nobody makes room, but not one whose PIN somebody would have to type
 * again: there who hangs up on purpose could lock the token for all. */
static void
on_watch(void *userdata)
{
    struct pool *pool = userdata;
    bool makes_room = has_waiting(pool) && pool->crew.token->pin != POLICY_PIN_PROMPT;

    pool->is_watching = false;
    for (size_t i = 0; i < pool->n_members && makes_room; i++)
        member_dismiss_abandoned(&pool->members[i]);
    watch(pool);
}

static int
on_pump(sd_event_source *source, void *userdata)
{
    struct pool *pool = userdata;

    (void)source;
    if (pool->is_retired) {
        retire_members(pool);
        fail_waiting(pool);
        gate_give_up(&pool->gate, "the policy was changed");
        return 0;
    }

    gate_advance(&pool->gate);
    start_members(pool);
    update_state(pool);
    advance_members(pool);
    fail_waiting(pool);
    watch(pool);
    if (pool->crew.has_news) {
        pool->crew.has_news = false;
        update_state(pool);
        pool->changed(pool->userdata);
    }
    gate_tell(&pool->gate);
    return 0;
}

static void
wake(struct pool *pool)
{
    (void)sd_event_source_set_enabled(pool->crew.pump, SD_EVENT_ONESHOT);
}

static enum rc
add_pump(struct pool *pool, struct why *why)
{
    int r = sd_event_add_defer(pool->crew.event, &pool->crew.pump, on_pump, pool);
    if (r >= 0)
        r = sd_event_source_set_priority(pool->crew.pump, PUMP_PRIORITY);
    if (r < 0)
        return fail(why, RC_SYSTEM, "cannot watch a token: %s", strerror(-r));

    return RC_OK;
}

static enum rc
add_members(struct pool *pool, size_t n, struct why *why)
{
    pool->members = calloc(n, sizeof *pool->members);
    if (!pool->members)
        return fail_memory(why);

    for (; pool->n_members < n; pool->n_members++) {
        enum rc rc = member_init(&pool->members[pool->n_members], &pool->crew, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

enum rc
pool_new(struct pool **ret, const struct pool_setup *setup, struct policy *policy, size_t index,
    struct why *why)
{
    closing(pool_freep) struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return fail_memory(why);

    pool->crew.event = setup->event;
    pool->crew.form = setup->form;
    pool->changed = setup->changed;
    pool->userdata = setup->userdata;
    pool_move(pool, policy, index);

    enum rc rc = queue_new(&pool->crew.queue, TOKEN_QUEUE_MAX, why);
    if (rc)
        return rc;

    rc = login_new(&pool->crew.login, setup->ledger, pool->crew.token, why);
    if (rc)
        return rc;

    rc = add_pump(pool, why);
    if (!rc)
        rc = timer_init(&pool->watch, setup->event, on_watch, pool, why);
    if (rc)
        return rc;

    rc = add_members(pool, pool->crew.token->workers, why);
    if (rc)
        return rc;

    rc = gate_init(&pool->gate, &pool->crew, pool->members, pool->n_members, why);
    if (rc)
        return rc;

    *ret = steal(pool);
    return RC_OK;
}

void
pool_free(struct pool *pool)
{
    if (!pool)
        return;

    for (size_t i = 0; i < pool->n_members; i++) /* all at a time, then wait for each */
        if (pool->members[i].phase != MEMBER_LOGGING_IN)
            member_hang_up(&pool->members[i]);
    for (size_t i = 0; i < pool->n_members; i++)
        member_done(&pool->members[i]);
    free(pool->members);
    while (pool->crew.queue && queue_len(pool->crew.queue) > 0)
        job_cancel((struct keyring_job *)queue_take(pool->crew.queue));
    queue_free(pool->crew.queue);
    while (pool->crew.errands.first)
        errand_free(errand_line_take(&pool->crew.errands));
    for (size_t i = 0; i < pool->crew.n_places; i++)
        place_done(&pool->crew.places[i]);
    free(pool->crew.places);
    gate_done(&pool->gate);
    login_free(pool->crew.login);
    sd_event_source_disable_unref(pool->crew.pump);
    timer_done(&pool->watch);
    policy_unref(pool->policy);
    free(pool);
}

void
pool_move(struct pool *pool, struct policy *policy, size_t index)
{
    policy_ref(policy);
    policy_unref(pool->policy);
    pool->policy = policy;
    pool->crew.policy = policy;
    pool->crew.token = &policy->tokens[index];
    pool->crew.n_renewals++;
}

enum rc
pool_add_place(
    uint32_t *ret, struct pool *pool, const char *uri, struct pubkey *pubkey, struct why *why)
{
    struct crew *crew = &pool->crew;

    for (size_t i = 0; i < crew->n_places; i++)
        if (!strcmp(crew->places[i].uri, uri)) {
            *ret = (uint32_t)i;
            return RC_OK;
        }

    if (crew->n_places == TOKEN_KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "token '%s' has more than %d keys", crew->token->name,
            TOKEN_KEYS_MAX);

    struct place *place = mem_grow(&crew->places, crew->n_places, sizeof *place, TOKEN_KEYS_MAX);
    if (!place)
        return fail_memory(why);

    place->uri = strdup(uri);
    if (!place->uri)
        return fail_memory(why);

    place->pubkey = pubkey_ref(pubkey);
    *ret = (uint32_t)crew->n_places++;
    crew->n_renewals++; /* its key may have been made since */
    wake(pool);
    return RC_OK;
}

size_t
pool_n_places(const struct pool *pool)
{
    return pool->crew.n_places;
}

const struct place *
pool_place(const struct pool *pool, uint32_t place)
{
    return &pool->crew.places[place];
}

const char *
pool_serial(const struct pool *pool)
{
    return pool->crew.token->serial ? pool->crew.token->serial : login_identity(pool->crew.login);
}

enum keyring_state
pool_state(const struct pool *pool, const char **ret_detail)
{
    *ret_detail = pool->detail;
    return pool->state;
}

bool
pool_is_settled(const struct pool *pool)
{
    for (size_t i = 0; pool->state == KEYRING_READY && i < pool->crew.n_places; i++)
        if (!pool->crew.places[i].is_known)
            return false;

    return pool->state != KEYRING_STARTING;
}

size_t
pool_n_queued(const struct pool *pool)
{
    return queue_len(pool->crew.queue);
}

uint64_t
pool_retry_ms(const struct pool *pool)
{
    return pace_retry_ms(pool->crew.pace_us, queue_len(pool->crew.queue), pool_n_ready(pool));
}

size_t
pool_n_ready(const struct pool *pool)
{
    size_t n = 0;

    for (size_t i = 0; i < pool->n_members; i++)
        n += member_is_in(&pool->members[i]);
    return n;
}

const struct meter *
pool_meter(const struct pool *pool)
{
    return &pool->crew.meter;
}

enum rc
pool_sign(struct pool *pool, struct keyring_job *job, struct why *why)
{
    if (pool->state != KEYRING_READY)
        return fail_not_ready(pool, why);

    job->queue = pool->crew.queue;
    job->pool = pool;
    (void)sd_event_now(pool->crew.event, CLOCK_MONOTONIC, &job->wanted_us);
    enum rc rc = queue_put(pool->crew.queue, &job->item, job->lane, why);
    if (rc)
        return within(why, rc, "token '%s'", pool->crew.token->name);

    wake(pool);
    return RC_OK;
}

enum rc
pool_run_take(struct pool *pool, struct errand **errand, struct why *why)
{
    if (pool->state != KEYRING_READY)
        return fail_not_ready(pool, why);

    enum rc rc = errand_line_put_take(&pool->crew.errands, errand, why);
    if (rc)
        return rc;

    wake(pool);
    return RC_OK;
}

struct keyring_wait
pool_wait(const struct pool *pool, const struct keyring_job *job)
{
    bool is_queued = queue_is_waiting(&job->item);

    return (struct keyring_wait){
        .token = pool->crew.token->name,
        .n_ahead = is_queued ? queue_n_ahead(pool->crew.queue, &job->item) : 0,
        .is_queued = is_queued,
        .wants_touch = pool->crew.wants_touch,
    };
}

void
pool_retire(struct pool *pool)
{
    pool->is_retired = true;
    wake(pool);
}

bool
pool_is_over(const struct pool *pool)
{
    for (size_t i = 0; i < pool->n_members; i++)
        if (pool->members[i].phase != MEMBER_OFF)
            return false;

    return pool->is_retired;
}

enum rc
pool_check_unlock(enum keyring_need *ret, const struct pool *pool, bool force, struct why *why)
{
    return gate_check(ret, &pool->gate, pool->state, pool->detail, force, why);
}

enum rc
pool_unlock(struct pool *pool, const struct keyring_unlock *order, struct why *why)
{
    return gate_unlock(&pool->gate, order, why);
}

enum rc
pool_lock(struct pool *pool, struct why *why)
{
    return gate_lock(&pool->gate, why);
}

void
pool_end_unlock(struct pool *pool)
{
    gate_give_up(&pool->gate, "the agent ends");
}
