/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_endpoint.h"

#include <stdio.h>
#include <unistd.h>

#include "client/file.h"
#include "client/url.h"
#include "client/userdir.h"
#include "proto/bounds.h"
#include "proto/members.h"

#define USUAL "unix:///var/run/docker.sock"

/* docker's ports, where an address has none */
#define PORT_PLAIN 2375
#define PORT_TLS   2376

/* What was configured, before it is looked at. */
struct setting {
    char *address, *origin;
    char *certificates; /* a directory; NULL: no TLS */
    bool is_verify_off;
};

static void
setting_done(struct setting *setting)
{
    free(setting->address);
    free(setting->origin);
    free(setting->certificates);
}

static enum rc
duplicate(char **ret, const char *text, struct why *why)
{
    *ret = strdup(text);
    return *ret ? RC_OK : fail_memory(why);
}

/* A variable that is set, and not to nothing. */
static const char *
variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static enum rc
load_json(json_t **ret, const char *path, size_t max, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(max);

    enum rc rc = file_load(&text, path, why);
    if (rc)
        return rc;

    rc = members_parse(ret, bytes_span(&text), why);
    return rc ? within(why, rc, "'%s'", path) : RC_OK;
}

/* The context that docker's own configuration has chosen; *ret NULL: none. */
static enum rc
configured_context(char **ret, struct why *why)
{
    closing(freep) char *path = NULL;
    json_auto_t *config = NULL;
    const char *name = NULL;
    struct members m;

    enum rc rc = userdir_path(&path, USERDIR_DOCKER, "config.json", why);
    if (!rc)
        rc = load_json(&config, path, CREDENTIALS_MAX_BYTES, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    members_open(&m, config, "");
    members_text_maybe(&m, "currentContext", &name);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return within(why, rc, "'%s'", path);

    return name && *name ? duplicate(ret, name, why) : RC_OK;
}

/* Where docker keeps a context: directories are named by the hash of its name. */
static enum rc
context_path(char **ret, const char *kind, const char *name, const char *below, struct why *why)
{
    closing(freep) char *relative = NULL;
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    digest_of(&digest, span_of(name));
    digest_hex(hex, &digest);
    if (asprintf(&relative, "contexts/%s/%s/%s", kind, hex, below) < 0)
        return fail_memory(why);

    return userdir_path(ret, USERDIR_DOCKER, relative, why);
}

static enum rc
read_context(struct setting *ret, const json_t *meta, struct why *why)
{
    const json_t *endpoints = NULL, *docker = NULL;
    struct members top, of_top, of_docker;
    const char *host = NULL;

    members_open(&top, meta, "");
    members_object(&top, "Endpoints", &endpoints);
    enum rc rc = members_close_tolerant(&top, why);
    if (rc)
        return rc;

    members_open(&of_top, endpoints, "Endpoints");
    members_object(&of_top, "docker", &docker);
    rc = members_close_tolerant(&of_top, why);
    if (rc)
        return rc;

    members_open(&of_docker, docker, "Endpoints.docker");
    members_text_maybe(&of_docker, "Host", &host);
    members_bool_maybe(&of_docker, "SkipTLSVerify", &ret->is_verify_off);
    rc = members_close_tolerant(&of_docker, why);
    return rc ? rc : duplicate(&ret->address, host && *host ? host : USUAL, why);
}

static enum rc
set_from_context(struct setting *ret, const char *name, struct why *why)
{
    closing(freep) char *path = NULL;
    closing(freep) char *certificates = NULL;
    json_auto_t *meta = NULL;

    if (asprintf(&ret->origin, "docker's context '%s'", name) < 0) {
        ret->origin = NULL;
        return fail_memory(why);
    }

    enum rc rc = context_path(&path, "meta", name, "meta.json", why);
    if (!rc)
        rc = load_json(&meta, path, ENGINE_CONTEXT_MAX_BYTES, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, rc,
            "docker has no context '%.64s' for this user: see 'docker context ls', and "
            "DOCKER_CONTEXT",
            name);
    if (!rc)
        rc = read_context(ret, meta, why);
    if (!rc)
        rc = context_path(&certificates, "tls", name, "docker", why);
    if (rc)
        return within(why, rc, "%s", ret->origin);

    if (!access(certificates, F_OK))
        ret->certificates = steal(certificates);
    return RC_OK;
}

static enum rc
set_from_host(struct setting *ret, const char *address, struct why *why)
{
    const char *directory = variable("DOCKER_CERT_PATH");

    enum rc rc = duplicate(&ret->address, address, why);
    if (!rc)
        rc = duplicate(&ret->origin, "DOCKER_HOST", why);
    if (rc || !variable("DOCKER_TLS_VERIFY"))
        return rc;

    return directory ? duplicate(&ret->certificates, directory, why)
                     : userdir_path(&ret->certificates, USERDIR_DOCKER, ".", why);
}

/* In the order in which docker itself looks. */
static enum rc
find_setting(struct setting *ret, struct why *why)
{
    const char *address = variable("DOCKER_HOST");
    closing(freep) char *configured = NULL;

    if (address)
        return set_from_host(ret, address, why);

    const char *context = variable("DOCKER_CONTEXT");
    enum rc rc = context ? RC_OK : configured_context(&configured, why);
    if (rc)
        return rc;

    if (!context)
        context = configured;
    if (context && strcmp(context, "default") != 0)
        return set_from_context(ret, context, why);

    rc = duplicate(&ret->address, USUAL, why);
    return rc ? rc : duplicate(&ret->origin, "docker's usual place", why);
}

/* A file of the directory, if it is there. */
static enum rc
certificate(char **ret, const char *directory, const char *name, struct why *why)
{
    closing(freep) char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return fail_memory(why);

    if (!access(path, F_OK))
        *ret = steal(path);
    return RC_OK;
}

static enum rc
find_certificates(struct engine_endpoint *ret, const char *directory, struct why *why)
{
    enum rc rc = certificate(&ret->ca_file, directory, "ca.pem", why);
    if (!rc)
        rc = certificate(&ret->cert_file, directory, "cert.pem", why);
    if (!rc)
        rc = certificate(&ret->key_file, directory, "key.pem", why);
    if (rc)
        return rc;

    if (!ret->cert_file != !ret->key_file)
        return fail(why, RC_MALFORMED, "'%s' has one of cert.pem and key.pem: want both, or none",
            directory);

    return RC_OK;
}

static enum rc
set_tcp(
    struct engine_endpoint *ret, const char *rest, const struct setting *setting, struct why *why)
{
    closing(freep) char *text = NULL;
    closing(url_done) struct url url = {0};
    bool is_plain = !setting->certificates;

    size_t len = strcspn(rest, "/");
    if (strspn(rest + len, "/") != strlen(rest + len))
        return fail(why, RC_MALFORMED, "want tcp://HOST:PORT, without a path");

    if (asprintf(&text, "%s://%.*s", is_plain ? "http" : "https", (int)len, rest) < 0)
        return fail_memory(why);

    enum rc rc = url_parse(&url, text, why);
    if (rc)
        return rc;

    bool has_port = strlen(url.authority) > strlen(url.host);
    int made = has_port ? asprintf(&ret->base, "%s", text)
                        : asprintf(&ret->base, "%s:%d", text, is_plain ? PORT_PLAIN : PORT_TLS);
    if (made < 0) {
        ret->base = NULL;
        return fail_memory(why);
    }

    bool is_loopback = url_is_loopback(url.authority);
    if (is_plain && !is_loopback)
        return fail(why, RC_UNSUPPORTED,
            "without TLS, whoever is in between reads the registry's password: set "
            "DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context with certificates");
    if (setting->is_verify_off && !is_loopback)
        return fail(why, RC_UNSUPPORTED,
            "the context does not verify who answers, who would get the registry's password: add "
            "its authority to the context");

    ret->is_verify_off = setting->is_verify_off;
    return is_plain ? RC_OK : find_certificates(ret, setting->certificates, why);
}

static enum rc
set_unix(struct engine_endpoint *ret, const char *path, struct why *why)
{
    if (*path != '/')
        return fail(why, RC_MALFORMED, "want unix:///PATH");
    if (strlen(path) > SOCKET_PATH_BYTES)
        return fail(why, RC_MALFORMED, "the path is %zu bytes, the limit is %d", strlen(path),
            SOCKET_PATH_BYTES);

    enum rc rc = duplicate(&ret->socket, path, why);
    return rc ? rc : duplicate(&ret->base, "http://localhost", why);
}

static enum rc
read_address(struct engine_endpoint *ret, const struct setting *setting, struct why *why)
{
    const char *address = setting->address;

    if (!strncmp(address, "unix://", 7))
        return set_unix(ret, address + 7, why);
    if (!strncmp(address, "tcp://", 6))
        return set_tcp(ret, address + 6, setting, why);
    if (!strncmp(address, "ssh://", 6))
        return fail(why, RC_UNSUPPORTED,
            "engines behind ssh are not spoken with: run ssh -nNT -L DIR/docker.sock:"
            "/var/run/docker.sock HOST beside, and set DOCKER_HOST=unix://DIR/docker.sock");

    return fail(why, RC_UNSUPPORTED, "want unix:// or tcp://");
}

enum rc
engine_endpoint_find(struct engine_endpoint *ret, struct why *why)
{
    closing(setting_done) struct setting setting = {0};
    closing(engine_endpoint_done) struct engine_endpoint endpoint = {0};

    enum rc rc = find_setting(&setting, why);
    if (rc)
        return rc;

    rc = read_address(&endpoint, &setting, why);
    if (rc)
        return within(why, rc, "engine '%.128s' of %s", setting.address, setting.origin);

    endpoint.address = steal(setting.address);
    endpoint.origin = steal(setting.origin);
    *ret = endpoint;
    endpoint = (struct engine_endpoint){0};
    return RC_OK;
}

void
engine_endpoint_done(struct engine_endpoint *endpoint)
{
    free(endpoint->address);
    free(endpoint->origin);
    free(endpoint->base);
    free(endpoint->socket);
    free(endpoint->ca_file);
    free(endpoint->cert_file);
    free(endpoint->key_file);
    *endpoint = (struct engine_endpoint){0};
}

struct http_options
engine_endpoint_options(const struct engine_endpoint *endpoint)
{
    return (struct http_options){
        .certs.ca_file = endpoint->ca_file,
        .certs.cert_file = endpoint->cert_file,
        .certs.key_file = endpoint->key_file,
        .is_verify_off = endpoint->is_verify_off,
        .is_plain_allowed = true,
        .is_drip_fine = true,
        .unix_socket = endpoint->socket,
    };
}
