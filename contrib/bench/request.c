/* SPDX-License-Identifier: Apache-2.0 */
#include "contrib/bench/request.h"

#include <inttypes.h>
#include <time.h>

#define TAIL_BYTES 160 /* at most, from the last tag on */

void
request_init(struct request *request)
{
    struct bytes *head = &request->head;
    char expires[32];
    time_t then = time(NULL) + 30 * 24 * 3600;
    struct tm utc;

    *head = BYTES_INIT(DOCUMENT_BYTES);
    strftime(expires, sizeof expires, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&then, &utc));
    bytes_printf(head,
        "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{},\"roles\":[]},\"expires\":\"%s\","
        "\"targets\":{",
        expires);
    for (unsigned i = 0; head->len < DOCUMENT_BYTES - TAIL_BYTES; i++)
        bytes_printf(head,
            "%s\"v%04u\":{\"hashes\":{\"sha256\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"},"
            "\"length\":1024}",
            i > 0 ? "," : "", i);
    bytes_puts(head, "},\"version\":");
}

void
request_put(struct bytes *b, const struct request *request, unsigned lane, uint64_t version)
{
    closing(bytes_done) struct bytes document = BYTES_INIT(2 * DOCUMENT_BYTES);

    bytes_put(&document, bytes_span(&request->head));
    bytes_printf(&document, "%" PRIu64 "}", version);

    bytes_puts(b, "{\"method\":\"org.countersign.Agent.Sign\",\"parameters\":{\"documents\":[");
    for (unsigned i = 0; i < request->n_documents; i++) {
        bytes_printf(b,
            "%s{\"format\":\"notary\",\"repository\":\"%s/%u/%u\",\"role\":\"targets\","
            "\"keys\":[\"%s\"],\"message\":\"",
            i > 0 ? "," : "", request->repository, lane, i, request->key);
        bytes_put_base64(b, bytes_span(&document));
        bytes_puts(b, "\"}");
    }
    bytes_puts(b, "]}}");
    bytes_putc(b, 0);
}
