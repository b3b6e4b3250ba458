/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <unistd.h>

#include "client/command.h"
#include "client/record_text.h"
#include "client/recorded.h"
#include "client/when.h"
#include "proto/bounds.h"

#define LINES_MAX    100000 /* of -n: they are kept until all are here */
#define TEXT_MAX     (4 * RECORD_MAX_BYTES)
#define FOLLOW_LINES 10 /* of what was before, as tail has them */

/* What is shown, and how; the newest come first and are kept, to be turned round. */
struct show {
    bool is_json, is_verbose, is_backwards;
    struct bytes text;
    char **kept;
    size_t n_kept;
};

static void
show_done(struct show *show)
{
    for (size_t i = 0; i < show->n_kept; i++)
        free(show->kept[i]);
    free(show->kept);
    bytes_done(&show->text);
}

static enum rc
keep(struct show *show, struct why *why)
{
    char *text = span_dup(bytes_span(&show->text));
    char **place = text ? mem_grow(&show->kept, show->n_kept, sizeof *place, LINES_MAX) : NULL;

    if (!place) {
        free(text);
        return fail_memory(why);
    }

    *place = text;
    show->n_kept++;
    return RC_OK;
}

static enum rc
print(const char *text, struct why *why)
{
    return fputs(text, stdout) < 0 ? fail(why, RC_SYSTEM, "cannot write to standard output")
                                   : RC_OK;
}

static enum rc
take(void *userdata, const struct record *record, struct why *why)
{
    struct show *show = userdata;

    bytes_clear(&show->text);
    enum rc rc = show->is_json ? record_line_put(&show->text, record, why)
                               : record_text_put(&show->text, record, show->is_verbose, why);
    if (rc)
        return rc == RC_MALFORMED ? RC_UNTRUSTED : rc;

    return show->is_backwards ? keep(show, why) : print(bytes_text(&show->text), why);
}

static enum rc
print_kept(struct show *show, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = show->n_kept; !rc && i > 0; i--)
        rc = print(show->kept[i - 1], why);
    return rc;
}

static enum rc
set(json_t *parameters, const char *name, json_t *value, struct why *why)
{
    return json_object_set_new(parameters, name, value) ? fail_memory(why) : RC_OK;
}

static enum rc
set_text(json_t *parameters, const char *name, const char *text, struct why *why)
{
    return text ? set(parameters, name, json_string(text), why) : RC_OK;
}

static enum rc
set_time(json_t *parameters, const char *name, const char *text, int64_t now_us, struct why *why)
{
    int64_t at_us = 0;

    if (!text)
        return RC_OK;

    enum rc rc = when_parse(&at_us, text, now_us, why);
    if (rc)
        return within(why, rc, "--%s", name);

    at_us = at_us < 0 ? 0 : at_us > INTEGER_MAX ? INTEGER_MAX : at_us;
    return set(parameters, name, json_integer(at_us), why);
}

/* Those that select, whatever the order. */
static enum rc
set_selection(json_t *parameters, const struct options *options, struct why *why)
{
    enum rc rc = set_text(parameters, "user", options->values[OPTION_USER], why);

    if (!rc && options->n_roles > 1)
        rc = fail(why, RC_REFUSED, "one --role at a time");
    if (!rc && options->n_roles == 1)
        rc = set_text(parameters, "role", options->roles[0], why);
    if (!rc)
        rc = set_text(parameters, "repository", options->values[OPTION_REPOSITORY], why);
    if (!rc)
        rc = set_text(parameters, "outcome", options->values[OPTION_OUTCOME], why);
    return rc ? rc : set_text(parameters, "reason", options->values[OPTION_REASON], why);
}

/* *ret_n: how many of the newest; -1: all. */
static enum rc
read_lines(int64_t *ret_n, const struct options *options, struct why *why)
{
    const char *lines = options->values[OPTION_LINES];

    *ret_n = options_has(options, OPTION_FOLLOW) && !options_has(options, OPTION_SINCE)
                 ? FOLLOW_LINES
                 : -1;
    enum rc rc = lines ? integer_parse(ret_n, span_of(lines), 0, LINES_MAX, why) : RC_OK;
    return rc ? within(why, rc, "--lines") : RC_OK;
}

/* What is there now. */
static enum rc
show_past(struct record_end *ret, struct show *show, const char *path,
    const struct options *options, int64_t now_us, struct why *why)
{
    json_auto_t *parameters = json_object();
    const struct recorded_reader reader = {take, show};
    int64_t n = -1;

    enum rc rc = read_lines(&n, options, why);
    if (!rc)
        rc = set_selection(parameters, options, why);
    if (!rc)
        rc = set_time(parameters, "since", options->values[OPTION_SINCE], now_us, why);
    if (!rc)
        rc = set_time(parameters, "until", options->values[OPTION_UNTIL], now_us, why);
    show->is_backwards = n >= 0;
    if (!rc && n >= 0)
        rc = set(parameters, "newest", json_true(), why);
    if (!rc && n >= 0)
        rc = set(parameters, "limit", json_integer(n > 0 ? n : 1), why);
    if (!rc)
        rc = recorded_of_agent(ret, path, parameters, &reader, why);
    return rc || n == 0 ? rc : print_kept(show, why);
}

/* Until this program is ended, or the agent. */
static enum rc
show_future(struct record_end *end, struct show *show, const char *path,
    const struct options *options, struct why *why)
{
    const struct recorded_reader reader = {take, show};
    enum rc rc = RC_OK;

    show->is_backwards = false;
    setlinebuf(stdout);
    while (!rc && !fflush(stdout)) {
        json_auto_t *parameters = json_pack("{s:b}", "follow", true);

        rc = set_selection(parameters, options, why);
        if (!rc)
            rc = set(parameters, "after", json_integer(end->head.seq), why);
        if (!rc)
            rc = recorded_of_agent(end, path, parameters, &reader, why);
    }

    return rc ? rc : fail(why, RC_SYSTEM, "cannot write to standard output");
}

COMMAND(cmd_audit_show)
{
    const struct options *options = session_options(session);
    closing(show_done) struct show show = {
        .is_json = options_has(options, OPTION_JSON),
        .is_verbose = options_has(options, OPTION_VERBOSE),
        .text = BYTES_INIT(TEXT_MAX),
    };
    struct agent_call *agent = NULL;
    struct record_end end;

    (void)arguments;
    (void)n;
    enum rc rc = session_agent(&agent, session, why);
    if (!rc && options_has(options, OPTION_FOLLOW) && options_has(options, OPTION_UNTIL))
        rc = fail(why, RC_REFUSED, "--follow and --until exclude each other");
    if (!rc)
        rc = show_past(&end, &show, agent_call_path(agent), options, when_now_us(), why);
    if (rc || !options_has(options, OPTION_FOLLOW))
        return rc;

    return show_future(&end, &show, agent_call_path(agent), options, why);
}
