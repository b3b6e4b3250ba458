/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/random.h>

#include "client/http_error.h"
#include "client/registry_request.h"
#include "proto/bounds.h"

#define INDEX "application/vnd.oci.image.index.v1+json"

/* The manifest of that digest. RC_NOT_FOUND: there is none. RC_UNSUPPORTED: the registry deletes
 * nothing, so tag stays. */
static enum rc
delete_manifest(struct registry *registry, const char *path, const char *digest, const char *tag,
    struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);
    struct http_error error;

    enum rc rc = registry_address(&address, path, "manifests", digest, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = path,
        .right = REGISTRY_DELETE,
        .http.method = "DELETE",
        .http.path = bytes_text(&address),
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
        .http.is_repeatable = true,
    };
    rc = registry_send(&response, registry, &request, why);
    if (rc)
        return rc;

    long status = response.status;
    http_error_read(&error, &response);
    if (status == 200 || status == 202 || status == 204)
        return RC_OK;

    if (status == 404)
        return fail(
            why, RC_NOT_FOUND, "'%s/%s' has no '%s'", registry_host(registry), path, digest);

    if (status == 405 || status == 501)
        return fail(why, RC_UNSUPPORTED,
            "%s deletes nothing: %.*s; '%s' of '%s' stays: whoever runs it may allow that, "
            "storage.delete.enabled of docker's registry",
            registry_host(registry), (int)error.said_len, error.text, tag, path);

    bytes_printf(&what, "'%s' of '%s' is not removed", tag, path);
    return registry_refused(registry, path, bytes_text(&what), &response, why);
}

/* An index without anything in it, that nobody else has. */
static enum rc
make_placeholder(struct bytes *ret, struct why *why)
{
    uint8_t random[16];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return fail(why, RC_SYSTEM, "no random bytes: %s", strerror(errno));

    bytes_puts(ret, "{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[],"
                    "\"annotations\":{\"org.countersign.placeholder\":\"");
    bytes_put_hex(ret, (struct span){random, sizeof random});
    bytes_puts(ret, "\"}}");
    return bytes_check(ret, why);
}

/*
 * A placeholder takes the tag, and goes with it. Not all registries delete a tag by its name, and
 * of those that do, some delete the manifest that it names, with all its other tags. Whether
 * manifests can be deleted is asked before, as a placeholder must not stay.
 */
static enum rc
replace_and_delete(struct registry *registry, const char *path, const char *tag, struct why *why)
{
    closing(bytes_done) struct bytes placeholder = BYTES_INIT(HTTP_ERROR_MAX_BYTES);
    char text[REGISTRY_DIGEST_LEN + 1];
    struct digest digest;

    enum rc rc = make_placeholder(&placeholder, why);
    if (rc)
        return rc;

    digest_of(&digest, bytes_span(&placeholder));
    registry_digest_text(text, &digest);
    rc = delete_manifest(registry, path, text, tag, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    rc = registry_put_manifest(NULL, registry, path, tag, INDEX, bytes_span(&placeholder), why);
    return rc ? rc : delete_manifest(registry, path, text, tag, why);
}

enum rc
registry_untag(struct registry *registry, const char *path, const char *tag, struct why *why)
{
    struct registry_manifest there;

    enum rc rc = registry_manifest(&there, registry, path, tag, why);
    if (!rc)
        rc = replace_and_delete(registry, path, tag, why);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
