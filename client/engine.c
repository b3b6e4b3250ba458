/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/engine_endpoint.h"
#include "client/engine_login.h"
#include "client/engine_stream.h"
#include "client/refusal.h"
#include "client/url.h"
#include "proto/bounds.h"
#include "proto/members.h"

/* Versions of the API, 1.N */
#define API_MAX      52 /* the newest that we know */
#define API_PLATFORM 46 /* has platforms of a push */

#define PLATFORM_INIT BYTES_INIT(256) /* real ones take 60 bytes */

struct engine {
    struct engine_endpoint endpoint;
    struct http *http;
    int64_t api; /* 1.N; 0: not asked yet */
};

enum rc
engine_new(struct engine **ret, bool is_verbose, struct why *why)
{
    closing(engine_freep) struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return fail_memory(why);

    enum rc rc = engine_endpoint_find(&engine->endpoint, why);
    if (rc)
        return rc;

    struct http_options options = engine_endpoint_options(&engine->endpoint);
    options.is_verbose = is_verbose;
    options.idle_timeout_s = ENGINE_IDLE_TIMEOUT_S;
    options.is_drip_fine = true; /* what it tells is short, and long in coming */
    rc = http_new(&engine->http, engine->endpoint.base, &options, why);
    if (rc)
        return within(
            why, rc, "engine '%s' of %s", engine->endpoint.address, engine->endpoint.origin);

    *ret = steal(engine);
    return RC_OK;
}

void
engine_free(struct engine *engine)
{
    if (!engine)
        return;

    http_free(engine->http);
    engine_endpoint_done(&engine->endpoint);
    free(engine);
}

const char *
engine_address(const struct engine *engine)
{
    return engine->endpoint.address;
}

enum rc
engine_disconnect(struct engine *engine, struct why *why)
{
    return http_disconnect(engine->http, why);
}

/* What keeps us from its socket: an error number; 0: nothing. */
static int
try_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    closing(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address))
        return errno;

    return 0;
}

/* The first request brought no answer: why holds what HTTP makes of it. */
static enum rc
no_engine(const struct engine *engine, struct why *why)
{
    const struct engine_endpoint *endpoint = &engine->endpoint;

    int error = endpoint->socket ? try_socket(endpoint->socket) : 0;
    if (error == EACCES || error == EPERM)
        return fail(why, RC_NETWORK,
            "no right to the engine's socket '%s' (of %s): be of its group, or have the engine's "
            "image saved and use --from docker-archive:FILE",
            endpoint->socket, endpoint->origin);
    if (error)
        return fail(why, RC_NETWORK,
            "no engine at '%s' (of %s): %s; start it, name another one by DOCKER_HOST or "
            "DOCKER_CONTEXT, or push from elsewhere with --from",
            endpoint->address, endpoint->origin, strerror(error));

    return within(why, RC_NETWORK, "engine '%s' of %s", endpoint->address, endpoint->origin);
}

/* An answer that is none that was wanted: {"message":"…"} */
static enum rc
refuse(const struct engine *engine, enum rc rc, const char *what,
    const struct http_response *response, struct why *why)
{
    json_auto_t *body = NULL;
    const char *message = NULL;

    if (!members_parse(&body, bytes_span(&response->body), NULL))
        message = json_string_value(json_object_get(body, "message"));

    return message
               ? fail(why, rc, "engine '%s': %s: %.400s", engine->endpoint.address, what, message)
               : fail(why, rc, "engine '%s': %s: it answers %ld", engine->endpoint.address, what,
                     response->status);
}

/* "1.41", of which we speak what both know. */
static enum rc
choose_api(struct engine *engine, const struct http_response *response, struct why *why)
{
    const char *version = response->api_version ? response->api_version : "";
    int64_t minor = 0;

    enum rc rc = strncmp(version, "1.", 2) != 0
                     ? RC_MALFORMED
                     : integer_parse(&minor, span_of(version + 2), 1, 999, NULL);
    if (response->status != 200 || rc)
        return fail(why, RC_NETWORK,
            "what answers at '%s' (of %s) is no Docker Engine: status %ld, Api-Version '%.32s'",
            engine->endpoint.address, engine->endpoint.origin, response->status, version);

    engine->api = minor < API_MAX ? minor : API_MAX;
    return RC_OK;
}

