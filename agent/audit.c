/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit.h"

#include <inttypes.h>

#include "agent/audit_body.h"
#include "agent/ledger_trail.h"
#include "proto/bounds.h"

#define MINUTE_US (60 * 1000000LL)

/* Refusals of one uid. */
struct counter {
    uid_t uid;
    bool is_rest;       /* of uids that had to make place for others */
    int64_t minute;     /* in which the newest one was */
    int64_t n_recorded; /* in that minute */
    int64_t since_us;   /* when the first of those below was */
    int64_t n_refused;  /* not recorded */
    int64_t n_unreadable;
};

struct audit {
    struct ledger *ledger;
    struct counter rest;
    struct counter counters[REFUSED_UIDS_MAX];
    size_t n_counters;
    int64_t minute, n_strangers; /* refusals of strangers recorded in that minute */
};

enum rc
audit_new(struct audit **ret, struct ledger *ledger, struct why *why)
{
    struct audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return fail_memory(why);

    audit->ledger = ledger;
    audit->rest.is_rest = true;
    *ret = audit;
    return RC_OK;
}

void
audit_free(struct audit *audit)
{
    free(audit);
}

/* What the counter has not written becomes part of the rest. */
static void
add_to_rest(struct audit *audit, const struct counter *counter)
{
    struct counter *rest = &audit->rest;

    if (counter->n_refused + counter->n_unreadable == 0)
        return;

    if (rest->n_refused + rest->n_unreadable == 0)
        rest->since_us = counter->since_us;
    rest->minute = counter->minute;
    rest->n_refused += counter->n_refused;
    rest->n_unreadable += counter->n_unreadable;
}

/* The counter of uid, in the minute of at_us; the one that was still for longest gives its place to
 * a new one. */
static struct counter *
find_counter(struct audit *audit, uid_t uid, int64_t at_us)
{
    struct counter *oldest = &audit->counters[0];
    int64_t minute = at_us / MINUTE_US;

    for (size_t i = 0; i < audit->n_counters; i++) {
        struct counter *counter = &audit->counters[i];

        if (counter->uid == uid) {
            if (counter->minute != minute)
                counter->n_recorded = 0;
            counter->minute = minute;
            return counter;
        }
        if (counter->minute < oldest->minute)
            oldest = counter;
    }

    struct counter *place = oldest;
    if (audit->n_counters < REFUSED_UIDS_MAX)
        place = &audit->counters[audit->n_counters++];
    else
        add_to_rest(audit, oldest);

    *place = (struct counter){.uid = uid, .minute = minute};
    return place;
}

static void
start_count(struct counter *counter, int64_t at_us)
{
    if (counter->n_refused + counter->n_unreadable == 0)
        counter->since_us = at_us;
}

static int64_t
count_strangers(struct audit *audit, int64_t at_us)
{
    if (audit->minute != at_us / MINUTE_US)
        audit->n_strangers = 0;

    audit->minute = at_us / MINUTE_US;
    return audit->n_strangers;
}

/* Whether this refusal gets a record of its own; else it is counted. A stranger is refused without
 * a look at the documents. */
static bool
is_recorded(struct audit *audit, const struct audit_request *request)
{
    struct counter *counter = find_counter(audit, request->peer->uid, request->at_us);
    bool is_stranger = request->reason == REASON_NOT_GRANTED && request->n_documents == 0;

    if (counter->n_recorded < REFUSALS_MAX_PER_MIN &&
        (!is_stranger || count_strangers(audit, request->at_us) < STRANGERS_MAX_PER_MIN) &&
        ledger_has_room(audit->ledger)) {
        counter->n_recorded++;
        audit->n_strangers += is_stranger;
        return true;
    }

    start_count(counter, request->at_us);
    counter->n_refused++;
    return false;
}

/* The newest record can be found by it; by what is no text, the record does not even show it. */
static enum rc
put_repository(struct audit *audit, int64_t at_us, const char *repository, struct why *why)
{
    return span_is_text(span_of(repository))
               ? ledger_put_trail_repository(audit->ledger, at_us, repository, why)
               : RC_OK;
}

enum rc
audit_put(
    struct audit *audit, const struct audit_request *request, int64_t *ret_seq, struct why *why)
{
    if (request->outcome == AUDIT_REFUSED && !is_recorded(audit, request)) {
        *ret_seq = 0;
        return RC_OK;
    }

