/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "agent/footprint.h"
#include "agent/ledger_parked.h"
#include "agent/log.h"
#include "agent/method.h"
#include "agent/news.h"
#include "agent/policy_news.h"
#include "agent/quota.h"
#include "agent/status.h"
#include "agent/trail.h"
#include "proto/bounds.h"

#define MINUTE_US        UINT64_C(60000000)
#define HEAD_INTERVAL_US UINT64_C(1000000)
#define START_US         UINT64_C(1000000) /* then the first who waited are served */
#define SETTLE_TIMEOUT_US                                                                          \
    UINT64_C(5000000) /* tokens that answer later are simply not ready yet                         \
                       */

int64_t
agent_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
agent_warn_foreign(const struct audit_foreign *foreign, const char *key)
{
    log_line(LOG_LEVEL_WARNING,
        "foreign-signature: key '%s' signed version %" PRId64 " of '%s' in '%s', and this ledger "
        "knows up to %" PRId64 ": it is an old copy, or somebody else has the key",
        key, foreign->version, foreign->role, foreign->repository, foreign->mark);
}

static void
on_called(void *userdata, struct conn *conn, const struct message_call *call)
{
    method_call(userdata, conn, call);
}

/* The audit's counts are written when their minute is over; an agent that counts nothing sleeps. */
static void
await_minute(struct agent *agent)
{
    int enabled = SD_EVENT_OFF;

    if (audit_has_counts(agent->audit) &&
        sd_event_source_get_enabled(agent->minute, &enabled) >= 0 && enabled == SD_EVENT_OFF) {
        sd_event_source_set_time_relative(agent->minute, MINUTE_US);
        sd_event_source_set_enabled(agent->minute, SD_EVENT_ONESHOT);
    }
}

static void
on_garbled(void *userdata, struct conn *conn)
{
    struct agent *agent = userdata;

    audit_count_unreadable(agent->audit, conn_peer(conn)->uid, agent_now_us());
    await_minute(agent);
}

/* Users and groups that did not exist when the policy was read: once a minute, when somebody is
 * there for whom that matters. */
static void
resolve_names(struct agent *agent)
{
    uint64_t now = 0;

    if (sd_event_now(agent->event, CLOCK_MONOTONIC, &now) < 0 ||
        now < agent->resolved_at + MINUTE_US)
        return;

    agent->resolved_at = now;
    if (policy_resolve(agent->policy)) {
        epoch_change(&agent->epoch);
        log_line(LOG_LEVEL_INFO, "names of the policy that were unknown are known now");
    }
}

bool
agent_knows(struct agent *agent, const struct peer *peer)
{
    if (!agent->policy)
        return false;

    resolve_names(agent);
    return policy_knows(agent->policy, peer);
}

static bool
knows(void *userdata, const struct peer *peer)
{
    return agent_knows(userdata, peer);
}

static void
on_door(void *userdata, enum doors_news news, const char *name, const char *detail)
{
    struct agent *agent = userdata;

    news_of_door(agent->changes, news, name, detail);
}

static void
start_listening(struct agent *agent)
{
    struct why why;

    if (agent->is_listening)
        return;

    agent->is_listening = true;
    sd_event_source_set_enabled(agent->settled, SD_EVENT_OFF);
    if (listener_start(agent->listener, &why)) {
        log_line(LOG_LEVEL_ERROR, "%s", why.text);
        sd_event_exit(agent->event, 1);
        return;
    }

    sd_event_source_set_time_relative(agent->started, START_US);
    sd_event_source_set_enabled(agent->started, SD_EVENT_ONESHOT);
    log_line(LOG_LEVEL_INFO, "listening on %s", listener_path(agent->listener));
    if (agent->policy)
        listener_follow(agent->listener, agent->policy);
    sd_notify(0, "READY=1");
}

static void
on_tokens_settled(void *userdata)
{
    start_listening(userdata);
}

static int
on_settle_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    start_listening(userdata);
    return 0;
}

static int
on_started(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    (void)userdata;
    footprint_shrink();
    return 0;
}

static int
on_hup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    json_auto_t *changes = NULL;
    struct why why;

    (void)source;
    (void)info;
    if (agent_reload(userdata, &changes, &why))
        log_line(LOG_LEVEL_ERROR, "the old policy stays until '%s' is mended: %s",
            ((struct agent *)userdata)->options.policy_path, why.text);
    return 0;
}

/* Write the counts of refusals that were not recorded one by one. */
static void
flush_audit(
    struct agent *agent, enum rc (*write)(struct audit *audit, int64_t now_us, struct why *why))
{
    struct why why;

    if (!audit_is_due(agent->audit, agent_now_us()) && write == audit_flush)
        return;