static enum rc
prepare(struct engine *engine, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};

    if (engine->api)
        return RC_OK;

    enum rc rc = http_send(&response, engine->http,
        &(struct http_request){
            .method = "GET",
            .path = "/_ping",
            .max_bytes = HTTP_ERROR_MAX_BYTES,
        },
        why);
    if (rc)
        return rc == RC_NETWORK ? no_engine(engine, why) : rc;

    return choose_api(engine, &response, why);
}

/* "/v1.41/images/NAME" and what is to be done with it. */
static void
put_path(struct bytes *path, const struct engine *engine, const char *name, const char *what)
{
    bytes_printf(path, "/v1.%d/images/", (int)engine->api);
    url_put_escaped(path, name, "/:@");
    bytes_puts(path, what);
}

static enum rc
ask(struct http_response *ret, struct engine *engine, const char *method, struct bytes *path,
    struct why *why)
{
    enum rc rc = bytes_check(path, why);
    if (!rc)
        rc = http_send(ret, engine->http,
            &(struct http_request){
                .method = method,
                .path = bytes_text(path),
                .max_bytes = ENGINE_ANSWER_MAX_BYTES,
            },
            why);

    return rc ? within(why, rc, "engine '%s'", engine->endpoint.address) : RC_OK;
}

static bool
is_word(const char *text, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

    return len > 0 && strspn(text, allowed) >= len;
}

/* "linux/arm64/v8" as the API wants it; NULL is nothing. */
static enum rc
format_platform(
    struct bytes *json, const struct engine *engine, const char *platform, struct why *why)
{
    static const char *const names[] = {"os", "architecture", "variant"};
    const char *rest = platform;
    size_t n = 0;

    if (!platform)
        return RC_OK;

    if (engine->api < API_PLATFORM)
        return fail(why, RC_UNSUPPORTED,
            "engine '%s' has version 1.%d of the API and pushes no single platform, which begins "
            "with 1.%d: leave --platform away, or have the image saved and use --from",
            engine->endpoint.address, (int)engine->api, API_PLATFORM);

    for (; rest && n < N_ELEMENTS(names); n++) {
        size_t len = strcspn(rest, "/");
        if (!is_word(rest, len))
            break;

        bytes_printf(json, "%s\"%s\":\"%.*s\"", n ? "," : "{", names[n], (int)len, rest);
        rest = rest[len] ? rest + len + 1 : NULL;
    }
    if (rest || n < 2)
        return fail(
            why, RC_MALFORMED, "platform '%.80s': want OS/ARCHITECTURE[/VARIANT]", platform);

    bytes_puts(json, "}");
    return bytes_check(json, why);
}

enum rc
engine_find_image(struct engine *engine, const char *name, const char *platform, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes path = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(bytes_done) struct bytes json = PLATFORM_INIT;

    enum rc rc = prepare(engine, why);
    if (!rc)
        rc = format_platform(&json, engine, platform, why);
    if (rc)
        return rc;

    put_path(&path, engine, name, "/json");
    rc = ask(&response, engine, "GET", &path, why);
    if (rc)
        return rc;

    if (response.status == 404)
        return fail(why, RC_NOT_FOUND,
            "engine '%s' has no image '%.300s': build or tag it, or name where it is with --from",
            engine->endpoint.address, name);

    return response.status == 200 ? RC_OK : refuse(engine, RC_NETWORK, name, &response, why);
}

enum rc
engine_tag(struct engine *engine, const char *name, const char *repository, const char *tag,
    struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes path = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);

    enum rc rc = prepare(engine, why);
    if (rc)
        return rc;

    put_path(&path, engine, name, "/tag?repo=");
    url_put_escaped(&path, repository, "/:");
    bytes_puts(&path, "&tag=");
    url_put_escaped(&path, tag, "");
    rc = ask(&response, engine, "POST", &path, why);
    if (rc || response.status == 201)
        return rc;

    return refuse(engine, response.status == 404 ? RC_NOT_FOUND : RC_NETWORK, name, &response, why);
}

