/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http.h"

#include <curl/curl.h>
#include <stdio.h>

#include "client/http_failure.h"
#include "client/pause.h"
#include "client/url.h"
#include "proto/bounds.h"

struct http {
    CURL *curl;
    struct url base;
    char *ca_dir; /* for a hint to people; NULL: none */
    struct certs certs;
    bool is_verify_off, is_plain_allowed, is_verbose;
    int idle_timeout_s, timeout_s;
};

/* One request and its answer. */
struct exchange {
    struct http *http;
    const struct http_request *request;
    const struct url *url;
    bool is_trusted; /* the origin that the caller named: gets what identifies us */
    struct http_response response;
    size_t header_bytes;
    enum rc failed; /* why a callback stopped the transfer */
    char error[CURL_ERROR_SIZE];
};

/* Whether this URL may be asked at all. */
static enum rc
check_url(const struct http *http, const struct url *url, struct why *why)
{
    if (url->is_plain && !(http->is_plain_allowed && url_is_loopback(url->authority)))
        return fail(why, RC_MALFORMED,
            "'%.200s': want https://; plain http:// is for loopback only, where it is asked for",
            url->text);

    return RC_OK;
}

static enum rc
set_up(struct http *http, const char *base, const struct http_options *options, struct why *why)
{
    enum rc rc = url_parse(&http->base, base, why);
    if (!rc)
        rc = check_url(http, &http->base, why);
    if (rc)
        return rc;

    if (strchr(base, '?') || base[strlen(base) - 1] == '/')
        return fail(
            why, RC_MALFORMED, "'%.200s': a server has no query and no '/' at its end", base);

    if (options->certs.dir) {
        http->ca_dir = strdup(options->certs.dir);
        if (!http->ca_dir)
            return fail_memory(why);
    }

    return certs_load(&http->certs, &options->certs, why);
}

enum rc
http_new(struct http **ret, const char *base, const struct http_options *options, struct why *why)
{
    closing(http_freep) struct http *http = calloc(1, sizeof *http);
    if (!http)
        return fail_memory(why);

    http->certs = CERTS_INIT;
    http->is_verify_off = options->is_verify_off;
    http->is_plain_allowed = options->is_plain_allowed;
    http->is_verbose = options->is_verbose;
    http->idle_timeout_s = options->idle_timeout_s ? options->idle_timeout_s : HTTP_IDLE_TIMEOUT_S;
    http->timeout_s = options->timeout_s ? options->timeout_s : HTTP_TIMEOUT_S;
    http->curl = curl_easy_init();
    if (!http->curl)
        return fail_memory(why);

    enum rc rc = set_up(http, base, options, why);
    if (rc)
        return rc;

    *ret = steal(http);
    return RC_OK;
}

void
http_free(struct http *http)
{
    if (!http)
        return;

    curl_easy_cleanup(http->curl);
    certs_done(&http->certs);
    url_done(&http->base);
    free(http->ca_dir);
    free(http);
}

const char *
http_base(const struct http *http)
{
    return http->base.text;
}

static size_t
on_body(char *p, size_t size, size_t n, void *userdata)
{
    struct exchange *x = userdata;
    long status = 0;

    curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300 && x->response.body.max < HTTP_ERROR_MAX_BYTES)
        x->response.body.max = HTTP_ERROR_MAX_BYTES;

    bytes_put(&x->response.body, (struct span){(uint8_t *)p, size * n});
    x->failed = x->response.body.failed;
    return x->failed ? 0 : size * n;
}

static size_t
on_header(char *p, size_t size, size_t n, void *userdata)
{
    struct exchange *x = userdata;
    size_t len = size * n;

    x->header_bytes += len;
    x->failed = x->header_bytes > HTTP_HEADERS_MAX_BYTES
                    ? RC_TOO_LARGE
                    : http_response_take(&x->response, (struct span){(uint8_t *)p, len});
    return x->failed ? 0 : len;
}

