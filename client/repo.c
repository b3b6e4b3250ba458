/* SPDX-License-Identifier: Apache-2.0 */
#include "client/repo.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "client/auth.h"
#include "client/http_error.h"
#include "client/url.h"
#include "client/userdir.h"
#include "proto/bounds.h"
#include "proto/role.h"

#define BOUNDARY_BYTES 30 /* random, as Go's multipart writer has it; 60 digits */

struct repo_server {
    struct http *http;
    struct auth *auth;
};

struct repo {
    struct repo_server *server;
    char *repository;
    char *path; /* "/v2/GUN/_trust/tuf/", escaped */
    char *pull; /* scopes; docker's registry puts no host into them, Notary does */
    char *push;
    char *all; /* what rotates keys of the server, and deletes */
};

/* The server that speaks for host, unless somebody says otherwise. *ret: free(). */
static enum rc
default_url(char **ret, const char *host, struct why *why)
{
    const char *chosen = getenv("DOCKER_CONTENT_TRUST_SERVER");
    int len = 0;

    if (chosen && *chosen)
        len = asprintf(ret, "%s", chosen);
    else if (!strcmp(host, "docker.io"))
        len = asprintf(ret, "https://notary.docker.io");
    else
        len = asprintf(ret, "https://%s", host);

    return len < 0 ? fail_memory(why) : RC_OK;
}

static enum rc
check_url(const struct url *url, const struct repo_server_options *options, struct why *why)
{
    if (!url->is_plain || (options->is_plain_allowed && url_is_loopback(url->authority)))
        return RC_OK;

    if (options->is_plain_allowed)
        return fail(why, RC_MALFORMED,
            "valid https URL required for trust server, got '%s': plain http:// is for loopback",
            url->text);

    return fail(
        why, RC_MALFORMED, "valid https URL required for trust server, got '%s'", url->text);
}

static enum rc
connect_to(struct repo_server *server, const struct repo_server_options *options, const char *base,
    const char *host, struct why *why)
{
    closing(url_done) struct url url = {0};
    closing(freep) char *below = NULL;
    closing(freep) char *ca_dir = NULL;

    enum rc rc = url_parse(&url, base, why);
    if (!rc)
        rc = check_url(&url, options, why);
    if (rc)
        return rc;

    if (asprintf(&below, "tls/%s", url.authority) < 0)
        return fail_memory(why);

    rc = userdir_path(&ca_dir, USERDIR_DOCKER, below, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    const struct http_options http_options = {
        .certs.ca_file = options->ca_file,
        .certs.dir = ca_dir,
        .certs.cert_file = options->cert_file,
        .certs.key_file = options->key_file,
        .is_plain_allowed = options->is_plain_allowed,
        .is_verbose = options->is_verbose,
    };
    rc = http_new(&server->http, base, &http_options, why);
    if (rc)
        return rc;

    return auth_new(&server->auth, server->http, host, true, why);
}

enum rc
repo_server_new(struct repo_server **ret, const struct repo_server_options *options,
    const char *host, struct why *why)
{
    closing(repo_server_freep) struct repo_server *server = calloc(1, sizeof *server);
    closing(freep) char *base = NULL;
    if (!server)
        return fail_memory(why);

    enum rc rc = RC_OK;
    if (!options->url)
        rc = default_url(&base, host, why);
    else if (asprintf(&base, "%s", options->url) < 0)
        rc = fail_memory(why);
    if (rc)
        return rc;

    for (size_t len = strlen(base); len > 0 && base[len - 1] == '/'; len--)
        base[len - 1] = 0;

    rc = connect_to(server, options, base, host, why);
    if (rc)
        return within(why, rc, "trust server");

    *ret = steal(server);
    return RC_OK;
}

void
repo_server_free(struct repo_server *server)
{
    if (!server)
        return;

    auth_free(server->auth);
    http_free(server->http);
    free(server);
}

const char *
repo_server_url(const struct repo_server *server)
{
    return http_base(server->http);
}

enum rc
repo_server_disconnect(struct repo_server *server, struct why *why)
{
    return http_disconnect(server->http, why);
}

enum rc
repo_new(struct repo **ret, struct repo_server *server, const char *repository, struct why *why)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4 * REPOSITORY_MAX_BYTES);
    closing(repo_freep) struct repo *repo = calloc(1, sizeof *repo);
    if (!repo)
        return fail_memory(why);

    bytes_puts(&path, "/v2/");
    url_put_escaped(&path, repository, "/:");
    bytes_puts(&path, "/_trust/tuf/");
    enum rc rc = bytes_check(&path, why);
    if (rc)
        return within(why, rc, "repository '%.100s'", repository);

    repo->server = server;
    repo->repository = strdup(repository);
    repo->path = strdup(bytes_text(&path));
    if (!repo->repository || !repo->path ||
        asprintf(&repo->pull, "repository:%s:pull", repository) < 0 ||
        asprintf(&repo->push, "repository:%s:push,pull", repository) < 0 ||
        asprintf(&repo->all, "repository:%s:*", repository) < 0)
        return fail_memory(why);

    *ret = steal(repo);
    return RC_OK;
}

