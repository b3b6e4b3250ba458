/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "client/command.h"
#include "client/recorded.h"
#include "client/table.h"
#include "client/verification.h"
#include "client/when.h"
#include "proto/bounds.h"
#include "proto/utc.h"

/* One run of verify. */
struct check {
    struct verification verification;
    struct record_head given;
    struct record_end end;
    struct journal *journal;
    const char *path; /* of the agent, or of the file */
    bool is_file;
    int64_t before_us;                  /* heads that were written later may be of newer records */
    char ledger[RECORD_LEDGER_LEN + 1]; /* as soon as it is known */
};

/* "SEQ:HASH" */
static enum rc
read_given(struct record_head *ret, const char *text, struct why *why)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    enum rc rc = colon ? integer_parse(&ret->seq, (struct span){(const uint8_t *)text, len}, 1,
                             INTEGER_MAX, why)
                       : fail(why, RC_MALFORMED, "want SEQ:HASH");
    if (!rc)
        rc = hex_parse(ret->hash.b, sizeof ret->hash.b, span_of(colon + 1), why);
    return rc ? within(why, rc, "--head") : RC_OK;
}

static enum rc
compare(struct check *check, const char *ledger, struct why *why)
{
    snprintf(check->ledger, sizeof check->ledger, "%s", ledger);
    return check->journal ? verification_compare(
                                &check->verification, check->journal, ledger, check->before_us, why)
                          : RC_OK;
}

/* A file says only in its records of which ledger it is, until its end. */
static enum rc
take(void *userdata, const struct record *record, struct why *why)
{
    struct check *check = userdata;
    char ledger[RECORD_LEDGER_LEN + 1];
    enum rc rc = RC_OK;

    if (!check->ledger[0]) {
        rc = record_line_ledger(ledger, record->body, why);
        if (!rc)
            rc = compare(check, ledger, why);
    }
    if (!rc)
        rc = verification_take(&check->verification, record, why);
    if (rc == RC_MALFORMED)
        rc = within(why, RC_UNTRUSTED, "record %" PRId64, record->seq);
    if (rc == RC_UNTRUSTED && check->verification.n_agree > 0) {
        struct why problem = *why;
        rc = fail(why, rc, "%s; the journal agrees up to record %" PRId64, problem.text,
            check->verification.newest.head.seq);
    }
    return rc;
}

static enum rc
ask_ledger(struct check *check, struct agent_call *agent, struct why *why)
{
    json_auto_t *reply = NULL;
    struct members m;
    const char *ledger = NULL;

    enum rc rc = agent_call(&reply, agent, "Status", NULL, why);
    if (rc)
        return rc;

    members_open(&m, reply, "status");
    members_text(&m, "ledger", &ledger);
    rc = members_close_tolerant(&m, why);
    return rc ? rc : compare(check, ledger, why);
}

static enum rc
read_agent(struct check *check, struct session *session, struct why *why)
{
    json_auto_t *parameters = json_pack("{s:i,s:b}", "after", 0, "all", true);
    const struct recorded_reader reader = {take, check};
    struct agent_call *agent = NULL;

    check->before_us = when_now_us();
    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = ask_ledger(check, agent, why);
    return rc ? rc
              : recorded_of_agent(&check->end, agent_call_path(agent), parameters, &reader, why);
}

static enum rc
read_file(struct check *check, const char *path, struct why *why)
{
    const struct recorded_reader reader = {take, check};
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;

    if (!file)
        return fail(why, RC_SYSTEM, "'%s': %s", path, strerror(errno));

    check->is_file = true;
    check->before_us = INT64_MAX;
    enum rc rc = recorded_of_file(&check->end, file, path, &reader, why);
    if (file != stdin)
        fclose(file);
    return rc;
}

/* The journal of this machine is of its agent; of which a file is, only who asks can say. */
static enum rc
open_journal(struct check *check, struct session *session, struct why *why)
{
    const struct options *options = session_options(session);

    if (options_has(options, OPTION_FILE) && !options_has(options, OPTION_JOURNAL))
        return RC_OK;

    enum rc rc = journal_open(&check->journal, options->values[OPTION_JOURNAL], why);
    if (rc != RC_NOT_FOUND)
        return rc;

    progress_note(session_progress(session), "there is no journal: %s", why->text);
    return RC_OK;
}

