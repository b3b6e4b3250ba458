/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit.h"

#include <inttypes.h>

#include "proto/bounds.h"
#include "proto/canon.h"

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

static const char *
outcome_name(enum audit_outcome outcome)
{
    static const char *const names[AUDIT_OUTCOME_MAX_] = {
        [AUDIT_RELEASED] = "released",
        [AUDIT_DONE] = "done",
        [AUDIT_FAILED] = "failed",
        [AUDIT_CANCELLED] = "cancelled",
        [AUDIT_REFUSED] = "refused",
    };

    return names[outcome];
}

/* What a peer claims may hold bytes that no JSON text may; the record shows '?' for all but ASCII
 * then. NULL is null. */
static void
put_text(struct bytes *b, const char *text)
{
    struct span span = span_of(text);

    if (!text) {
        bytes_puts(b, "null");
        return;
    }

    if (span_is_text(span)) {
        canon_put_string(b, span);
        return;
    }

    closing(bytes_done) struct bytes scrubbed = BYTES_INIT(RECORD_MAX_BYTES);
    for (size_t i = 0; i < span.len; i++)
        bytes_putc(&scrubbed, span.p[i] < 0x20 || span.p[i] > 0x7e ? '?' : span.p[i]);
    canon_put_string(b, bytes_span(&scrubbed));
}

static void
put_digest(struct bytes *b, const struct digest *digest)
{
    bytes_putc(b, '"');
    bytes_put_hex(b, digest_span(digest));
    bytes_putc(b, '"');
}

typedef void put_element(struct bytes *b, const struct audit_request *request, size_t i);

static void
put_elements(
    struct bytes *b, const struct audit_request *request, put_element *put, size_t from, size_t to)
{
    bytes_putc(b, '[');
    for (size_t i = from; i < to; i++) {
        if (i > from)
            bytes_putc(b, ',');
        put(b, request, i);
    }
    bytes_putc(b, ']');
}

/* "NAME":[…], and "NAME_more" where there are too many. */
static void
put_list(struct bytes *b, const char *name, const struct audit_request *request, put_element *put,
    size_t n)
{
    size_t n_shown = n < RECORD_NAMES_MAX ? n : RECORD_NAMES_MAX;

    bytes_printf(b, "\"%s\":", name);
    put_elements(b, request, put, 0, n_shown);
    if (n == n_shown)
        return;

    closing(bytes_done) struct bytes more = BYTES_INIT(RECORD_MAX_BYTES);
    struct digest digest;
    put_elements(&more, request, put, n_shown, n);
    digest_of(&digest, bytes_span(&more));
    bytes_printf(b, ",\"%s_more\":{\"count\":%zu,\"sha256\":", name, n - n_shown);
    put_digest(b, &digest);
    bytes_putc(b, '}');
}

static void
put_document(struct bytes *b, const struct audit_request *request, size_t i)
{
    const struct audit_document *document = &request->documents[i];

    bytes_puts(b, "{\"digest\":");
    put_digest(b, &document->digest);
    bytes_puts(b, ",\"format\":");
    put_text(b, document->format);
    bytes_puts(b, ",\"repository\":");
    put_text(b, document->repository);
    bytes_puts(b, ",\"role\":");
    put_text(b, document->role);
    bytes_printf(b, ",\"version\":%" PRId64 "}", document->version);
}

static void
put_key(struct bytes *b, const struct audit_request *request, size_t i)
{
    put_text(b, request->keys[i]);
}

static void
put_grant(struct bytes *b, const struct audit_request *request, size_t i)
{
    put_text(b, request->grants[i]);
}

static void
put_gid(struct bytes *b, const struct audit_request *request, size_t i)
{
    bytes_printf(b, "%u", request->peer->gids[i]);
}

static void
put_peer(struct bytes *b, const struct audit_request *request)
{
    const struct peer *peer = request->peer;

    bytes_puts(b, "\"peer\":{\"door\":");
    put_text(b, peer->door ? peer->door : PEER_MAIN_DOOR);
    bytes_printf(b, ",\"gid\":%u,", peer->gid);
    put_list(b, "groups", request, put_gid, peer->n_gids);
    bytes_puts(b, ",\"label\":");
    put_text(b, peer->label);
    bytes_printf(b, ",\"pid\":%d,\"uid\":%u,\"unit\":", peer->pid, peer->uid);
    put_text(b, peer->unit);
    bytes_putc(b, '}');
}

