/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/softhttp.h"

#include "client/http_body.h"
#include "client/pause.h"
#include "tests/fuzz.h"

struct http {
    char *base;
};

static struct span answers, body;
static struct softhttp_asked asked[SOFTHTTP_ASKED_MAX];
static size_t n_asked;

void
softhttp_start(struct span text)
{
    answers = text;
    body = (struct span){0};
}

size_t
softhttp_n_asked(void)
{
    return n_asked;
}

const struct softhttp_asked *
softhttp_asked(size_t i)
{
    return &asked[i];
}

struct span
softhttp_body(void)
{
    return body;
}

void
softhttp_end(void)
{
    for (size_t i = 0; i < n_asked; i++)
        free(asked[i].url);
    n_asked = 0;
}

enum rc
http_new(struct http **ret, const char *base, const struct http_options *options, struct why *why)
{
    struct http *http = calloc(1, sizeof *http);

    (void)options;
    (void)why;
    assert(http);
    http->base = strdup(base);
    assert(http->base);
    *ret = http;
    return RC_OK;
}

void
http_free(struct http *http)
{
    if (!http)
        return;

    free(http->base);
    free(http);
}

const char *
http_base(const struct http *http)
{
    return http->base;
}

enum rc
http_disconnect(struct http *http, struct why *why)
{
    (void)http;
    (void)why;
    return RC_OK;
}

void
http_again(const struct http_request *request)
{
    (void)request;
}

/* Nobody waits for servers that are not there. */
int64_t
pause_clock_ms(void)
{
    return 0;
}

int64_t
pause_backoff_ms(int n, int64_t max_ms)
{
    return n < max_ms ? n : max_ms;
}

void
pause_between(int64_t least_ms, int64_t most_ms)
{
    (void)least_ms;
    (void)most_ms;
}

void
pause_about(int64_t ms)
{
    (void)ms;
}

/* Lines up to an empty one; the status is in the first. */
static void
take_head(struct http_response *response, struct span *rest)
{
    while (rest->len > 0 && *rest->p != '\n') {
        const uint8_t *end = memchr(rest->p, '\n', rest->len);
        size_t len = end ? (size_t)(end - rest->p) + 1 : rest->len;
        struct span line = {rest->p, len};

        enum rc rc = http_response_take(response, line);
        assert(!rc);
        if (span_starts(line, SPAN("HTTP/1.1 "))) {
            struct span number = {line.p + 9, line.len - 9};
            response->status = (long)(fuzz_number(&number) % 1000);
        }
        *rest = (struct span){rest->p + len, rest->len - len};
    }
    if (rest->len > 0)
        *rest = (struct span){rest->p + 1, rest->len - 1};
}

/* The server takes all of it. */
static enum rc
send_content(const struct http_request *request, struct why *why)
{
    struct http_body sent = {request->content, request->sent, 0};
    size_t len = request->content ? 1 : 0;
    uint8_t piece[64];
    enum rc rc = RC_OK;

    while (!rc && len > 0)
        rc = http_body_next(&sent, piece, sizeof piece, &len, why);
    return rc;
}

enum rc
http_send(struct http_response *ret, struct http *http, const struct http_request *request,
    struct why *why)
{
    struct http_response response = {.body = BYTES_INIT(request->max_bytes)};
    bool is_whole = request->path[0] != '/';
    char *url = NULL;

    int len = asprintf(&url, "%s%s", is_whole ? "" : http->base, request->path);
    assert(len > 0 && n_asked < SOFTHTTP_ASKED_MAX);
    asked[n_asked++] = (struct softhttp_asked){url, request->authorization || request->body.len};
    if (request->authorization)
        assert(!strpbrk(request->authorization, "\r\n"));

    enum rc rc = send_content(request, why);
    if (rc)
        return rc;

    if (answers.len == 0)
        return fail(why, RC_NETWORK, "no answer");

    struct span rest = fuzz_part(&answers);
    take_head(&response, &rest);
    body = rest;
    bytes_put(&response.body, rest);
    if (bytes_check(&response.body, NULL)) {
        http_response_done(&response);
        return fail(why, RC_NETWORK, "too large");
    }

    *ret = response;
    return RC_OK;
}
