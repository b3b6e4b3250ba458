/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry_manifest.h"

#include <stdio.h>

#include "client/http_error.h"
#include "client/manifest.h"
#include "client/pause.h"
#include "proto/bounds.h"

/* An answer that is not the manifest. */
static enum rc
refuse(struct registry *registry, const struct http_response *response, const char *path,
    const char *reference, struct why *why)
{
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    struct http_error error;
    struct registry_link link;

    http_error_read(&error, response);
    if (response->status == 404 && *error.code)
        return fail(why, RC_NOT_FOUND,
            "'%s/%s' has no '%s': %s; push the image first, and check the spelling",
            registry_host(registry), path, reference, error.text);

    enum rc rc = registry_reach(&link, registry, why);
    if (rc)
        return rc;

    if (response->status == 404)
        return fail(why, RC_NETWORK,
            "%s: there is no registry here: %s; check the host in the name of the image",
            http_base(link.http), error.text);

    bytes_printf(&what, "'%s' of '%s'", reference, path);
    return registry_refused(registry, path, bytes_text(&what), response, why);
}

/* Without parameters; free(). NULL: no memory. */
static char *
media_type_of(const struct http_response *response)
{
    const char *type = response->content_type ? response->content_type : "";

    return strndup(type, strcspn(type, "; "));
}

/* Whether what came is a manifest, and of the digest by which the server and the caller call it. */
static enum rc
measure(struct registry_manifest *ret, const struct http_response *response, const char *reference,
    struct why *why)
{
    closing(freep) char *media_type = media_type_of(response);
    struct registry_manifest manifest;
    enum manifest_kind kind;

    if (!media_type)
        return fail_memory(why);

    /* Everything else is refused, a captive portal's HTML included. */
    if (manifest_kind_of(&kind, media_type, NULL))
        return fail(why, RC_NETWORK,
            "what came is of type '%s', which is no manifest that we know; check whether it is an "
            "image, and proxies in between",
            media_type);

    digest_of(&manifest.digest, bytes_span(&response->body));
    manifest.size = (int64_t)response->body.len;
    enum rc rc =
        registry_check_digest(&manifest.digest, response->docker_digest, "the registry", why);
    if (!rc)
        rc = registry_check_digest(&manifest.digest, reference, "the reference", why);
    if (rc)
        return rc;

    *ret = manifest;
    return RC_OK;
}

/* docker's registry 2.x says 500 to whoever reads a tag in the moment in which it is written. */
static enum rc
ask(struct http_response *ret, struct registry *registry, const struct registry_request *request,
    struct why *why)
{
    for (int n = 0;; n++) {
        enum rc rc = registry_send(ret, registry, request, why);
        if (rc || ret->status != 500 || n == HTTP_ATTEMPTS_MAX)
            return rc;

        http_response_done(ret);
        pause_about(pause_backoff_ms(n, HTTP_RETRY_MS));
    }
}

enum rc
registry_fetch_manifest(struct registry_manifest *ret, struct http_response *ret_response,
    struct registry *registry, const char *path, const char *reference, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;

    enum rc rc = registry_address(&address, path, "manifests", reference, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = path,
        .right = REGISTRY_PULL,
        .http.method = "GET",
        .http.path = bytes_text(&address),
        .http.accept = manifest_media_types(),
        .http.max_bytes = MANIFEST_MAX_BYTES,
        .http.is_redirect_followed = true,
    };
    rc = ask(&response, registry, &request, why);
    if (rc)
        return rc;

    if (response.status != 200)
        return refuse(registry, &response, path, reference, why);

    rc = measure(ret, &response, reference, why);
    if (rc)
        return within(why, rc, "'%s' of '%s/%s'", reference, registry_host(registry), path);

    *ret_response = response;
    response = (struct http_response){0};
    return RC_OK;
}

enum rc
registry_manifest(struct registry_manifest *ret, struct registry *registry, const char *path,
    const char *reference, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};

    return registry_fetch_manifest(ret, &response, registry, path, reference, why);
}

