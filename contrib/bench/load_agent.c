/* SPDX-License-Identifier: Apache-2.0 */
#include "contrib/bench/load_socket.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* What every document has: a month, and tags up to its size. */
struct template
{
    const struct load *load;
    struct bytes head;
};

/* The document of DOCUMENT_BYTES, up to its version, which comes last. */
static void
begin_document(struct bytes *b)
{
    char expires[32];
    time_t then = time(NULL) + 30 * 24 * 3600;
    struct tm utc;

    strftime(expires, sizeof expires, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&then, &utc));
    bytes_printf(b,
        "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{},\"roles\":[]},\"expires\":\"%s\","
        "\"targets\":{",
        expires);
    for (unsigned i = 0; b->len < DOCUMENT_BYTES - 160; i++)
        bytes_printf(b,
            "%s\"v%04u\":{\"hashes\":{\"sha256\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"},"
            "\"length\":1024}",
            i > 0 ? "," : "", i);
    bytes_puts(b, "},\"version\":");
}

static void
ask(struct bytes *out, void *userdata, const struct load_lane *lane)
{
    const struct template *template = userdata;
    closing(bytes_done) struct bytes document = BYTES_INIT(2 * DOCUMENT_BYTES);

    bytes_put(&document, bytes_span(&template->head));
    bytes_printf(&document, "%" PRIu64 "}", lane->n_asked + 1);

    bytes_puts(out, "{\"method\":\"org.countersign.Agent.Sign\",\"parameters\":{\"documents\":[");
    for (unsigned i = 0; i < template->load->batch; i++) {
        bytes_printf(out,
            "%s{\"format\":\"notary\",\"repository\":\"%s/%u/%u\",\"role\":\"targets\","
            "\"keys\":[\"%s\"],\"message\":\"",
            i > 0 ? "," : "", template->load->repository, lane->index, i, template->load->key);
        bytes_put_base64(out, bytes_span(&document));
        bytes_puts(out, "\"}");
    }
    bytes_puts(out, "]}}");
    bytes_putc(out, 0);
}

static bool
is_answered(struct span in)
{
    if (in.p[in.len - 1] != 0)
        return false;

    load_must(memmem(in.p, in.len, "\"sig\":\"", 7), "the agent says %s", (const char *)in.p);
    return true;
}

void
load_agent(struct load *load)
{
    closing(bytes_done) struct bytes head = BYTES_INIT(2 * DOCUMENT_BYTES);

    load_must(load->repository && load->key[0], "agent needs --key and --repository");
    begin_document(&head);
    struct template template = {load, head};
    load_socket_run(load, &(struct load_language){&template, ask, is_answered});
}