/* The header lines of a request; they may hold a secret. */
static void
lines_done(struct curl_slist **lines)
{
    for (struct curl_slist *line = *lines; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(*lines);
}

static enum rc
add_line(struct curl_slist **lines, const char *name, const char *value, struct why *why)
{
    closing(bytes_wipe) struct bytes line = BYTES_INIT(SECRET_MAX_BYTES);

    if (!value)
        return RC_OK;

    bytes_printf(&line, "%s: %s", name, value);
    enum rc rc = bytes_check(&line, why);
    if (rc)
        return within(why, rc, "header '%s'", name);

    struct curl_slist *grown = curl_slist_append(*lines, bytes_text(&line));
    if (!grown)
        return fail_memory(why);

    *lines = grown;
    return RC_OK;
}

static enum rc
add_lines(struct curl_slist **lines, const struct exchange *x, struct why *why)
{
    const struct http_request *request = x->request;
    const struct {
        const char *name, *value;
    } all[] = {
        {"Accept", request->accept},
        {"Content-Type", request->content_type},
        {"Authorization", x->is_trusted ? request->authorization : NULL},
        /* notary-server lets proxies keep the newest metadata for five minutes. */
        {"Cache-Control", "no-cache"},
        /* Empty: not sent, so as not to wait a second for servers that never say "100 Continue". */
        {"Expect", ""},
    };

    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        enum rc rc = add_line(lines, all[i].name, all[i].value, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static bool
set_tls(struct exchange *x)
{
    CURL *curl = x->http->curl;
    const struct certs *certs = &x->http->certs;
    bool is_verified = !(x->http->is_verify_off && url_is_loopback(x->url->authority));
    struct curl_blob roots = {certs->roots.p, certs->roots.len, CURL_BLOB_NOCOPY};
    unsigned refused = 0;

    refused |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    refused |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, is_verified ? 1L : 0L);
    refused |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, is_verified ? 2L : 0L);
    refused |= curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    refused |= curl_easy_setopt(curl, CURLOPT_CAPATH, certs->hashed_dir);
    if (roots.len > 0)
        refused |= curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &roots);

    if (certs->cert_file && x->is_trusted) {
        refused |= curl_easy_setopt(curl, CURLOPT_SSLCERT, certs->cert_file);
        refused |= curl_easy_setopt(curl, CURLOPT_SSLKEY, certs->key_file);
        refused |=
            curl_easy_setopt(curl, CURLOPT_KEYPASSWD, ""); /* OpenSSL would ask the terminal */
    }

    return !refused;
}

static bool
set_request(struct exchange *x, struct curl_slist *lines)
{
    CURL *curl = x->http->curl;
    const struct http_request *request = x->request;
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
    if (strcmp(request->method, "GET") != 0) {
        const char *body = request->body.len > 0 ? (const char *)request->body.p : "";
        refused |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        refused |=
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        refused |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    }

    return !refused;
}

static bool
set_transport(struct exchange *x)
{
    CURL *curl = x->http->curl;
    unsigned refused = 0;

    refused |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error);
    refused |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    refused |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, x->url->is_plain ? "http" : "https");
    refused |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    refused |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_TIMEOUT_S);
    refused |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    refused |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)x->http->idle_timeout_s);
    refused |= curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)x->http->timeout_s);
    if (url_is_loopback(x->url->authority))
        refused |= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");

    return !refused;
}

/* Why there is no answer. */
static enum rc
explain(const struct exchange *x, CURLcode code, struct why *why)
{
    bool is_too_large = x->failed == RC_TOO_LARGE;
    bool is_head = x->header_bytes > HTTP_HEADERS_MAX_BYTES;

    if (x->failed && !is_too_large)
        return fail_memory(why);

    const struct http_failure failure = {
        .curl = x->http->curl,
        .code = code,
        .error = x->error,
        .url = x->url,
        .ca_dir = x->http->ca_dir,
        .has_certificate = x->http->certs.cert_file != NULL,
        .too_large = !is_too_large           ? RC_OK
                     : x->request->too_large ? x->request->too_large
                                             : RC_NETWORK,
        .max_bytes = is_head ? HTTP_HEADERS_MAX_BYTES : x->response.body.max,
        .is_head = is_head,
        .idle_timeout_s = x->http->idle_timeout_s,
        .timeout_s = x->http->timeout_s,
    };
    return http_failure(&failure, why);
}

static void
tell(const struct exchange *x, CURLcode code)
{
    double seconds = 0;

    curl_easy_getinfo(x->http->curl, CURLINFO_TOTAL_TIME, &seconds);
    fprintf(stderr, "%s %s: %ld, %.0f ms\n", x->request->method, x->url->text,
        code ? 0 : x->response.status, seconds * 1000);
}

