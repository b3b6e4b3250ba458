/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_exchange.h"

#include <stdio.h>

#include "client/http_failure.h"
#include "client/http_lines.h"
#include "client/pause.h"
#include "proto/bounds.h"

/* Whether TLS may be left away, or unverified, in talking to this host. */
static bool
is_lax_with(const struct http_server *server, const struct url *url)
{
    bool is_same_host = !strcasecmp(url->host, server->base.host);

    return url_is_loopback(url->authority) || (server->is_insecure && is_same_host);
}

enum rc
http_server_check(const struct http_server *server, const struct url *url, struct why *why)
{
    bool is_plain_fine =
        server->unix_socket || (server->is_plain_allowed && is_lax_with(server, url));

    if (url->is_plain && !is_plain_fine)
        return fail(why, RC_MALFORMED,
            "'%.200s': want https://; plain http:// is for loopback only, where it is asked for",
            url->text);

    return RC_OK;
}

/* A piece of a body that does not stay in memory; who takes it sees that it is not too much. */
static enum rc
pass_on(struct http_exchange *x, struct span piece)
{
    const struct http_watch *watch = x->request->received;

    return watch->piece ? watch->piece(watch->data, piece, x->why) : RC_OK;
}

static enum rc
keep(struct http_exchange *x, long status, struct span piece)
{
    struct bytes *body = &x->response.body;

    if (status >= 300 && body->max < HTTP_ERROR_MAX_BYTES)
        body->max = HTTP_ERROR_MAX_BYTES;

    bytes_put(body, piece);
    x->is_too_large = body->failed == RC_TOO_LARGE;
    return bytes_check(body, x->why);
}

static size_t
on_body(char *p, size_t size, size_t n, void *userdata)
{
    struct http_exchange *x = userdata;
    const struct span piece = {(uint8_t *)p, size * n};
    long status = 0;

    curl_easy_getinfo(x->server->curl, CURLINFO_RESPONSE_CODE, &status);
    bool is_passed_on = x->request->received && status >= 200 && status < 300;
    x->failed = is_passed_on ? pass_on(x, piece) : keep(x, status, piece);
    return x->failed ? 0 : piece.len;
}

static size_t
on_header(char *p, size_t size, size_t n, void *userdata)
{
    struct http_exchange *x = userdata;
    size_t len = size * n;

    x->header_bytes += len;
    x->is_too_large = x->header_bytes > HTTP_HEADERS_MAX_BYTES;
    if (x->is_too_large)
        x->failed = RC_TOO_LARGE;
    else if (http_response_take(&x->response, (struct span){(uint8_t *)p, len}))
        x->failed = fail_memory(x->why);
    return x->failed ? 0 : len;
}

static size_t
on_read(char *p, size_t size, size_t n, void *userdata)
{
    struct http_exchange *x = userdata;
    size_t len = 0;

    x->failed = http_body_next(&x->body, (uint8_t *)p, size * n, &len, x->why);
    return x->failed ? CURL_READFUNC_ABORT : len;
}

/* Asked for where a connection that was kept broke: libcurl would send everything again by itself,
 * and a registry that has a part of a chunk already would append it. */
static int
on_seek(void *userdata, curl_off_t offset, int origin)
{
    struct http_exchange *x = userdata;

    if (offset != 0 || origin != SEEK_SET || !x->request->is_repeatable)
        return CURL_SEEKFUNC_FAIL;

    http_body_rewind(&x->body);
    return CURL_SEEKFUNC_OK;
}

/*
 * Called every second, and oftener. libcurl's own limit on the speed has one measure for all, but a
 * registry that has got a blob works on it in silence, and a body that comes by single bytes is no
 * progress.
 */