void
repo_free(struct repo *repo)
{
    if (!repo)
        return;

    free(repo->repository);
    free(repo->path);
    free(repo->pull);
    free(repo->push);
    free(repo->all);
    free(repo);
}

const char *
repo_url(const struct repo *repo)
{
    return repo_server_url(repo->server);
}

/* An answer that is not 200. what: "root.json". */
static enum rc
refuse(const struct repo *repo, const struct http_response *response, const char *what,
    struct why *why)
{
    const char *base = repo_server_url(repo->server);
    struct http_error error;

    http_error_read(&error, response);
    if (response->status == 401 || response->status == 403)
        return auth_denied(repo->server->auth, repo->repository, error.text, why);

    if (response->status == 404)
        return fail(why, RC_NETWORK,
            "%s: no Notary server answers here for '%s': %s; name the trust server with --server "
            "or DOCKER_CONTENT_TRUST_SERVER",
            base, repo->repository, error.text);

    if (response->location)
        return fail(why, RC_NETWORK,
            "%s: sends us on to '%.160s' for %s of '%s': trust data is not fetched through "
            "redirects; name that server with --server, if it is the right one",
            base, response->location, what, repo->repository);

    return fail(why, RC_NETWORK, "%s: %s of '%s': %s", base, what, repo->repository, error.text);
}

/* What is wanted of an answer. */
struct wanted {
    const char *scope;
    size_t max_bytes;
    enum rc too_large; /* what a longer one is */
};

static enum rc
refuse_to_give(const struct repo *repo, const struct http_response *response, const char *what,
    struct why *why)
{
    struct http_error error;

    http_error_read(&error, response);
    if (http_error_is(&error, "METADATA_NOT_FOUND") || http_error_is(&error, "GENERIC_NOT_FOUND"))
        return fail(why, RC_NOT_FOUND, "%s has no %s for '%s'", repo_server_url(repo->server), what,
            repo->repository);

    return refuse(repo, response, what, why);
}

static enum rc
refuse_to_publish(const struct repo *repo, const struct http_response *response, struct why *why)
{
    struct http_error error;

    http_error_read(&error, response);
    if (http_error_is(&error, "VERSION"))
        return fail(why, RC_CONFLICT, "%s: somebody else has published '%s': %s",
            repo_server_url(repo->server), repo->repository, error.text);

    return refuse(repo, response, "publication", why);
}

/* Append the body of what lies under name to ret. */
static enum rc
get(struct bytes *ret, struct repo *repo, const char *name, const struct wanted *wanted,
    struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes path = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);

    bytes_puts(&path, repo->path);
    url_put_escaped(&path, name, "/");
    enum rc rc = bytes_check(&path, why);
    if (rc)
        return rc;

    const struct http_request request = {
        .method = "GET",
        .path = bytes_text(&path),
        .max_bytes = wanted->max_bytes,
        .too_large = wanted->too_large,
    };
    rc = auth_send(&response, repo->server->auth, &request, wanted->scope, why);
    if (rc)
        return rc;

    if (response.status != 200)
        return refuse_to_give(repo, &response, name, why);

    if (http_response_is(&response, "text/html"))
        return fail(why, RC_NETWORK,
            "%s: a page of HTML instead of %s of '%s': a proxy or a login page answers for the "
            "trust server; check the address, and proxies in between",
            repo_server_url(repo->server), name, repo->repository);

    bytes_put(ret, bytes_span(&response.body));
    return bytes_check(ret, why);
}

enum rc
repo_get(struct bytes *ret, struct repo *repo, const char *name, size_t max_bytes, struct why *why)
{
    closing(freep) char *file = NULL;

    if (asprintf(&file, "%s.json", name) < 0)
        return fail_memory(why);

    return get(ret, repo, file, &(struct wanted){repo->pull, max_bytes, RC_NETWORK}, why);
}

enum rc
repo_get_listed(struct bytes *ret, struct repo *repo, const char *role,
    const struct tuf_listed *listed, struct why *why)
{
    int64_t length = listed->length;
    size_t max_bytes = length < DOCUMENT_MAX_BYTES ? (size_t)length : DOCUMENT_MAX_BYTES;
    char hex[DIGEST_HEX_LEN + 1];
    closing(freep) char *file = NULL;

    if (!listed->hashes.has_sha256)
        return fail(why, RC_UNTRUSTED, "no sha256 is listed");

    digest_hex(hex, &listed->hashes.sha256);
    if (asprintf(&file, "%s.%s.json", role, hex) < 0)
        return fail_memory(why);

    enum rc rc = get(ret, repo, file, &(struct wanted){repo->pull, max_bytes, RC_UNTRUSTED}, why);
    if (rc != RC_NOT_FOUND)
        return rc;

    if (!strcmp(role, "snapshot"))
        return fail(why, RC_UNTRUSTED,
            "the server lists %s, but has no such file: whoever runs it must look into it", file);

    return fail(why, RC_UNTRUSTED,
        "the server lists %s, but has no such file: the last publication broke it; who may sign %s "
        "repairs it with: countersign witness %s %s",
        file, role, repo->repository, role);
}