static void
check_done(struct check *check)
{
    journal_close(check->journal);
}

static enum rc
print_json(const struct check *check, struct why *why)
{
    const struct verification *v = &check->verification;
    char hash[DIGEST_HEX_LEN + 1];
    json_auto_t *result = NULL, *journal = json_null();

    digest_hex(hash, &check->end.head.hash);
    if (check->journal)
        journal = json_pack("{s:I,s:I,s:I,s:I}", "heads", (json_int_t)v->n_agree, "newest",
            (json_int_t)v->newest.head.seq, "newer", (json_int_t)v->n_newer, "ignored",
            (json_int_t)v->n_ignored);
    result = json_pack("{s:s,s:{s:I,s:s},s:O,s:b}", "ledger", check->end.ledger, "head", "seq",
        (json_int_t)check->end.head.seq, "hash", hash, "journal", journal, "given",
        v->given != NULL);
    return result ? table_print_json(result, why) : fail_memory(why);
}

static void
print_journal(const struct verification *v)
{
    closing(bytes_done) struct bytes at = BYTES_INIT(64);

    if (!v->journal) {
        puts("journal: not compared");
        return;
    }

    if (v->n_agree == 0) {
        puts("journal: it has no head of this ledger that this user can read");
    } else {
        utc_format(&at, v->newest.at_us / 1000000);
        printf("journal: %" PRId64 " heads agree, the newest for record %" PRId64 ", of %s\n",
            v->n_agree, v->newest.head.seq, bytes_text(&at));
    }
    if (v->n_newer > 0)
        printf("journal: %" PRId64 " heads are newer than the export\n", v->n_newer);
    if (v->n_ignored > 0)
        printf("journal: %" PRId64 " heads that other users wrote do not count\n", v->n_ignored);
}

static void
print_text(const struct check *check)
{
    char hash[DIGEST_HEX_LEN + 1];

    digest_hex(hash, &check->end.head.hash);
    printf("ledger %s: %" PRId64 " records follow one another\nhead: %" PRId64 ":%s\n",
        check->end.ledger, check->end.head.seq, check->end.head.seq, hash);
    if (check->verification.given)
        printf("--head: record %" PRId64 " has that hash\n", check->given.seq);
    print_journal(&check->verification);
}

/* A ledger that was replaced has another identity, and no heads yet. */
static void
note_other_ledger(const struct check *check, struct session *session)
{
    closing(freep) char *other = NULL;

    if (check->journal && !journal_other_ledger(&other, check->journal, check->end.ledger, NULL))
        progress_note(session_progress(session),
            "the journal also has heads of ledger %.40s: was that replaced?", other);
}

static enum rc
verify(struct check *check, struct session *session, struct why *why)
{
    const struct options *options = session_options(session);
    const char *file = options->values[OPTION_FILE];

    enum rc rc = open_journal(check, session, why);
    if (!rc)
        rc = file ? read_file(check, file, why) : read_agent(check, session, why);
    if (!rc && !check->ledger[0]) /* an export without records */
        rc = compare(check, check->end.ledger, why);
    if (!rc && strcmp(check->ledger, check->end.ledger) != 0)
        rc = fail(why, RC_UNTRUSTED, "the records are of ledger %s, and the head is of ledger %s",
            check->ledger, check->end.ledger);
    if (!rc)
        rc = verification_end(&check->verification, &check->end.head, !check->is_file, why);
    return rc;
}

COMMAND(cmd_audit_verify)
{
    const struct options *options = session_options(session);
    closing(check_done) struct check check = {0};

    (void)arguments;
    (void)n;
    if (options_has(options, OPTION_HEAD)) {
        enum rc rc = read_given(&check.given, options->values[OPTION_HEAD], why);
        if (rc)
            return rc;
    }

    verification_init(&check.verification, options_has(options, OPTION_HEAD) ? &check.given : NULL);
    enum rc rc = verify(&check, session, why);
    if (rc)
        return rc;

    note_other_ledger(&check, session);
    if (options_has(options, OPTION_JSON))
        return print_json(&check, why);

    print_text(&check);
    return RC_OK;
}
