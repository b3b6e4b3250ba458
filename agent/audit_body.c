/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit_body.h"

#include <inttypes.h>

#include "proto/bounds.h"
#include "proto/canon.h"

const char *
audit_outcome_name(enum audit_outcome outcome)
{
    static const char *const names[AUDIT_OUTCOME_MAX_] = {
        [AUDIT_RELEASED] = "released",
        [AUDIT_DONE] = "done",
        [AUDIT_FAILED] = "failed",
        [AUDIT_CANCELLED] = "cancelled",
        [AUDIT_REFUSED] = "refused",
        [AUDIT_PARKED] = "parked",
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

typedef void put_element(struct bytes *b, const void *list, size_t i);

static void
put_elements(struct bytes *b, const void *list, put_element *put, size_t from, size_t to)
{
    bytes_putc(b, '[');
    for (size_t i = from; i < to; i++) {
        if (i > from)
            bytes_putc(b, ',');
        put(b, list, i);
    }
    bytes_putc(b, ']');
}

/* "NAME":[…], and "NAME_more" where there are too many. */
static void
put_list(
    struct bytes *b, const char *name, const void *list, put_element *put, size_t n, size_t max)
{
    size_t n_shown = n < max ? n : max;

    bytes_printf(b, "\"%s\":", name);
    put_elements(b, list, put, 0, n_shown);
    if (n == n_shown)
        return;

    closing(bytes_done) struct bytes more = BYTES_INIT(OUTPUT_MAX_BYTES);
    struct digest digest;
    put_elements(&more, list, put, n_shown, n);
    if (more.failed)
        bytes_fail(b, more.failed);
    digest_of(&digest, bytes_span(&more));
    bytes_printf(b, ",\"%s_more\":{\"count\":%zu,\"sha256\":", name, n - n_shown);
    put_digest(b, &digest);
    bytes_putc(b, '}');
}

/* What is missing is null. */
static void
put_change(struct bytes *b, const void *list, size_t i)
{
    static const char *const members[] = {"is", "kind", "name", "was"};
    const json_t *change = json_array_get(list, i);

    for (size_t k = 0; k < N_ELEMENTS(members); k++) {
        bytes_printf(b, "%s\"%s\":", k == 0 ? "{" : ",", members[k]);
        put_text(b, json_string_value(json_object_get(change, members[k])));
    }
    bytes_putc(b, '}');
}

static void
put_difference(struct bytes *b, const json_t *difference, size_t n_documents)
{
    if (difference)
        put_list(b, "difference", difference, put_change, json_array_size(difference),
            (RECORD_NAMES_MAX + n_documents - 1) / n_documents);
    else
        bytes_puts(b, "\"difference\":null");
}

static void
put_document(struct bytes *b, const void *list, size_t i)
{
    const struct audit_request *request = list;
    const struct audit_document *document = &request->documents[i];

    bytes_putc(b, '{');
    put_difference(b, document->difference, request->n_documents);
    bytes_puts(b, ",\"digest\":");
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
put_name(struct bytes *b, const void *list, size_t i)
{
    const char *const *names = list;

    put_text(b, names[i]);
}

static void
put_gid(struct bytes *b, const void *list, size_t i)
{
    const gid_t *gids = list;

    bytes_printf(b, "%u", gids[i]);
}

static void
put_peer(struct bytes *b, const struct peer *peer)
{
    bytes_puts(b, "\"peer\":{\"door\":");
    put_text(b, peer->door ? peer->door : PEER_MAIN_DOOR);
    bytes_printf(b, ",\"gid\":%u,", peer->gid);
    put_list(b, "groups", peer->gids, put_gid, peer->n_gids, RECORD_NAMES_MAX);
    bytes_puts(b, ",\"label\":");
    put_text(b, peer->label);
    bytes_printf(b, ",\"pid\":%d,\"uid\":%u,\"unit\":", peer->pid, peer->uid);
    put_text(b, peer->unit);
    bytes_putc(b, '}');
}

static const char *
verdict_name(enum audit_outcome outcome)
{
    if (outcome == AUDIT_PARKED)
        return "pending";

    return outcome == AUDIT_REFUSED ? "denied" : "allowed";
}

/* Members in canonical order. */
void
audit_body_put_request(struct bytes *b, const struct audit_request *request, const char *ledger_id)
{
    bytes_puts(b, "{\"detail\":");
    put_text(b, request->detail);
    bytes_putc(b, ',');
    put_list(b, "documents", request, put_document, request->n_documents, DOCUMENTS_MAX);
    bytes_putc(b, ',');
    put_list(b, "grants", request->grants, put_name, request->n_grants, RECORD_NAMES_MAX);
    bytes_putc(b, ',');
    put_list(b, "keys", request->keys, put_name, request->n_keys, RECORD_NAMES_MAX);
    bytes_puts(b, ",\"kind\":\"request\",\"ledger\":");
    put_text(b, ledger_id);
    bytes_puts(b, ",\"method\":");
    put_text(b, request->method);
    bytes_printf(b, ",\"outcome\":\"%s\",", audit_outcome_name(request->outcome));
    put_peer(b, request->peer);
    bytes_puts(b, ",\"policy\":");
    if (request->policy)
        put_digest(b, request->policy);
    else
        bytes_puts(b, "null");
    bytes_puts(b, ",\"reason\":");
    put_text(b, request->reason == REASON_NONE ? NULL : reason_id(request->reason));
    bytes_printf(b, ",\"verdict\":\"%s\"}", verdict_name(request->outcome));
}

void
audit_body_put_foreign(struct bytes *b, const struct audit_foreign *foreign, const char *ledger_id)
{
    bytes_puts(b, "{\"digest\":");
    put_digest(b, &foreign->digest);
    bytes_putc(b, ',');
    put_list(b, "keys", foreign->keys, put_name, foreign->n_keys, RECORD_NAMES_MAX);
    bytes_puts(b, ",\"kind\":\"foreign-signature\",\"ledger\":");
    put_text(b, ledger_id);
    bytes_printf(b, ",\"mark\":%" PRId64 ",\"repository\":", foreign->mark);
    put_text(b, foreign->repository);
    bytes_puts(b, ",\"role\":");
    put_text(b, foreign->role);
    bytes_printf(b, ",\"uid\":%u,\"version\":%" PRId64 "}", foreign->uid, foreign->version);
}