static int
on_progress(void *userdata, curl_off_t unused, curl_off_t in, curl_off_t unused_too, curl_off_t out)
{
    struct http_exchange *x = userdata;
    const struct http_request *request = x->request;
    int64_t now_ms = pause_clock_ms(), limit_s = x->server->idle_timeout_s;
    bool is_body_sent = !request->content || http_body_is_sent(&x->body);
    bool is_bulk = (request->content || request->received) && !x->server->is_drip_fine;
    bool is_work = is_body_sent && x->header_bytes == 0 &&
                   (request->content || !strcmp(request->method, "PUT"));
    int64_t moved = in + out + (int64_t)x->header_bytes;
    curl_off_t connected_us = 0;

    (void)unused;
    (void)unused_too;
    curl_easy_getinfo(x->server->curl, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    int64_t least = is_bulk && !is_work ? HTTP_RATE_MIN * limit_s : 1;
    if (x->moved_at_ms == 0 || connected_us == 0 || moved < x->moved || moved - x->moved >= least) {
        x->moved = moved;
        x->moved_at_ms = now_ms;
        return 0;
    }

    if (is_work && limit_s < HTTP_WORK_TIMEOUT_S)
        limit_s = HTTP_WORK_TIMEOUT_S;
    if (now_ms - x->moved_at_ms < limit_s * 1000)
        return 0;

    x->hangs = moved == x->moved ? "nothing came for" : "too little came for";
    return 1;
}

static bool
set_tls(struct http_exchange *x)
{
    CURL *curl = x->server->curl;
    const struct certs *certs = &x->server->certs;
    bool is_verified = !(x->server->is_verify_off && is_lax_with(x->server, x->url));
    struct curl_blob roots = {certs->roots.p, certs->roots.len, CURL_BLOB_NOCOPY};
    unsigned refused = 0;

    refused |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    refused |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, is_verified ? 1L : 0L);
    refused |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, is_verified ? 2L : 0L);
    refused |= curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    refused |= curl_easy_setopt(curl, CURLOPT_CAPATH, certs->hashed_dir);
    if (roots.len > 0)
        refused |= curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &roots);

    /* As whom we come is for the server itself, and for a realm that is told a password as well. */
    bool is_told = url_is_same_origin(x->url, &x->server->base) || x->request->authorization;
    if (certs->cert_file && x->is_trusted && is_told) {
        refused |= curl_easy_setopt(curl, CURLOPT_SSLCERT, certs->cert_file);
        refused |= curl_easy_setopt(curl, CURLOPT_SSLKEY, certs->key_file);
        refused |=
            curl_easy_setopt(curl, CURLOPT_KEYPASSWD, ""); /* OpenSSL would ask the terminal */
    }

    return !refused;
}

/* The method, and the body where there is one. */
static bool
set_method(struct http_exchange *x)
{
    CURL *curl = x->server->curl;
    const struct http_request *request = x->request;
    const struct span body = request->body.len > 0 ? request->body : SPAN("");

    if (!strcmp(request->method, "GET"))
        return true;
    if (!strcmp(request->method, "HEAD"))
        return !curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);

    unsigned refused = 0;
    if (request->content) {
        refused |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        refused |=
            curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->content->size);
        refused |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        refused |= curl_easy_setopt(curl, CURLOPT_READDATA, x);
        refused |= curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        refused |= curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
    } else {
        refused |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.p);
        refused |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    }
    refused |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);

    return !refused;
}

static bool
set_request(struct http_exchange *x, struct curl_slist *lines)
{
    CURL *curl = x->server->curl;
    unsigned refused = 0;

    refused |= curl_easy_setopt(curl, CURLOPT_URL, x->url->text);
    refused |= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    refused |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    refused |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "countersign/" COUNTERSIGN_VERSION);
    refused |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    refused |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    refused |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    refused |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    refused |= curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    return !refused && set_method(x);
}

static bool
set_transport(struct http_exchange *x)
{
    CURL *curl = x->server->curl;
    const struct http_server *server = x->server;
    bool is_bulk = x->request->content || x->request->received;
    unsigned refused = 0;

    refused |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error);
    refused |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    refused |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, x->url->is_plain ? "http" : "https");
    refused |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    refused |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_TIMEOUT_S);
    refused |= curl_easy_setopt(curl, CURLOPT_TIMEOUT, is_bulk ? 0L : (long)server->timeout_s);
    refused |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    refused |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    refused |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    refused |= curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, server->unix_socket);
    if (server->unix_socket || url_is_loopback(x->url->authority))
        refused |= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");

    return !refused;
}