/* Most registries name the digest, and docker's looks no further once it is told what we know. */
enum rc
registry_tag_is(bool *ret, struct registry *registry, const char *path, const char *tag,
    const struct digest *digest, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    char text[REGISTRY_DIGEST_LEN + 1], etag[REGISTRY_DIGEST_LEN + sizeof "\"\""];
    const struct http_header known = {"If-None-Match", etag};
    struct registry_manifest there = {0};

    registry_digest_text(text, digest);
    snprintf(etag, sizeof etag, "\"%s\"", text);
    enum rc rc = registry_address(&address, path, "manifests", tag, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = path,
        .right = REGISTRY_PULL,
        .http.method = "HEAD",
        .http.path = bytes_text(&address),
        .http.accept = manifest_media_types(),
        .http.headers = &known,
        .http.n_headers = 1,
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
        .http.is_redirect_followed = true,
    };
    rc = registry_send(&response, registry, &request, why);
    if (rc)
        return rc;

    bool is_named = response.status == 200 && response.docker_digest;
    if (!is_named && response.status != 304) {
        rc = registry_manifest(&there, registry, path, tag, why);
        *ret = !rc && digest_eq(&there.digest, digest);
        return rc;
    }

    *ret = !is_named || !strcmp(response.docker_digest, text);
    return RC_OK;
}

enum rc
registry_get_manifest(struct bytes *ret, char **ret_media_type, struct registry *registry,
    const char *path, const char *reference, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    struct registry_manifest manifest;

    enum rc rc = registry_fetch_manifest(&manifest, &response, registry, path, reference, why);
    if (rc)
        return rc;

    closing(freep) char *media_type = media_type_of(&response);
    if (!media_type)
        return fail_memory(why);

    bytes_put(ret, bytes_span(&response.body));
    rc = bytes_check(ret, why);
    if (rc)
        return rc;

    *ret_media_type = steal(media_type);
    return RC_OK;
}

/* A tag must name what we put there; some registries take a while. */
static enum rc
read_back(struct registry *registry, const char *path, const char *tag, const struct digest *digest,
    struct why *why)
{
    char text[REGISTRY_DIGEST_LEN + 1];

    for (int n = 0;; n++) {
        struct registry_manifest there = {0};

        enum rc rc = registry_manifest(&there, registry, path, tag, why);
        if (rc && rc != RC_NOT_FOUND)
            return rc;

        if (!rc && digest_eq(&there.digest, digest))
            return RC_OK;

        if (n == HTTP_ATTEMPTS_MAX && rc)
            return fail(why, RC_UNTRUSTED,
                "'%s/%s:%s' is not there, though the registry took it a moment ago: see to the "
                "registry, and to proxies in between",
                registry_host(registry), path, tag);

        if (n == HTTP_ATTEMPTS_MAX) {
            registry_digest_text(text, &there.digest);
            return fail(why, RC_UNTRUSTED,
                "'%s/%s:%s' names %s now: somebody else has moved it at the same time, or the "
                "registry has made something else of it",
                registry_host(registry), path, tag, text);
        }
        pause_about(pause_backoff_ms(n, HTTP_RETRY_MAX_S * 1000));
    }
}

enum rc
registry_store_manifest(struct http_response *ret, struct registry *registry,
    const struct registry_put *put, struct why *why)
{
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    const struct http_header header = {"If-Match", put->etag};

    enum rc rc = registry_address(&address, put->path, "manifests", put->reference, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = put->path,
        .right = REGISTRY_PUSH,
        .http.method = "PUT",
        .http.path = bytes_text(&address),
        .http.content_type = put->media_type,
        .http.body = put->manifest,
        .http.headers = &header,
        .http.n_headers = put->etag ? 1 : 0,
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
        .http.is_repeatable = true,
    };
    return registry_send(ret, registry, &request, why);
}

enum rc
registry_refused_manifest(struct registry *registry, const struct registry_put *put,
    const struct http_response *response, struct why *why)
{
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    bool is_tag = !strchr(put->reference, ':');

    bytes_printf(&what, "%s '%s' of '%s' is refused", is_tag ? "tag" : "manifest", put->reference,
        put->path);
    return registry_refused(registry, put->path, bytes_text(&what), response, why);
}

enum rc
registry_put_manifest(bool *ret_has_referrers, struct registry *registry, const char *path,
    const char *reference, const char *media_type, struct span manifest, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    const struct registry_put put = {path, reference, media_type, manifest, NULL};
    struct digest digest;

    digest_of(&digest, manifest);
    enum rc rc = registry_check_digest(&digest, reference, "the reference", why);
    if (!rc)
        rc = registry_store_manifest(&response, registry, &put, why);
    if (rc)
        return rc;

    if (response.status < 200 || response.status > 202)
        return registry_refused_manifest(registry, &put, &response, why);

    rc = registry_check_digest(&digest, response.docker_digest, "the registry", why);
    if (!rc && !strchr(reference, ':'))
        rc = read_back(registry, path, reference, &digest, why);
    if (rc)
        return rc;

    if (ret_has_referrers)
        *ret_has_referrers = response.oci_subject != NULL;
    return RC_OK;
}