/* Members in canonical order. */
static void
put_request(struct bytes *b, const struct audit_request *request, const char *ledger_id)
{
    bytes_puts(b, "{\"detail\":");
    put_text(b, request->detail);
    bytes_putc(b, ',');
    put_list(b, "documents", request, put_document, request->n_documents);
    bytes_putc(b, ',');
    put_list(b, "grants", request, put_grant, request->n_grants);
    bytes_putc(b, ',');
    put_list(b, "keys", request, put_key, request->n_keys);
    bytes_puts(b, ",\"kind\":\"request\",\"ledger\":");
    put_text(b, ledger_id);
    bytes_puts(b, ",\"method\":");
    put_text(b, request->method);
    bytes_printf(b, ",\"outcome\":\"%s\",", outcome_name(request->outcome));
    put_peer(b, request);
    bytes_puts(b, ",\"policy\":");
    if (request->policy)
        put_digest(b, request->policy);
    else
        bytes_puts(b, "null");
    bytes_puts(b, ",\"reason\":");
    put_text(b, request->reason == REASON_NONE ? NULL : reason_id(request->reason));
    bytes_printf(
        b, ",\"verdict\":\"%s\"}", request->outcome == AUDIT_REFUSED ? "denied" : "allowed");
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

enum rc
audit_put(
    struct audit *audit, const struct audit_request *request, int64_t *ret_seq, struct why *why)
{
    if (request->outcome == AUDIT_REFUSED && !is_recorded(audit, request)) {
        *ret_seq = 0;
        return RC_OK;
    }

    closing(bytes_done) struct bytes body = BYTES_INIT(RECORD_MAX_BYTES);
    put_request(&body, request, ledger_id(audit->ledger));
    enum rc rc = bytes_check(&body, why);
    if (rc)
        return within(why, rc, "record");

    return ledger_put_record(audit->ledger, request->at_us, bytes_span(&body), ret_seq, why);
}

enum rc
audit_put_foreign(
    struct audit *audit, const struct audit_foreign *foreign, int64_t at_us, struct why *why)
{
    closing(bytes_done) struct bytes body = BYTES_INIT(RECORD_MAX_BYTES);
    struct audit_request keys = {.keys = foreign->keys};
    int64_t seq = 0;

    bytes_puts(&body, "{\"digest\":");
    put_digest(&body, &foreign->digest);
    bytes_putc(&body, ',');
    put_list(&body, "keys", &keys, put_key, foreign->n_keys);
    bytes_puts(&body, ",\"kind\":\"foreign-signature\",\"ledger\":");
    put_text(&body, ledger_id(audit->ledger));
    bytes_printf(&body, ",\"mark\":%" PRId64 ",\"repository\":", foreign->mark);
    put_text(&body, foreign->repository);
    bytes_puts(&body, ",\"role\":");
    put_text(&body, foreign->role);
    bytes_printf(&body, ",\"uid\":%u,\"version\":%" PRId64 "}", foreign->uid, foreign->version);
    enum rc rc = bytes_check(&body, why);

    return rc ? rc : ledger_put_record(audit->ledger, at_us, bytes_span(&body), &seq, why);
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

    bytes_puts(&body, "{\"kind\":\"refusals\",\"ledger\":");
    put_text(&body, ledger_id(audit->ledger));
    bytes_printf(&body, ",\"refused\":%" PRId64 ",\"since_us\":%" PRId64, counter->n_refused,
        counter->since_us);
    if (counter->is_rest)
        bytes_puts(&body, ",\"uid\":null");
    else
        bytes_printf(&body, ",\"uid\":%u", counter->uid);
    bytes_printf(&body, ",\"unreadable\":%" PRId64 "}", counter->n_unreadable);
    enum rc rc = bytes_check(&body, why);
    if (!rc)
        rc = ledger_put_record(audit->ledger, now_us, bytes_span(&body), &seq, why);
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
