/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_error.h"
#include "client/pause.h"
#include "client/registry_request.h"
#include "proto/bounds.h"

/* What we can sign: everything else is refused, a captive portal's HTML included. */
static const char *const media_types[] = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
};

static void
put_accept(struct bytes *accept)
{
    for (size_t i = 0; i < N_ELEMENTS(media_types); i++)
        bytes_printf(accept, "%s%s", i > 0 ? ", " : "", media_types[i]);
}

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

/* Whether what came is a manifest, and of the digest by which the server and the caller call it. */
static enum rc
measure(struct registry_manifest *ret, const struct http_response *response, const char *reference,
    struct why *why)
{
    struct registry_manifest manifest;
    bool is_known = false;

    for (size_t i = 0; i < N_ELEMENTS(media_types); i++)
        is_known = is_known || http_response_is(response, media_types[i]);
    if (!is_known)
        return fail(why, RC_NETWORK,
            "what came is of type '%s', which is no manifest that we know; check whether it is an "
            "image, and proxies in between",
            response->content_type ? response->content_type : "");

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

static enum rc
fetch(struct http_response *ret_response, struct registry_manifest *ret, struct registry *registry,
    const char *path, const char *reference, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    closing(bytes_done) struct bytes accept = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);

    put_accept(&accept);
    enum rc rc = registry_address(&address, path, "manifests", reference, why);
    if (!rc)
        rc = bytes_check(&accept, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = path,
        .right = REGISTRY_PULL,
        .http.method = "GET",
        .http.path = bytes_text(&address),
        .http.accept = bytes_text(&accept),
        .http.max_bytes = MANIFEST_MAX_BYTES,
        .http.is_redirect_followed = true,
    };
    rc = registry_send(&response, registry, &request, why);
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

    return fetch(&response, ret, registry, path, reference, why);
}

enum rc
registry_get_manifest(struct bytes *ret, char **ret_media_type, struct registry *registry,
    const char *path, const char *reference, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    struct registry_manifest manifest;

    enum rc rc = fetch(&response, &manifest, registry, path, reference, why);
    if (rc)
        return rc;

    const char *type = response.content_type;
    closing(freep) char *media_type = strndup(type, strcspn(type, "; "));
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
            return within(why, RC_UNTRUSTED, "the registry took it, but");

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
registry_put_manifest(bool *ret_has_referrers, struct registry *registry, const char *path,
    const char *reference, const char *media_type, struct span manifest, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    bool is_tag = !strchr(reference, ':');
    struct digest digest;

    digest_of(&digest, manifest);
    enum rc rc = registry_check_digest(&digest, reference, "the reference", why);
    if (!rc)
        rc = registry_address(&address, path, "manifests", reference, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = path,
        .right = REGISTRY_PUSH,
        .http.method = "PUT",
        .http.path = bytes_text(&address),
        .http.content_type = media_type,
        .http.body = manifest,
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
        .http.is_repeatable = true,
    };
    rc = registry_send(&response, registry, &request, why);
    if (rc)
        return rc;

    bytes_printf(&what, "%s '%s' of '%s' is refused", is_tag ? "tag" : "manifest", reference, path);
    if (response.status != 200 && response.status != 201 && response.status != 202)
        return registry_refused(registry, path, bytes_text(&what), &response, why);

    rc = registry_check_digest(&digest, response.docker_digest, "the registry", why);
    if (!rc && is_tag)
        rc = read_back(registry, path, reference, &digest, why);
    if (rc)
        return rc;

    if (ret_has_referrers)
        *ret_has_referrers = response.oci_subject != NULL;
    return RC_OK;
}
