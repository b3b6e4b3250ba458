/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/scrape.h"

#include "agent/prometheus.h"
#include "agent/status.h"

static void
put_one(struct bytes *b, const char *name, const char *type, const char *help, int64_t value)
{
    prometheus_family(b, name, type, help);
    prometheus_sample(b, name, NULL, 0, value);
}

static void
put_agent(struct bytes *b, const struct agent *agent)
{
    const struct agent_loading *loading = &agent->loading;
    static const char info[] = "countersign_build_info";
    static const char loaded[] = "countersign_policy_loaded_timestamp_seconds";
    static const char started[] = "countersign_start_time_seconds";
    uint64_t now = 0;

    prometheus_family(b, info, "gauge", "Always 1; the version of the agent is its label.");
    prometheus_sample(b, info, (struct prometheus_label[]){{"version", COUNTERSIGN_VERSION}}, 1, 1);
    (void)sd_event_now(agent->event, CLOCK_MONOTONIC, &now);
    prometheus_family(b, started, "gauge", "When the agent began.");
    prometheus_time(b, started, NULL, 0, (uint64_t)agent_now_us() - (now - agent->started_at));
    put_one(b, "countersign_connections", "gauge", "Connections to the agent, on all its sockets.",
        (int64_t)listener_n_connections(agent->listener));
    prometheus_family(b, loaded, "gauge", "When the policy was read that is in force.");
    prometheus_time(b, loaded, NULL, 0, (uint64_t)loading->loaded_at_us);
    put_one(b, "countersign_policy_last_reload_successful", "gauge",
        "0 where the policy was read again since, and is wrong.", loading->failed_at_us == 0);
    put_one(b, "countersign_parked_requests", "gauge", "Requests that wait for approval.",
        status_n_parked(agent));
    put_one(b, "countersign_ledger_records", "gauge", "Records in the ledger.",
        ledger_head_seq(agent->ledger));
    put_one(b, "countersign_ledger_bytes", "gauge", "Size of the files of the ledger.",
        ledger_size(agent->ledger));
}

static void
put_requests(struct bytes *b, const struct metrics *metrics)
{
    static const char name[] = "countersign_requests_total";

    prometheus_family(b, name, "counter", "Requests that were recorded, by how they ended.");
    for (size_t i = 0; i < metrics->n_rows; i++) {
        const struct metrics_row *row = &metrics->rows[i];
        prometheus_sample(b, name,
            (struct prometheus_label[]){
                {"method", row->method}, {"verdict", row->verdict}, {"reason", row->reason}},
            3, (int64_t)row->n);
    }
}

/* One figure of each token. */
struct token_figure {
    const char *name, *type, *help;
    int64_t (*get)(const struct keyring_token *token);
};

static int64_t
get_ready(const struct keyring_token *token)
{
    return token->state == KEYRING_READY;
}

static int64_t
get_workers(const struct keyring_token *token)
{
    return (int64_t)token->n_workers;
}

static int64_t
get_queued(const struct keyring_token *token)
{
    return (int64_t)token->n_queued;
}

static int64_t
get_respawns(const struct keyring_token *token)
{
    return token->meter ? (int64_t)token->meter->n_respawns : 0;
}

static int64_t
get_failures(const struct keyring_token *token)
{
    return token->meter ? (int64_t)token->meter->n_failed : 0;
}

static const struct token_figure figures[] = {
    {"countersign_token_ready", "gauge", "1 where the token can sign.", get_ready},
    {"countersign_token_workers", "gauge", "Processes that are logged in to the token.",
        get_workers},
    {"countersign_token_queue_length", "gauge", "Signatures that wait for the token.", get_queued},
    {"countersign_token_respawns_total", "counter",
        "Processes of the token that were started again.", get_respawns},
    {"countersign_token_failures_total", "counter", "Signatures that the token did not make.",
        get_failures},
};

static void
put_figure(struct bytes *b, const struct keyring *keyring, const struct token_figure *figure)
{
    prometheus_family(b, figure->name, figure->type, figure->help);
    for (size_t i = 0; i < keyring_n_tokens(keyring); i++) {
        const struct keyring_token *token = keyring_token(keyring, i);
        const struct prometheus_label label = {"token", token->policy->name};
        prometheus_sample(b, figure->name, &label, 1, figure->get(token));
    }
}

static void
put_times(struct bytes *b, const struct keyring *keyring, bool is_queue)
{
    const char *name = is_queue ? "countersign_queue_seconds" : "countersign_sign_seconds";

    prometheus_family(b, name, "histogram",
        is_queue ? "How long signatures waited until their token was asked."
                 : "How long the token took for a signature once it was asked.");
    for (size_t i = 0; i < keyring_n_tokens(keyring); i++) {
        const struct keyring_token *token = keyring_token(keyring, i);
        const struct prometheus_label label = {"token", token->policy->name};
        if (token->meter)
            prometheus_histogram(
                b, name, &label, is_queue ? &token->meter->queue : &token->meter->sign);
    }
}

void
scrape(struct bytes *b, const struct agent *agent)
{
    put_agent(b, agent);
    put_requests(b, &agent->metrics);
    for (size_t i = 0; i < N_ELEMENTS(figures); i++)
        put_figure(b, agent->keyring, &figures[i]);
    put_times(b, agent->keyring, true);
    put_times(b, agent->keyring, false);
}