enum rc
engine_untag(struct engine *engine, const char *repository, const char *tag, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes path = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(freep) char *name = NULL;

    if (asprintf(&name, "%s:%s", repository, tag) < 0)
        return fail_memory(why);

    enum rc rc = prepare(engine, why);
    if (rc)
        return rc;

    put_path(&path, engine, name, "?noprune=1");
    rc = ask(&response, engine, "DELETE", &path, why);
    if (rc || response.status == 200 || response.status == 404)
        return rc;

    return refuse(engine, RC_NETWORK, name, &response, why);
}

static enum rc
push_path(
    struct bytes *ret, const struct engine *engine, const struct engine_push *push, struct why *why)
{
    closing(bytes_done) struct bytes json = PLATFORM_INIT;

    enum rc rc = format_platform(&json, engine, push->platform, why);
    if (rc)
        return rc;

    put_path(ret, engine, push->repository, "/push?tag=");
    url_put_escaped(ret, push->tag, "");
    if (json.len > 0) {
        bytes_puts(ret, "&platform=");
        url_put_escaped(ret, bytes_text(&json), "");
    }
    return bytes_check(ret, why);
}

/* What to do about what the engine met at the registry, with its own connection and its own idea of
 * whom to trust. */
static enum rc
advise(const struct engine_push *push, struct why *why)
{
    static const struct {
        const char *said, *remedy;
    } advices[] = {
        {"no basic auth", "log in: docker login"},
        {"unauthorized", "log in as somebody who may push: docker login"},
        {"authentication required", "log in as somebody who may push: docker login"},
        {"denied", "log in as somebody who may push: docker login"},
        {"HTTP response to HTTPS", "see insecure-registries in the engine's daemon.json, for"},
        {"x509:", "the engine looks for authorities by itself: give it a ca.crt in certs.d for"},
        {"dial tcp", "the engine makes its own connection: see from where it runs to"},
    };
    struct why said = *why;

    for (size_t i = 0; i < N_ELEMENTS(advices); i++)
        if (strstr(said.text, advices[i].said))
            return fail(
                why, RC_NETWORK, "%.560s; %s %.100s", said.text, advices[i].remedy, push->host);

    closing(http_response_done) struct http_response response = {
        .body = BYTES_INIT(HTTP_ERROR_MAX_BYTES)};
    bytes_puts(&response.body, said.text);
    const struct refusal *refusal = refusal_find(&response, &(struct http_error){0});
    return refusal ? fail(why, refusal->rc, "%.560s; %s", said.text, refusal->remedy) : RC_NETWORK;
}

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    return engine_stream_put(data, piece, why);
}

enum rc
engine_push(
    struct digest *ret, struct engine *engine, const struct engine_push *push, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(engine_stream_freep) struct engine_stream *stream = NULL;
    closing(bytes_done) struct bytes path = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(bytes_wipe) struct bytes login = BYTES_INIT(ENGINE_LOGIN_MAX_BYTES);

    enum rc rc = prepare(engine, why);
    if (!rc)
        rc = push_path(&path, engine, push, why);
    if (!rc)
        rc = engine_login_format(&login, push->credentials, push->host, why);
    if (!rc)
        rc = engine_stream_new(&stream, push->tag, push->listener, why);
    if (rc)
        return rc;

    const struct http_header header = {"X-Registry-Auth", bytes_text(&login)};
    const struct http_watch received = {.piece = on_piece, .data = stream};
    rc = http_send(&response, engine->http,
        &(struct http_request){
            .method = "POST",
            .path = bytes_text(&path),
            .received = &received,
            .headers = &header,
            .n_headers = 1,
            .max_bytes = ENGINE_ANSWER_MAX_BYTES,
        },
        why);
    if (!rc && response.status != 200)
        return refuse(engine, response.status == 404 ? RC_NOT_FOUND : RC_NETWORK, push->repository,
            &response, why);

    if (!rc)
        rc = engine_stream_end(ret, stream, why);
    if (rc == RC_NETWORK)
        rc = advise(push, why);
    return rc ? within(why, rc, "engine '%s'", engine->endpoint.address) : RC_OK;
}
