/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry.h"

#include <stdio.h>
#include <unistd.h>

#include "client/insecure.h"
#include "client/registry_request.h"
#include "client/userdir.h"
#include "proto/bounds.h"

struct registry {
    char *host;
    char *certificates; /* docker's directory for this host */
    bool is_verbose;
    bool is_insecure; /* https without verification, else plain, as docker has it */
    bool has_answered;
    struct http *http;
    struct auth *auth;
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
        .is_verify_off = registry->is_insecure,
        .is_plain_allowed = registry->is_insecure,
        .is_insecure = registry->is_insecure,
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
    registry->host = strdup(host);
    if (!registry->host)
        return fail_memory(why);

    enum rc rc = insecure_find(&registry->is_insecure, host, why);
    if (!rc)
        rc = find_certificates(&registry->certificates, host, why);
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

/* An insecure registry that does not answer TLS is asked without. */
static enum rc
choose_scheme(struct registry *registry, struct why *why)
{
    if (!registry->is_insecure || registry->has_answered)
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

const char *
registry_host(const struct registry *registry)
{
    return registry->host;
}

enum rc
registry_disconnect(struct registry *registry, struct why *why)
{
    return http_disconnect(registry->http, why);
}

enum rc
registry_reach(struct registry_link *ret, struct registry *registry, struct why *why)
{
    enum rc rc = choose_scheme(registry, why);
    if (rc)
        return rc;

    *ret = (struct registry_link){registry->http, registry->auth};
    return RC_OK;
}