    enum rc rc = ledger_begin(agent->ledger, &why);
    if (!rc)
        rc = write(agent->audit, agent_now_us(), &why);
    if (!rc)
        rc = ledger_commit(agent->ledger, &why);
    if (rc) {
        ledger_rollback(agent->ledger);
        log_line(LOG_LEVEL_ERROR, "refusals were not counted: %s", why.text);
    }
}

static void
log_ledger_head(const struct agent *agent)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct digest hash;

    ledger_head_hash(&hash, agent->ledger);
    digest_hex(hex, &hash);
    log_head(ledger_id(agent->ledger), ledger_head_seq(agent->ledger), hex);
}

/* The head of the ledger goes to the journal, where an agent that was taken over cannot change it:
 * at most once per second. */
static void
on_committed(void *userdata)
{
    struct agent *agent = userdata;
    int enabled = SD_EVENT_OFF;

    trails_wake(agent->trails);
    await_minute(agent);
    if (sd_event_source_get_enabled(agent->head, &enabled) >= 0 && enabled == SD_EVENT_OFF) {
        sd_event_source_set_time_relative(agent->head, HEAD_INTERVAL_US);
        sd_event_source_set_enabled(agent->head, SD_EVENT_ONESHOT);
    }
}

static int
on_minute(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent *agent = userdata;
    int64_t before = ledger_head_seq(agent->ledger);

    (void)source;
    (void)usec;
    flush_audit(agent, audit_flush);
    if (ledger_head_seq(agent->ledger) > before)
        on_committed(agent);
    else
        await_minute(agent);
    return 0;
}

static int
on_head(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    log_ledger_head(userdata);
    return 0;
}

static enum rc
start_keyring(struct agent *agent, struct why *why)
{
    const struct worker_form form = {agent->options.worker_path, agent->seclusion};

    enum rc rc =
        keyring_new(&agent->keyring, agent->event, agent->ledger, agent->policy, &form, why);
    if (rc)
        return rc;

    news_of_seclusion(agent->policy);
    keyring_on_news(agent->keyring, news_of_token, NULL);
    keyring_on_moved(agent->keyring, news_of_key);
    keyring_on_settled(agent->keyring, on_tokens_settled, agent);
    return RC_OK;
}

static enum rc
load_policy(struct policy **ret, const struct agent *agent, struct why *why)
{
    closing(policy_unrefp) struct policy *policy = NULL;

    enum rc rc = policy_load(&policy, agent->options.policy_path, why);
    if (!rc)
        rc = policy_check_main_socket(policy, listener_path(agent->listener), why);
    if (!rc)
        *ret = steal(policy);

    return rc;
}

static enum rc
go_over(struct agent *agent, json_t **ret_changes, struct why *why)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    size_t i;
    json_t *change;

    enum rc rc = load_policy(&policy, agent, why);
    if (rc)
        return rc;

    json_t *changes = policy_news(agent->policy, policy);
    struct policy *old = agent->policy;
    agent->policy = policy_ref(policy);
    rc = agent->keyring ? keyring_reload(agent->keyring, policy, why) : start_keyring(agent, why);
    if (rc) {
        policy_unref(agent->policy);
        agent->policy = old;
        json_decref(changes);
        return rc;
    }

    policy_unref(old);
    epoch_change(&agent->epoch);
    json_array_foreach(changes, i, change)
        log_line(LOG_LEVEL_INFO, "reload: %s", json_string_value(change));
    agent->changes = changes;
    if (agent->is_listening)
        listener_follow(agent->listener, policy);
    agent->changes = NULL;
    *ret_changes = changes;
    vigils_wake(agent->vigils, NULL);
    return RC_OK;
}

enum rc
agent_reload(struct agent *agent, json_t **ret_changes, struct why *why)
{
    enum rc rc = go_over(agent, ret_changes, why);
    status_note_loading(agent, rc, why);
    return rc;
}

static enum rc
add_sources(struct agent *agent, struct why *why)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);

    uint64_t now = 0;
    if (sd_event_now(agent->event, CLOCK_MONOTONIC, &now) < 0 ||
        sd_event_set_signal_exit(agent->event, true) < 0 ||
        sd_event_add_signal(agent->event, &agent->hup, SIGHUP, on_hup, agent) < 0 ||
        sd_event_add_time(
            agent->event, &agent->minute, CLOCK_MONOTONIC, 0, 1000000, on_minute, agent) < 0 ||
        sd_event_source_set_enabled(agent->minute, SD_EVENT_OFF) < 0 ||
        sd_event_add_time(agent->event, &agent->settled, CLOCK_MONOTONIC, now + SETTLE_TIMEOUT_US,
            0, on_settle_timeout, agent) < 0 ||
        sd_event_add_time(agent->event, &agent->started, CLOCK_MONOTONIC, 0, 0, on_started, agent) <
            0 ||
        sd_event_source_set_enabled(agent->started, SD_EVENT_OFF) < 0 ||
        sd_event_add_time(agent->event, &agent->head, CLOCK_MONOTONIC, 0, 0, on_head, agent) < 0 ||
        sd_event_source_set_enabled(agent->head, SD_EVENT_OFF) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    agent->started_at = agent->resolved_at = now;
    return RC_OK;
}

