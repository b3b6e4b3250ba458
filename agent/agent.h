/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * agent — the composition root: what lives as long as the daemon, and how it comes and goes.
 */
#include "agent/audit.h"
#include "agent/epoch.h"
#include "agent/keyring.h"
#include "agent/listener.h"
#include "agent/metrics.h"
#include "agent/release.h"
#include "agent/reservation.h"
#include "agent/seen.h"
#include "agent/vigil.h"

struct agent_options {
    const char *policy_path, *socket_path, *state_dir, *worker_path;
};

/* What became of the policy's files when they were read last; times by the clock on the wall. */
struct agent_loading {
    int64_t loaded_at_us; /* that which is in force */
    int64_t failed_at_us; /* a later one that is wrong; 0: none */
    struct why problem;
};

struct agent {
    struct agent_options options; /* borrowed */
    sd_event *event;
    struct ledger *ledger;
    struct audit *audit;
    struct policy *policy; /* NULL: it was invalid at start; the agent refuses everything */
    struct epoch epoch;    /* of the facts that requests are decided on */
    struct seclusion *seclusion;
    struct keyring *keyring; /* NULL as long as policy is */
    struct release *release;
    struct reservations *reservations;
    struct quota *quota;
    struct vigils *vigils;
    struct seen *seen;
    struct listener *listener;
    struct trails *trails;
    struct metrics metrics;
    uint64_t n_retired; /* repositories, since the start */
    struct agent_loading loading;
    sd_event_source *hup, *minute, *settled, *started, *head;
    uint64_t started_at, resolved_at; /* monotonic, microseconds */
    bool is_listening;
    json_t *changes; /* to which a reload adds what becomes of doors; NULL: there is none */
};

/* Run until SIGTERM or SIGINT. RC_OK: ended in order. */
must_check enum rc agent_run(const struct agent_options *options, struct why *why);

/*
 * Read the policy again and go over to it, or keep the old one. *ret_changes: what changed, a JSON
 * array of sentences, json_decref(). Errors: as policy_load(); the old policy stays.
 */
must_check enum rc agent_reload(struct agent *agent, json_t **ret_changes, struct why *why);

/* Whether the policy names that peer. Users and groups that were unknown are looked up again, at
 * most once a minute. */
bool agent_knows(struct agent *agent, const struct peer *peer);

/* Something else than this agent, as far as its ledger goes, signed with that key of it. */
void agent_warn_foreign(const struct audit_foreign *foreign, const char *key);

/* Wall clock, microseconds since 1970. */
int64_t agent_now_us(void);