enum rc
repo_get_key(struct bytes *ret, struct repo *repo, const char *role, struct why *why)
{
    closing(freep) char *file = NULL;

    if (asprintf(&file, "%s.key", role) < 0)
        return fail_memory(why);

    /* Before the first publication each request makes a key, hence the right to push. */
    enum rc rc =
        get(ret, repo, file, &(struct wanted){repo->push, PUBLIC_KEY_MAX_BYTES, RC_NETWORK}, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_NETWORK,
            "%s makes no %s key for '%s': it may serve other prefixes only; name the trust server "
            "with "
            "--server or DOCKER_CONTENT_TRUST_SERVER",
            repo_server_url(repo->server), role, repo->repository);

    return rc;
}

static enum rc
put_boundary(struct bytes *b, struct why *why)
{
    uint8_t random[BOUNDARY_BYTES];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return fail(why, RC_SYSTEM, "getrandom: %s", strerror(errno));

    bytes_put_hex(b, (struct span){random, sizeof random});
    return bytes_check(b, why);
}

/* The form that Go's client sends: the name of the file is the role. */
static enum rc
put_form(struct bytes *b, const char *boundary, const struct repo_upload *uploads, size_t n,
    struct why *why)
{
    for (size_t i = 0; i < n; i++) {
        if (role_rank(span_of(uploads[i].role)) == RANK_MAX_)
            return fail(why, RC_MALFORMED, "'%s' is no role", uploads[i].role);

        bytes_printf(b,
            "%s--%s\r\nContent-Disposition: form-data; name=\"files\"; filename=\"%s\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n",
            i > 0 ? "\r\n" : "", boundary, uploads[i].role);
        bytes_put(b, uploads[i].file);
    }

    bytes_printf(b, "\r\n--%s--\r\n", boundary);
    return bytes_check(b, why);
}

enum rc
repo_publish(struct repo *repo, const struct repo_upload *uploads, size_t n, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes boundary = BYTES_INIT(2 * BOUNDARY_BYTES);
    closing(bytes_done) struct bytes form = BYTES_INIT(UPLOAD_MAX_BYTES);
    closing(freep) char *content_type = NULL;

    enum rc rc = put_boundary(&boundary, why);
    if (!rc)
        rc = put_form(&form, bytes_text(&boundary), uploads, n, why);
    if (rc)
        return within(why, rc, "upload");

    rc = auth_prepare(repo->server->auth, repo->push, why);
    if (rc)
        return rc;

    if (asprintf(&content_type, "multipart/form-data; boundary=%s", bytes_text(&boundary)) < 0)
        return fail_memory(why);

    const struct http_request request = {
        .method = "POST",
        .path = repo->path,
        .content_type = content_type,
        .body = bytes_span(&form),
        .max_bytes = HTTP_ERROR_MAX_BYTES,
    };
    rc = auth_send(&response, repo->server->auth, &request, repo->push, why);
    if (rc)
        return rc == RC_NETWORK ? RC_TIMEOUT : rc;

    if (response.status == 200)
        return RC_OK;

    rc = refuse_to_publish(repo, &response, why);
    return response.status >= 500 ? RC_TIMEOUT : rc;
}

/* What only who may do everything with a repository may ask for; no body goes along. */
static enum rc
manage(struct http_response *ret, struct repo *repo, const char *method, const char *name,
    struct why *why)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);

    bytes_puts(&path, repo->path);
    url_put_escaped(&path, name, "/");
    enum rc rc = bytes_check(&path, why);
    if (!rc)
        rc = auth_prepare(repo->server->auth, repo->all, why);
    if (rc)
        return rc;

    const struct http_request request = {
        .method = method,
        .path = bytes_text(&path),
        .max_bytes = PUBLIC_KEY_MAX_BYTES,
    };
    rc = auth_send(ret, repo->server->auth, &request, repo->all, why);
    if (rc || ret->status == 200)
        return rc;

    rc = refuse(repo, ret, *name ? name : "deletion", why);
    if (ret->status == 401 || ret->status == 403)
        return within(why, rc, "this needs every permission ('*') on '%s', not only push and pull",
            repo->repository);
    return rc;
}

enum rc
repo_new_key(struct bytes *ret, struct repo *repo, const char *role, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(freep) char *file = NULL;

    if (asprintf(&file, "%s.key", role) < 0)
        return fail_memory(why);

    enum rc rc = manage(&response, repo, "POST", file, why);
    if (rc)
        return rc;

    bytes_put(ret, bytes_span(&response.body));
    return bytes_check(ret, why);
}

enum rc
repo_delete(struct repo *repo, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};

    return manage(&response, repo, "DELETE", "", why);
}