/* Whether what went wrong is a connection that broke, and not one that cannot be made: but who has
 * answered before may be just starting anew. */
static bool
is_break(const struct http_exchange *x, CURLcode code)
{
    switch ((int)code) {
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return true;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        return x->server->has_answered;
    default:
        return false;
    }
}

/* How much of the URL people may see: where others send us there may be a secret in the query, as
 * storage has its signatures there. */
static size_t
shown_len(const struct http_exchange *x)
{
    return x->is_trusted ? strlen(x->url->text) : strcspn(x->url->text, "?");
}

/* Why there is no answer. */
static enum rc
explain(struct http_exchange *x, CURLcode code, struct why *why)
{
    const struct http_server *server = x->server;
    bool is_head = x->header_bytes > HTTP_HEADERS_MAX_BYTES;
    double seconds = 0;

    if (x->failed && !x->is_too_large)
        return x->failed;

    /* libcurl's timer counts milliseconds, and may end some before the time is up. */
    curl_easy_getinfo(server->curl, CURLINFO_TOTAL_TIME, &seconds);
    bool is_whole = code == CURLE_OPERATION_TIMEDOUT && seconds >= server->timeout_s - 0.1;

    closing(freep) char *text = strndup(x->url->text, shown_len(x));
    struct url shown = *x->url;
    if (!text)
        return fail_memory(why);

    shown.text = text;
    x->is_broken = !x->failed && !x->hangs && is_break(x, code);
    if (code == CURLE_SEND_FAIL_REWIND)
        code = CURLE_GOT_NOTHING; /* which was why */
    const struct http_failure failure = {
        .curl = server->curl,
        .code = x->hangs ? CURLE_OPERATION_TIMEDOUT : code,
        .error = x->error,
        .url = &shown,
        .ca_dir = server->ca_dir,
        .unix_socket = server->unix_socket,
        .has_certificate = server->certs.cert_file != NULL,
        .too_large = !x->is_too_large        ? RC_OK
                     : x->request->too_large ? x->request->too_large
                                             : RC_NETWORK,
        .max_bytes = is_head ? HTTP_HEADERS_MAX_BYTES : x->response.body.max,
        .is_head = is_head,
        .hangs = is_whole ? "its answer takes more than" : x->hangs,
        .seconds = is_whole ? server->timeout_s : (int)((pause_clock_ms() - x->moved_at_ms) / 1000),
    };
    return http_failure(&failure, why);
}

static void
tell(const struct http_exchange *x, CURLcode code)
{
    double seconds = 0;

    curl_easy_getinfo(x->server->curl, CURLINFO_TOTAL_TIME, &seconds);
    fprintf(stderr, "%s %.*s: %ld, %.0f ms\n", x->request->method, (int)shown_len(x), x->url->text,
        code ? 0 : x->response.status, seconds * 1000);
}

enum rc
http_exchange_run(struct http_exchange *x, struct why *why)
{
    closing(http_lines_done) struct curl_slist *lines = NULL;
    struct http_server *server = x->server;

    enum rc rc = http_lines_make(&lines, x->request, x->is_trusted, why);
    if (rc)
        return rc;

    x->why = why;
    x->body = (struct http_body){.content = x->request->content, .watch = x->request->sent};
    curl_easy_reset(server->curl); /* keeps connections and TLS sessions */
    if (!set_transport(x) || !set_tls(x) || !set_request(x, lines))
        return fail(why, RC_SYSTEM, "libcurl refuses an option: %s", curl_version());

    CURLcode code = curl_easy_perform(server->curl);
    if (code == CURLE_PEER_FAILED_VERIFICATION && !server->certs.is_complete) {
        rc = certs_complete(&server->certs, why);
        if (rc)
            return rc;

        code = set_tls(x) ? curl_easy_perform(server->curl) : CURLE_OUT_OF_MEMORY;
    }

    curl_easy_getinfo(server->curl, CURLINFO_RESPONSE_CODE, &x->response.status);
    if (server->is_verbose)
        tell(x, code);
    if (code)
        return explain(x, code, why);

    server->has_answered = true;
    return RC_OK;
}
