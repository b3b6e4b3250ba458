/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "client/command.h"
#include "client/recorded.h"

/* Records go out as they come, and are verified first. */
struct export
{
    struct record_head at;
    struct bytes line;
};

static void
export_done(struct export *export)
{
    bytes_done(&export->line);
}

static enum rc
write_line(const struct bytes *line, struct why *why)
{
    return fwrite(line->p, 1, line->len, stdout) == line->len
               ? RC_OK
               : fail(why, RC_SYSTEM, "cannot write to standard output: %s", strerror(errno));
}

static enum rc
export_record(void *userdata, const struct record *record, struct why *why)
{
    struct export *export = userdata;

    bytes_clear(&export->line);
    enum rc rc = record_follow(&export->at, record, why);
    if (!rc)
        rc = record_line_put(&export->line, record, why);
    return rc ? rc : write_line(&export->line, why);
}

COMMAND(cmd_audit_export)
{
    closing(export_done) struct export export = {.line = BYTES_INIT(RECORD_LINE_MAX_BYTES)};
    const struct recorded_reader reader = {export_record, &export};
    json_auto_t *parameters = json_pack("{s:i,s:b}", "after", 0, "all", true);
    struct agent_call *agent = NULL;
    struct record_end end;

    (void)arguments;
    (void)n;
    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = recorded_of_agent(&end, agent_call_path(agent), parameters, &reader, why);
    if (!rc && (end.head.seq != export.at.seq || !digest_eq(&end.head.hash, &export.at.hash)))
        rc = fail(why, RC_UNTRUSTED,
            "the ledger was changed: its head is record %" PRId64 ", and record %" PRId64
            " came last",
            end.head.seq, export.at.seq);
    if (rc)
        return rc;

    bytes_clear(&export.line);
    record_line_put_end(&export.line, &end);
    rc = bytes_check(&export.line, why);
    return rc ? rc : write_line(&export.line, why);
}