/* A policy that cannot be used does not end the agent: activated through its socket, it would only
 * be started again and again. It refuses everything until a reload succeeds. */
static enum rc
load_first_policy(struct agent *agent, struct why *why)
{
    enum rc rc = load_policy(&agent->policy, agent, why);
    status_note_loading(agent, rc, why);
    if (!rc)
        return start_keyring(agent, why);

    log_line(LOG_LEVEL_ERROR, "every request is refused until the policy '%s' is mended: %s",
        agent->options.policy_path, why->text);
    start_listening(agent);
    return RC_OK;
}

/* What expired while no agent ran; one that runs does so whenever it parks something. A ledger that
 * cannot be written now is no reason not to start. */
static enum rc
purge_parked(struct agent *agent, struct why *why)
{
    enum rc rc = ledger_begin(agent->ledger, why);
    if (!rc)
        rc = ledger_purge_parked(agent->ledger, agent_now_us() / 1000000, why);
    if (!rc)
        rc = ledger_commit(agent->ledger, why);
    ledger_rollback(agent->ledger);
    return rc == RC_NO_MEMORY ? rc : RC_OK;
}

static enum rc
start(struct agent *agent, struct why *why)
{
    struct listener_owner owner = {agent, on_called, on_garbled, knows, on_door};

    if (sd_event_default(&agent->event) < 0)
        return fail(why, RC_SYSTEM, "cannot make an event loop");

    enum rc rc = add_sources(agent, why);
    if (!rc)
        rc = ledger_open(&agent->ledger, agent->options.state_dir, why);
    if (!rc)
        rc = purge_parked(agent, why);
    if (!rc)
        rc = audit_new(&agent->audit, agent->ledger, why);
    if (!rc)
        rc = trails_new(&agent->trails, why);
    if (!rc)
        rc = seen_new(&agent->seen, why);
    if (!rc)
        rc = quota_new(&agent->quota, agent->ledger, why);
    if (!rc)
        rc = release_new(&agent->release, agent->event, agent->ledger, why);
    if (!rc) {
        release_on_commit(agent->release, on_committed, agent);
        rc = reservations_new(&agent->reservations, agent->event, why);
    }
    if (!rc)
        rc = vigils_new(&agent->vigils, agent->event, agent->ledger, why);
    if (!rc)
        rc = listener_new(&agent->listener, agent->event, agent->options.socket_path, &owner, why);
    if (!rc)
        rc = seclusion_new(
            &agent->seclusion, agent->options.policy_path, agent->options.state_dir, why);
    return rc ? rc : load_first_policy(agent, why);
}

/* Connections first: their requests are cancelled, and release_free() records that. */
static void
stop(struct agent *agent)
{
    listener_free(agent->listener);
    keyring_end_unlocks(agent->keyring);
    release_free(agent->release);
    if (agent->audit)
        flush_audit(agent, audit_finish);
    if (agent->ledger)
        log_ledger_head(agent);
    keyring_free(agent->keyring);
    seclusion_free(agent->seclusion);
    reservations_free(agent->reservations);
    seen_free(agent->seen);
    quota_free(agent->quota);
    trails_free(agent->trails);
    vigils_free(agent->vigils);
    audit_free(agent->audit);
    policy_unref(agent->policy);
    metrics_done(&agent->metrics);
    ledger_close(agent->ledger);
    sd_event_source_disable_unref(agent->hup);
    sd_event_source_disable_unref(agent->minute);
    sd_event_source_disable_unref(agent->settled);
    sd_event_source_disable_unref(agent->started);
    sd_event_source_disable_unref(agent->head);
    sd_event_unref(agent->event);
}

enum rc
agent_run(const struct agent_options *options, struct why *why)
{
    struct agent agent = {.options = *options};

    enum rc rc = peer_check_namespace(why);
    if (!rc)
        rc = start(&agent, why);
    if (!rc && sd_event_loop(agent.event) != 0)
        rc = fail(why, RC_SYSTEM, "the event loop failed");

    sd_notify(0, "STOPPING=1");
    stop(&agent);
    return rc;
}