    closing(bytes_done) struct bytes body = BYTES_INIT(RECORD_MAX_BYTES);
    audit_body_put_request(&body, request, ledger_id(audit->ledger));
    enum rc rc = bytes_check(&body, why);
    if (rc)
        return within(why, rc, "record");

    rc = ledger_put_record(audit->ledger, request->at_us, bytes_span(&body), ret_seq, why);
    if (!rc)
        rc = ledger_put_trail_user(audit->ledger, request->at_us, request->peer->uid, why);
    for (size_t i = 0; !rc && i < request->n_documents; i++)
        rc = put_repository(audit, request->at_us, request->documents[i].repository, why);
    return rc;
}

enum rc
audit_put_foreign(
    struct audit *audit, const struct audit_foreign *foreign, int64_t at_us, struct why *why)
{
    closing(bytes_done) struct bytes body = BYTES_INIT(RECORD_MAX_BYTES);
    int64_t seq = 0;

    audit_body_put_foreign(&body, foreign, ledger_id(audit->ledger));
    enum rc rc = bytes_check(&body, why);

    if (!rc)
        rc = ledger_put_record(audit->ledger, at_us, bytes_span(&body), &seq, why);
    if (!rc)
        rc = ledger_put_trail_user(audit->ledger, at_us, foreign->uid, why);
    return rc ? rc : put_repository(audit, at_us, foreign->repository, why);
}

void
audit_count_unreadable(struct audit *audit, uid_t uid, int64_t at_us)
{
    struct counter *counter = find_counter(audit, uid, at_us);

    start_count(counter, at_us);
    counter->n_unreadable++;
}

/* Whether it has counts of a minute before that one. */
static bool
is_due(const struct counter *counter, int64_t before_minute)
{
    return counter->n_refused + counter->n_unreadable > 0 && counter->minute < before_minute;
}

static bool
is_any_due(const struct audit *audit, int64_t before_minute)
{
    bool is = is_due(&audit->rest, before_minute);

    for (size_t i = 0; i < audit->n_counters; i++)
        is = is || is_due(&audit->counters[i], before_minute);

    return is;
}

bool
audit_has_counts(const struct audit *audit)
{
    return is_any_due(audit, INT64_MAX);
}

bool
audit_is_due(const struct audit *audit, int64_t now_us)
{
    return is_any_due(audit, now_us / MINUTE_US) && ledger_has_room(audit->ledger);
}

static enum rc
write_count(struct audit *audit, struct counter *counter, int64_t now_us, struct why *why)
{
    closing(bytes_done) struct bytes body = BYTES_INIT(RECORD_MAX_BYTES);
    int64_t seq = 0;

    bytes_printf(&body,
        "{\"kind\":\"refusals\",\"ledger\":\"%s\",\"refused\":%" PRId64 ",\"since_us\":%" PRId64,
        ledger_id(audit->ledger), counter->n_refused, counter->since_us);
    if (counter->is_rest)
        bytes_puts(&body, ",\"uid\":null");
    else
        bytes_printf(&body, ",\"uid\":%u", counter->uid);
    bytes_printf(&body, ",\"unreadable\":%" PRId64 "}", counter->n_unreadable);
    enum rc rc = bytes_check(&body, why);
    if (!rc)
        rc = ledger_put_record(audit->ledger, now_us, bytes_span(&body), &seq, why);
    if (!rc && !counter->is_rest)
        rc = ledger_put_trail_user(audit->ledger, now_us, counter->uid, why);
    if (rc)
        return rc;

    counter->n_refused = counter->n_unreadable = 0;
    return RC_OK;
}

static enum rc
write_counts(struct audit *audit, int64_t before_minute, int64_t now_us, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < audit->n_counters; i++)
        if (is_due(&audit->counters[i], before_minute))
            rc = write_count(audit, &audit->counters[i], now_us, why);

    if (!rc && is_due(&audit->rest, before_minute))
        rc = write_count(audit, &audit->rest, now_us, why);

    return rc;
}

enum rc
audit_flush(struct audit *audit, int64_t now_us, struct why *why)
{
    if (!ledger_has_room(audit->ledger))
        return RC_OK;

    return write_counts(audit, now_us / MINUTE_US, now_us, why);
}

enum rc
audit_finish(struct audit *audit, int64_t now_us, struct why *why)
{
    return write_counts(audit, INT64_MAX, now_us, why);
}
