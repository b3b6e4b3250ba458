/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/agent_error.h"
#include "client/command.h"
#include "client/table.h"

/* Control characters replaced, as in tables. */
static void
print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static enum rc
put_token(struct table *table, const json_t *object, struct why *why)
{
    struct members m;
    const char *name = NULL, *state = NULL, *detail = NULL, *pin = NULL;
    int64_t queue = 0, workers = 0;

    members_open(&m, object, "token");
    members_text(&m, "name", &name);
    members_text(&m, "state", &state);
    members_text(&m, "detail", &detail);
    members_text(&m, "pin", &pin);
    members_int(&m, "queue", 0, INT64_MAX, &queue);
    members_int(&m, "workers", 0, INT64_MAX, &workers);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    table_cell(table, name);
    table_cell(table, state);
    table_cell(table, pin);
    table_cell_printf(table, "%" PRId64, queue);
    table_cell_printf(table, "%" PRId64, workers);
    table_cell(table, detail);
    return RC_OK;
}

static enum rc
put_quota(struct table *table, const json_t *object, struct why *why)
{
    struct members m;
    const char *grant = NULL, *free_at = NULL;
    int64_t uid = 0, used = 0, max = 0, window_s = 0;

    members_open(&m, object, "quota");
    members_text(&m, "grant", &grant);
    members_int(&m, "uid", 0, INT64_MAX, &uid);
    members_int(&m, "used", 0, INT64_MAX, &used);
    members_int(&m, "max", 0, INT64_MAX, &max);
    members_int(&m, "window_s", 0, INT64_MAX, &window_s);
    members_text_maybe(&m, "free_at", &free_at);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    table_cell(table, grant);
    table_cell_printf(table, "%" PRId64, uid);
    table_cell_printf(table, "%" PRId64 " of %" PRId64, used, max);
    table_cell_printf(table, "%" PRId64 " s", window_s);
    table_cell(table, free_at ? free_at : "");
    return RC_OK;
}

static enum rc
put_error(struct table *table, const json_t *object, struct why *why)
{
    struct members m;
    const char *name = NULL, *error = NULL, *at = NULL;

    members_open(&m, object, "token");
    members_text(&m, "name", &name);
    members_text_maybe(&m, "error", &error);
    members_text_maybe(&m, "error_at", &at);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc || !error)
        return rc;

    table_cell(table, name);
    table_cell(table, at ? at : "");
    table_cell(table, error);
    return RC_OK;
}

/* A table of those elements that have something to say; with none of them, nothing. */
static enum rc
print_table(const json_t *elements, size_t n_columns, const char *const *header,
    enum rc (*put)(struct table *table, const json_t *object, struct why *why), struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT(n_columns);
    size_t i;
    json_t *element;

    table_header(&table, header);
    json_array_foreach(elements, i, element) {
        enum rc rc = put(&table, element, why);
        if (rc)
            return rc;
    }

    if (table.n_cells == n_columns)
        return RC_OK;

    putchar('\n');
    return table_print(&table, why);
}

static void
print_list(const char *title, const json_t *texts)
{
    size_t i;
    json_t *text;

    json_array_foreach(texts, i, text) {
        fputs(i == 0 ? title : ", ", stdout);
        print_text(json_is_string(text) ? json_string_value(text) : "?");
    }
    if (json_array_size(texts) > 0)
        putchar('\n');
}

static enum rc
print_door(const json_t *object, struct why *why)
{
    struct members m;
    const char *name = NULL, *path = NULL;

    members_open(&m, object, "door");
    members_text(&m, "name", &name);
    members_text(&m, "path", &path);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    fputs("socket ", stdout);
    print_text(name);
    fputs(": ", stdout);
    print_text(path);
    putchar('\n');
    return RC_OK;
}

