/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http.h"

#include <stdio.h>

#include "client/http_exchange.h"
#include "client/pause.h"
#include "client/url.h"
#include "proto/bounds.h"

struct http {
    struct http_server server;
};

static enum rc
copy(char **ret, const char *text, struct why *why)
{
    if (!text)
        return RC_OK;

    *ret = strdup(text);
    return *ret ? RC_OK : fail_memory(why);
}

static enum rc
set_up(struct http_server *server, const char *base, const struct http_options *options,
    struct why *why)
{
    enum rc rc = copy(&server->unix_socket, options->unix_socket, why);
    if (!rc)
        rc = url_parse(&server->base, base, why);
    if (!rc)
        rc = http_server_check(server, &server->base, why);
    if (rc)
        return rc;

    if (strchr(base, '?') || base[strlen(base) - 1] == '/')
        return fail(
            why, RC_MALFORMED, "'%.200s': a server has no query and no '/' at its end", base);

    rc = copy(&server->ca_dir, options->certs.dir, why);
    return rc ? rc : certs_load(&server->certs, &options->certs, why);
}

enum rc
http_new(struct http **ret, const char *base, const struct http_options *options, struct why *why)
{
    closing(http_freep) struct http *http = calloc(1, sizeof *http);
    if (!http)
        return fail_memory(why);

    http->server = (struct http_server){
        .curl = curl_easy_init(),
        .certs = CERTS_INIT,
        .is_verify_off = options->is_verify_off,
        .is_plain_allowed = options->is_plain_allowed,
        .is_insecure = options->is_insecure,
        .is_drip_fine = options->is_drip_fine,
        .is_verbose = options->is_verbose,
        .idle_timeout_s = options->idle_timeout_s ? options->idle_timeout_s : HTTP_IDLE_TIMEOUT_S,
        .timeout_s = options->timeout_s ? options->timeout_s : HTTP_TIMEOUT_S,
    };
    if (!http->server.curl)
        return fail_memory(why);

    enum rc rc = set_up(&http->server, base, options, why);
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

    curl_easy_cleanup(http->server.curl);
    certs_done(&http->server.certs);
    url_done(&http->server.base);
    free(http->server.ca_dir);
    free(http->server.unix_socket);
    free(http);
}

const char *
http_base(const struct http *http)
{
    return http->server.base.text;
}

enum rc
http_disconnect(struct http *http, struct why *why)
{
    CURL *fresh = curl_easy_init();
    if (!fresh)
        return fail_memory(why);

    curl_easy_cleanup(http->server.curl);
    http->server.curl = fresh;
    return RC_OK;
}

/* One request to one place: the answer may be a redirect. */
static enum rc
ask(struct http_response *ret, struct http_exchange *x, struct why *why)
{
    enum rc rc = RC_NETWORK;

    if (!http_server_check(x->server, x->url, why))
        rc = http_exchange_run(x, why);
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

/* *ret_is_broken: the connection broke. */
static enum rc
send_and_follow(struct http_response *ret, bool *ret_is_broken, struct http *http,
    const struct http_request *request, const char *text, struct why *why)
{
    closing(url_done) struct url first = {0}, place = {0};

    enum rc rc = url_parse(&first, text, why);
    if (!rc)
        rc = url_parse(&place, text, why);
    if (rc)
        return rc;

    for (int n = 0; n <= HTTP_REDIRECTS_MAX; n++) {
        closing(http_response_done) struct http_response response = {0};
        struct http_exchange x = {
            .server = &http->server,
            .request = request,
            .url = &place,
            .is_trusted = !request->is_elsewhere && url_is_same_origin(&place, &first),
            .response.body = BYTES_INIT(request->max_bytes),
        };

        rc = ask(&response, &x, why);
        *ret_is_broken = x.is_broken;
        if (rc)
            return n == 0 ? rc : within(why, rc, "%.160s sends us on", first.text);

        if (!request->is_redirect_followed || !is_redirect(&response)) {
            *ret = response;
            response = (struct http_response){0};
            return RC_OK;
        }

        rc = follow(&place, &response, why);
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

static bool
is_repeatable(const struct http_request *request)
{
    return request->is_repeatable || !strcmp(request->method, "GET") ||
           !strcmp(request->method, "HEAD");
}

void
http_again(const struct http_request *request)
{
    const struct http_watch *watches[] = {request->sent, request->received};

    for (size_t i = 0; i < N_ELEMENTS(watches); i++)
        if (watches[i] && watches[i]->again)
            watches[i]->again(watches[i]->data);
}

enum rc
http_send(struct http_response *ret, struct http *http, const struct http_request *request,
    struct why *why)
{
    int attempts = is_repeatable(request) ? HTTP_ATTEMPTS_MAX : 1;
    closing(freep) char *text = NULL;

    const char *base = request->path[0] == '/' ? http->server.base.text : "";
    if (asprintf(&text, "%s%s", base, request->path) < 0)
        return fail_memory(why);

    for (int n = 1;; n++) {
        closing(http_response_done) struct http_response response = {0};
        bool is_broken = false;

        enum rc rc = send_and_follow(&response, &is_broken, http, request, text, why);
        if (rc && (!is_broken || n == attempts))
            return rc;

        if (!rc && (n == attempts || !is_passing(&response))) {
            *ret = response;
            response = (struct http_response){0};
            return RC_OK;
        }

        /* What broke is tried again at once: it may have been a connection that was kept too long.
         * Else half of the wait is by chance. */
        int64_t wait_ms = response.retry_after_s * INT64_C(1000);
        pause_about(2 * (wait_ms ? wait_ms : HTTP_RETRY_MS * (is_broken ? n - 1 : n)));
        http_again(request);
    }
}
