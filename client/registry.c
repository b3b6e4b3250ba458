/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry.h"

#include <stdio.h>
#include <unistd.h>

#include "client/auth.h"
#include "client/http_error.h"
#include "client/url.h"
#include "client/userdir.h"
#include "proto/bounds.h"

struct registry {
    char *host;
    char *certificates; /* docker's directory for this host */
    bool is_verbose;
    bool is_loopback; /* https without verification, else plain, as docker has it */
    bool has_answered;
    struct http *http;
    struct auth *auth;
};

/* What we can sign: everything else is refused, a captive portal's HTML included. */
static const char *const media_types[] = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
};

/* docker's registry has two names, and answers under a third. */
static const char *
server_of(const char *host)
{
    return strcmp(host, "docker.io") != 0 ? host : "registry-1.docker.io";
}

/* The first that exists of the directories in which docker and podman keep certificates for this
 * host; the usual one if none does. */
static enum rc
find_certificates(char **ret, const char *host, struct why *why)
{
    static const struct {
        bool is_of_user;
        const char *dir;
    } dirs[] = {
        {true, "docker/certs.d"},
        {false, "/etc/docker/certs.d"},
        {true, "containers/certs.d"},
        {false, "/etc/containers/certs.d"},
    };

    for (size_t i = 0; i < N_ELEMENTS(dirs); i++) {
        closing(freep) char *dir = NULL;
        closing(freep) char *path = NULL;

        enum rc rc = RC_OK;
        if (dirs[i].is_of_user)
            rc = userdir_path(&dir, USERDIR_CONFIG, dirs[i].dir, why);
        if (rc == RC_NOT_FOUND)
            continue;
        if (rc)
            return rc;

        if (asprintf(&path, "%s/%s", dir ? dir : dirs[i].dir, host) < 0)
            return fail_memory(why);

        if (!access(path, F_OK)) {
            *ret = steal(path);
            return RC_OK;
        }
    }

    return asprintf(ret, "/etc/docker/certs.d/%s", host) < 0 ? fail_memory(why) : RC_OK;
}

static enum rc
open_with(struct registry *registry, const char *scheme, struct why *why)
{
    closing(http_freep) struct http *http = NULL;
    closing(auth_freep) struct auth *auth = NULL;
    closing(freep) char *base = NULL;

    if (asprintf(&base, "%s://%s", scheme, server_of(registry->host)) < 0)
        return fail_memory(why);

    const struct http_options options = {
        .certs.dir = registry->certificates,
        .is_verify_off = registry->is_loopback,
        .is_plain_allowed = registry->is_loopback,
        .is_verbose = registry->is_verbose,
    };
    enum rc rc = http_new(&http, base, &options, why);
    if (!rc)
        rc = auth_new(&auth, http, registry->host, false, why);
    if (rc)
        return rc;

    auth_free(registry->auth);
    http_free(registry->http);
    registry->http = steal(http);
    registry->auth = steal(auth);
    return RC_OK;
}

enum rc
registry_new(struct registry **ret, const char *host, bool is_verbose, struct why *why)
{
    closing(registry_freep) struct registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return fail_memory(why);

    registry->is_verbose = is_verbose;
    registry->is_loopback = url_is_loopback(host);
    registry->host = strdup(host);
    if (!registry->host)
        return fail_memory(why);

    enum rc rc = find_certificates(&registry->certificates, host, why);
    if (!rc)
        rc = open_with(registry, "https", why);
    if (rc)
        return within(why, rc, "registry '%s'", host);

    *ret = steal(registry);
    return RC_OK;
}

void
registry_free(struct registry *registry)
{
    if (!registry)
        return;

    auth_free(registry->auth);
    http_free(registry->http);
    free(registry->certificates);
    free(registry->host);
    free(registry);
}

static enum rc
ping(struct registry *registry, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};

    return http_send(&response, registry->http,
        &(struct http_request){
            .method = "GET",
            .path = "/v2/",
            .max_bytes = HTTP_ERROR_MAX_BYTES,
        },
        why);
}

/* A loopback registry that does not answer TLS is asked without. */
static enum rc
choose_scheme(struct registry *registry, struct why *why)
{
    if (!registry->is_loopback || registry->has_answered)
        return RC_OK;

    enum rc rc = ping(registry, why);
    if (rc == RC_NETWORK) {
        struct why ignored;
        enum rc plain_rc = open_with(registry, "http", &ignored);
        if (!plain_rc)
            plain_rc = ping(registry, &ignored);
        if (!plain_rc)
            rc = RC_OK; /* else the sentence is what TLS said: it was what we wanted */
    }

    registry->has_answered = !rc;
    return rc;
}

/* An answer that is not the manifest. */
static enum rc
refuse(const struct registry *registry, const struct http_response *response, const char *path,
    const char *reference, struct why *why)
{
    struct http_error error;

    http_error_read(&error, response);
    if (response->status == 401 || response->status == 403)
        return auth_denied(registry->auth, path, error.text, why);

    if (response->status == 404 && *error.code)
        return fail(why, RC_NOT_FOUND,
            "'%s/%s' has no '%s': %s; push the image first, and check the spelling", registry->host,
            path, reference, error.text);

    if (response->status == 404)
        return fail(why, RC_NETWORK,
            "%s: there is no registry here: %s; check the host in the name of the image",
            http_base(registry->http), error.text);

    return fail(why, RC_NETWORK, "%s: '%s' of '%s': %s", http_base(registry->http), reference, path,
        error.text);
}

/* What we got must be what the server and the caller call it. */
static enum rc
check_digest(const struct digest *digest, const char *named, const char *by, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1];

    if (!named || strncmp(named, "sha256:", 7) != 0)
        return RC_OK;

    digest_hex(hex, digest);
    if (!strcmp(named + 7, hex))
        return RC_OK;

    return fail(why, RC_UNTRUSTED,
        "the digest of what came is sha256:%s, %s says %s; nothing was signed: see to the "
        "registry, "
        "and to proxies in between",
        hex, by, named);
}

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
    enum rc rc = check_digest(&manifest.digest, response->docker_digest, "the registry", why);
    if (!rc)
        rc = check_digest(&manifest.digest, reference, "the reference", why);
    if (rc)
        return rc;

    *ret = manifest;
    return RC_OK;
}

enum rc
registry_manifest(struct registry_manifest *ret, struct registry *registry, const char *path,
    const char *reference, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes url = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(freep) char *scope = NULL;
    closing(freep) char *accept = NULL;

    bytes_puts(&url, "/v2/");
    url_put_escaped(&url, path, "/");
    bytes_puts(&url, "/manifests/");
    url_put_escaped(&url, reference, ":");
    enum rc rc = bytes_check(&url, why);
    if (rc)
        return rc;

    if (asprintf(&scope, "repository:%s:pull", path) < 0 ||
        asprintf(&accept, "%s, %s, %s, %s", media_types[0], media_types[1], media_types[2],
            media_types[3]) < 0)
        return fail_memory(why);

    const struct http_request request = {
        .method = "GET",
        .path = bytes_text(&url),
        .accept = accept,
        .max_bytes = MANIFEST_MAX_BYTES,
        .is_redirect_followed = true,
    };
    rc = choose_scheme(registry, why);
    if (!rc)
        rc = auth_send(&response, registry->auth, &request, scope, why);
    if (rc)
        return rc;

    if (response.status != 200)
        return refuse(registry, &response, path, reference, why);

    rc = measure(ret, &response, reference, why);
    return rc ? within(why, rc, "'%s' of '%s/%s'", reference, registry->host, path) : RC_OK;
}