static enum rc
print_insight(const json_t *object, struct why *why)
{
    struct members m;
    const char *hash = NULL, *failed_at = NULL, *problem = NULL;
    const json_t *unknown = NULL, *doors = NULL;
    int64_t records = 0, bytes = 0, connections = 0, parked = 0;
    size_t i;
    json_t *door;

    members_open(&m, object, "insight");
    members_int(&m, "records", 0, INT64_MAX, &records);
    members_text(&m, "hash", &hash);
    members_int(&m, "ledger_bytes", 0, INT64_MAX, &bytes);
    members_int(&m, "connections", 0, INT64_MAX, &connections);
    members_int(&m, "parked", 0, INT64_MAX, &parked);
    members_array(&m, "unknown", SIZE_MAX, &unknown);
    members_array(&m, "doors", SIZE_MAX, &doors);
    members_text_maybe(&m, "reload_failed_at", &failed_at);
    members_text_maybe(&m, "reload_problem", &problem);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    printf(", %" PRId64 " records, head %.16s, %" PRId64 " bytes\n", records, hash, bytes);
    json_array_foreach(doors, i, door) {
        rc = print_door(door, why);
        if (rc)
            return rc;
    }
    printf("connections: %" PRId64 ", requests that wait for approval: %" PRId64 "\n", connections,
        parked);
    print_list("unknown to this system: ", unknown);
    if (failed_at && problem) {
        fputs("the files of the policy are wrong, and the old one stays: ", stdout);
        print_text(problem);
        printf(" (%s)\n", failed_at);
    }
    return RC_OK;
}

static enum rc
print_status(const json_t *reply, const char *socket, struct why *why)
{
    struct members m;
    const char *version = NULL, *policy = NULL, *loaded_at = NULL, *ledger = NULL;
    const json_t *tokens = NULL, *quotas = NULL, *insight = NULL;
    int64_t uptime_s = 0;

    members_open(&m, reply, "status");
    members_text(&m, "version", &version);
    members_text(&m, "policy", &policy);
    members_text(&m, "policy_loaded_at", &loaded_at);
    members_text(&m, "ledger", &ledger);
    members_int(&m, "uptime_s", 0, INT64_MAX, &uptime_s);
    members_array(&m, "tokens", SIZE_MAX, &tokens);
    members_array(&m, "quotas", SIZE_MAX, &quotas);
    members_object_maybe(&m, "insight", &insight);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    printf("agent %s at %s, up for %" PRId64 " s\npolicy %.16s, read %s\nledger %.16s", version,
        socket, uptime_s, policy, loaded_at, ledger);
    rc = insight ? print_insight(insight, why) : RC_OK;
    if (!insight)
        putchar('\n');
    if (!rc)
        rc = print_table(tokens, 6,
            (const char *[]){"TOKEN", "STATE", "PIN", "QUEUE", "WORKERS", "DETAIL"}, put_token,
            why);
    if (!rc)
        rc = print_table(
            tokens, 3, (const char *[]){"TOKEN", "FAILED LAST", "WITH"}, put_error, why);
    if (!rc)
        rc = print_table(quotas, 5,
            (const char *[]){"QUOTA OF GRANT", "UID", "USED", "WITHIN", "ROOM AGAIN AT"}, put_quota,
            why);
    return rc;
}

static enum rc
print_metrics(struct agent_call *agent, struct why *why)
{
    json_auto_t *reply = NULL;
    const char *text = NULL;
    struct members m;

    enum rc rc = agent_call(&reply, agent, "Metrics", NULL, why);
    if (rc)
        return rc;

    members_open(&m, reply, "metrics");
    members_text(&m, "text", &text);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    fputs(text, stdout);
    return RC_OK;
}

COMMAND(cmd_status)
{
    const struct options *options = session_options(session);
    json_auto_t *reply = NULL;
    struct agent_call *agent = NULL;

    if (n > 0)
        return cmd_staged(session, arguments, n, why);
    if (options_has(options, OPTION_METRICS) && options_has(options, OPTION_JSON))
        return fail(why, RC_UNSUPPORTED, "--metrics has a form of its own, which is not JSON");

    enum rc rc = session_agent(&agent, session, why);
    if (!rc && options_has(options, OPTION_METRICS))
        return print_metrics(agent, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Status", NULL, why);
    if (rc)
        return rc;

    return options_has(options, OPTION_JSON) ? table_print_json(reply, why)
                                             : print_status(reply, agent_call_path(agent), why);
}
