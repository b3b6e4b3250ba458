/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry_request.h"

#include "client/http_error.h"
#include "client/refusal.h"
#include "client/url.h"
#include "proto/bounds.h"

enum rc
registry_address(
    struct bytes *ret, const char *path, const char *kind, const char *name, struct why *why)
{
    bytes_puts(ret, "/v2/");
    url_put_escaped(ret, path, "/");
    bytes_printf(ret, "/%s/", kind);
    url_put_escaped(ret, name ? name : "", ":");
    return bytes_check(ret, why);
}

/* Where the registry is, and where an address of it leads: both as they are known once it was
 * reached. */
static enum rc
compare(struct url *base, struct url *there, struct registry *registry, const char *address,
    struct why *why)
{
    struct registry_link link;

    enum rc rc = registry_reach(&link, registry, why);
    if (!rc)
        rc = url_parse(base, http_base(link.http), why);
    if (rc)
        return rc;

    rc = url_resolve(there, base, address, why);
    return rc ? within(why, RC_NETWORK, "%.160s: address", base->text) : RC_OK;
}

enum rc
registry_location(char **ret, struct registry *registry, const char *address,
    const struct http_response *response, struct why *why)
{
    closing(url_done) struct url base = {0}, from = {0}, there = {0};

    if (!response->location)
        return fail(why, RC_NETWORK,
            "%s: HTTP %ld without a Location; check the address, and proxies in between",
            registry_host(registry), response->status);

    enum rc rc = compare(&base, &from, registry, address ? address : "/", why);
    if (rc)
        return rc;

    rc = url_resolve(&there, &from, response->location, why);
    if (rc)
        return within(why, RC_NETWORK, "%.160s: Location", base.text);

    if (there.is_plain && !base.is_plain)
        return fail(why, RC_NETWORK,
            "%.160s: sends uploads to '%.160s', which is not https://; whoever runs it must tell "
            "it how it is reached: X-Forwarded-Proto from the proxy before it, or http.host of "
            "docker's registry",
            base.text, there.text);

    *ret = steal(there.text);
    return RC_OK;
}

static void
put_scope(struct bytes *scope, const struct registry_request *request)
{
    static const char *const actions[REGISTRY_RIGHT_MAX_] = {
        [REGISTRY_PULL] = "pull",
        [REGISTRY_PUSH] = "pull,push",
        [REGISTRY_DELETE] = "delete,pull,push",
    };

    bytes_printf(scope, "repository:%s:%s", request->path, actions[request->right]);
    if (request->from)
        bytes_printf(scope, " repository:%s:pull", request->from);
}

enum rc
registry_send(struct http_response *ret, struct registry *registry,
    const struct registry_request *request, struct why *why)
{
    closing(bytes_done) struct bytes scope = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    closing(url_done) struct url base = {0}, there = {0};
    struct registry_link link;

    enum rc rc = compare(&base, &there, registry, request->http.path, why);
    if (!rc)
        rc = registry_reach(&link, registry, why);
    if (rc)
        return rc;

    if (!url_is_same_origin(&base, &there)) {
        struct http_request elsewhere = request->http;
        elsewhere.is_elsewhere = true;
        return http_send(ret, link.http, &elsewhere, why);
    }

    put_scope(&scope, request);
    rc = bytes_check(&scope, why);
    return rc ? rc : auth_send(ret, link.auth, &request->http, bytes_text(&scope), why);
}

void
registry_digest_text(char ret[REGISTRY_DIGEST_LEN + 1], const struct digest *digest)
{
    static const char prefix[] = "sha256:";

    memcpy(ret, prefix, sizeof prefix - 1);
    digest_hex(ret + sizeof prefix - 1, digest);
}

enum rc
registry_check_digest(
    const struct digest *digest, const char *named, const char *by, struct why *why)
{
    char text[REGISTRY_DIGEST_LEN + 1];

    if (!named || strncmp(named, "sha256:", 7) != 0)
        return RC_OK;

    registry_digest_text(text, digest);
    if (!strcmp(named, text))
        return RC_OK;

    return fail(why, RC_UNTRUSTED,
        "the digest of what came is %s, %s says %s; nothing was signed: see to the registry, and "
        "to proxies in between",
        text, by, named);
}

enum rc
registry_refused(struct registry *registry, const char *path, const char *what,
    const struct http_response *response, struct why *why)
{
    struct http_error error;
    struct registry_link link;

    enum rc rc = registry_reach(&link, registry, why);
    if (rc)
        return rc;

    http_error_read(&error, response);
    const struct refusal *refusal = refusal_find(response, &error);
    if (refusal)
        return fail(why, refusal->rc, "%s: %s: %.*s; %s", http_base(link.http), what,
            (int)error.said_len, error.text, refusal->remedy);

    if (response->status == 401 || response->status == 403)
        return auth_denied(link.auth, path, error.text, why);

    return fail(why, RC_NETWORK, "%s: %s: %s", http_base(link.http), what, error.text);
}