static enum rc
perform(struct exchange *x, struct why *why)
{
    closing(lines_done) struct curl_slist *lines = NULL;

    enum rc rc = add_lines(&lines, x, why);
    if (rc)
        return rc;

    curl_easy_reset(x->http->curl); /* keeps connections and TLS sessions */
    if (!set_transport(x) || !set_tls(x) || !set_request(x, lines))
        return fail(why, RC_SYSTEM, "libcurl refuses an option: %s", curl_version());

    CURLcode code = curl_easy_perform(x->http->curl);
    if (code == CURLE_PEER_FAILED_VERIFICATION && !x->http->certs.is_complete) {
        rc = certs_complete(&x->http->certs, why);
        if (rc)
            return rc;

        code = set_tls(x) ? curl_easy_perform(x->http->curl) : CURLE_OUT_OF_MEMORY;
    }

    curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &x->response.status);
    if (x->http->is_verbose)
        tell(x, code);

    return code ? explain(x, code, why) : RC_OK;
}

/* One request to one place: the answer may be a redirect. */
static enum rc
ask(struct http_response *ret, struct exchange *x, struct why *why)
{
    enum rc rc = check_url(x->http, x->url, why) ? RC_NETWORK : perform(x, why);
    if (rc)
        http_response_done(&x->response);
    else
        *ret = x->response;
    return rc;
}

static bool
is_redirect(const struct http_response *response)
{
    long status = response->status;

    return response->location &&
           ((status >= 301 && status <= 303) || status == 307 || status == 308);
}

/* Go from *url to where the answer sends us. */
static enum rc
follow(struct url *url, const struct http_response *response, struct why *why)
{
    closing(url_done) struct url next = {0};

    enum rc rc = url_resolve(&next, url, response->location, why);
    if (rc)
        return within(why, RC_NETWORK, "%.160s: redirect", url->text);

    if (next.is_plain && !url->is_plain)
        return fail(
            why, RC_NETWORK, "%.160s: redirect from https:// to '%.160s'", url->text, next.text);

    struct url left = *url;
    *url = next;
    next = left;
    return RC_OK;
}

static enum rc
send_and_follow(struct http_response *ret, struct http *http, const struct http_request *request,
    struct url *url, struct why *why)
{
    closing(url_done) struct url first = {0};

    enum rc rc = url_parse(&first, url->text, why);
    if (rc)
        return rc;

    for (int n = 0; n <= HTTP_REDIRECTS_MAX; n++) {
        closing(http_response_done) struct http_response response = {0};
        struct exchange x = {
            .http = http,
            .request = request,
            .url = url,
            .is_trusted = url_is_same_origin(url, &first),
            .response.body = BYTES_INIT(request->max_bytes),
        };

        rc = ask(&response, &x, why);
        if (rc)
            return n == 0 ? rc : within(why, rc, "%.160s sends us on", first.text);

        if (!request->is_redirect_followed || !is_redirect(&response)) {
            *ret = response;
            response = (struct http_response){0};
            return RC_OK;
        }

        rc = follow(url, &response, why);
        if (rc)
            return rc;
    }

    return fail(why, RC_NETWORK, "%.200s: more than %d redirects; whoever runs it must mend that",
        first.text, HTTP_REDIRECTS_MAX);
}

/* What passes by itself: too many requests, or a server that restarts behind its proxy. */
static bool
is_passing(const struct http_response *response)
{
    long status = response->status;

    return (status == 429 || (status >= 502 && status <= 504)) &&
           response->retry_after_s <= HTTP_RETRY_MAX_S;
}

enum rc
http_send(struct http_response *ret, struct http *http, const struct http_request *request,
    struct why *why)
{
    bool is_repeatable = !strcmp(request->method, "GET");
    closing(freep) char *text = NULL;

    const char *base = request->path[0] == '/' ? http->base.text : "";
    if (asprintf(&text, "%s%s", base, request->path) < 0)
        return fail_memory(why);

    for (int n = 1;; n++) {
        closing(http_response_done) struct http_response response = {0};
        closing(url_done) struct url url = {0};

        enum rc rc = url_parse(&url, text, why);
        if (!rc)
            rc = send_and_follow(&response, http, request, &url, why);
        if (rc)
            return rc;

        if (!is_repeatable || n == HTTP_ATTEMPTS_MAX || !is_passing(&response)) {
            *ret = response;
            response = (struct http_response){0};
            return RC_OK;
        }

        int64_t wait_ms = response.retry_after_s * INT64_C(1000);
        pause_about(2 * (wait_ms ? wait_ms : HTTP_RETRY_MS * n)); /* half of it is by chance */
    }
}
