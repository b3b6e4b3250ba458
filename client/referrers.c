/* SPDX-License-Identifier: Apache-2.0 */
#include "client/referrers.h"

#include "client/pause.h"
#include "client/registry_manifest.h"
#include "client/url.h"
#include "proto/bounds.h"
#include "proto/jsontext.h"
#include "proto/members.h"

#define INDEX "application/vnd.oci.image.index.v1+json"

void
referrers_done(struct referrers *referrers)
{
    for (size_t i = 0; i < referrers->n; i++)
        descriptor_done(&referrers->list[i]);
    free(referrers->list);
    *referrers = (struct referrers){0};
}

/* The tag under which clients keep the list where the registry has none. */
static void
name_tag(char ret[REGISTRY_DIGEST_LEN + 1], const struct digest *digest)
{
    registry_digest_text(ret, digest);
    *strchr(ret, ':') = '-';
}

/* Those of one index. */
static enum rc
take(struct referrers *referrers, struct span index, struct why *why)
{
    closing(manifest_freep) struct manifest *manifest = NULL;

    enum rc rc = manifest_parse(&manifest, INDEX, index, why);
    for (size_t i = 0; !rc && i < manifest->n; i++) {
        struct descriptor *entry =
            mem_grow(&referrers->list, referrers->n, sizeof *entry, IMAGE_MANIFESTS_MAX);
        if (!entry && referrers->n == IMAGE_MANIFESTS_MAX)
            return fail(why, RC_TOO_LARGE, "more than %d referrers", IMAGE_MANIFESTS_MAX);
        if (!entry)
            return fail_memory(why);

        referrers->n++;
        rc = descriptor_copy(entry, &manifest->descriptors[i], why);
    }

    return rc;
}

/* Of 'Link: <…>; rel="next"' what is within the brackets: free(). NULL: no such link. */
static enum rc
read_link(char **ret, const char *link, struct why *why)
{
    const char *start = link ? strchr(link, '<') : NULL;
    const char *end = start ? strchr(start, '>') : NULL;

    *ret = NULL;
    if (!end || !strcasestr(end, "rel=\"next\""))
        return RC_OK;

    *ret = strndup(start + 1, (size_t)(end - start - 1));
    return *ret ? RC_OK : fail_memory(why);
}

static enum rc
get_page(struct http_response *ret, struct registry *registry, const char *path,
    const char *address, struct why *why)
{
    const struct registry_request request = {
        .path = path,
        .right = REGISTRY_PULL,
        .http.method = "GET",
        .http.path = address,
        .http.accept = INDEX,
        .http.max_bytes = MANIFEST_MAX_BYTES,
        .http.is_redirect_followed = true,
    };

    return registry_send(ret, registry, &request, why);
}

/* What the registry lists. RC_UNSUPPORTED: it keeps no lists. */
static enum rc
get_listed(struct referrers *ret, struct registry *registry, const char *path, const char *digest,
    struct why *why)
{
    closing(bytes_done) struct bytes first = REGISTRY_ADDRESS_INIT;
    closing(freep) char *next = NULL;

    enum rc rc = registry_address(&first, path, "referrers", digest, why);
    for (size_t n = 0; !rc && (n == 0 || next); n++) {
        closing(http_response_done) struct http_response response = {0};

        if (n == IMAGE_MANIFESTS_MAX)
            return fail(why, RC_TOO_LARGE, "a list of more than %d pages", IMAGE_MANIFESTS_MAX);

        rc = get_page(&response, registry, path, next ? next : bytes_text(&first), why);
        if (rc)
            return rc;

        if (response.status == 401 || response.status == 403 || response.status == 429 ||
            response.status >= 500)
            return registry_refused(registry, path, "their list", &response, why);

        if (response.status != 200 || !http_response_is(&response, INDEX))
            return fail(why, RC_UNSUPPORTED, "no list of referrers");

        free(steal(next));
        rc = take(ret, bytes_span(&response.body), why);
        if (!rc)
            rc = read_link(&next, response.link, why);
    }

    return rc;
}

/* What clients have listed. */
static enum rc
get_tagged(struct referrers *ret, struct registry *registry, const char *path,
    const struct digest *digest, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    struct registry_manifest manifest;
    char tag[REGISTRY_DIGEST_LEN + 1];

    name_tag(tag, digest);
    enum rc rc = registry_fetch_manifest(&manifest, &response, registry, path, tag, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    if (!http_response_is(&response, INDEX))
        return fail(why, RC_MALFORMED, "what stands under the tag '%s' is no list", tag);

    return take(ret, bytes_span(&response.body), why);
}

enum rc
referrers_get(struct referrers *ret, struct registry *registry, const char *path,
    const struct digest *digest, struct why *why)
{
    closing(referrers_done) struct referrers referrers = {0};
    char text[REGISTRY_DIGEST_LEN + 1];

    registry_digest_text(text, digest);
    enum rc rc = get_listed(&referrers, registry, path, text, why);
    if (rc == RC_UNSUPPORTED) {
        referrers_done(&referrers);
        rc = get_tagged(&referrers, registry, path, digest, why);
    }
    if (rc)
        return within(why, rc, "referrers of '%s/%s@%s'", registry_host(registry), path, text);

    *ret = referrers;
    referrers = (struct referrers){0};
    return RC_OK;
}

/* A manifest that refers to another one, and the list that it is to be added to. */
struct entry {
    struct registry *registry;
    const char *path, *media_type;
    char tag[REGISTRY_DIGEST_LEN + 1];
    char digest[REGISTRY_DIGEST_LEN + 1];
    int64_t size;
    const struct manifest *manifest;
};

static bool
is_listed(const json_t *list, const char *digest)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_object_get(json_array_get(list, i), "digest"));
        if (text && !strcmp(text, digest))
            return true;
    }

    return false;
}

static enum rc
add(json_t *list, const struct entry *entry, struct why *why)
{
    closing(json_decrefp) json_t *annotations = NULL;
    const char *type = entry->manifest->artifact_type;

    if (entry->manifest->annotations) {
        enum rc rc = members_parse(&annotations, span_of(entry->manifest->annotations), why);
        if (rc)
            return rc;
    }

    json_t *object = json_pack("{s:s, s:s, s:I, s:s*, s:O*}", "mediaType", entry->media_type,
        "digest", entry->digest, "size", (json_int_t)entry->size, "artifactType", type,
        "annotations", annotations);
    if (!object || json_array_append_new(list, object))
        return fail_memory(why);

    return RC_OK;
}

/* The list as it is: its JSON, and the ETag by which it can be replaced. */
static enum rc
read_list(json_t **ret, char **ret_etag, const struct entry *entry, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(json_decrefp) json_t *root = NULL;
    struct registry_manifest manifest;

    enum rc rc = registry_fetch_manifest(
        &manifest, &response, entry->registry, entry->path, entry->tag, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    if (!rc && !http_response_is(&response, INDEX))
        return fail(why, RC_MALFORMED, "what stands under the tag '%s' is no list", entry->tag);

    rc = rc ? members_parse(&root,
                  SPAN("{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[]}"), why)
            : members_parse(&root, bytes_span(&response.body), why);
    if (!rc && !json_is_array(json_object_get(root, "manifests")))
        rc = fail(why, RC_MALFORMED, "the list under the tag '%s' has no manifests", entry->tag);
    if (rc)
        return rc;

    *ret = steal(root);
    *ret_etag = steal(response.etag);
    return RC_OK;
}

/* One attempt. *ret: it is in the list already. */
static enum rc
add_to_list(bool *ret, const struct entry *entry, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes bytes = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(json_decrefp) json_t *root = NULL;
    closing(freep) char *etag = NULL;

    enum rc rc = read_list(&root, &etag, entry, why);
    if (rc)
        return rc;

    json_t *list = json_object_get(root, "manifests");
    *ret = is_listed(list, entry->digest);
    if (*ret)
        return RC_OK;

    rc = add(list, entry, why);
    jsontext_put(&bytes, root);
    if (!rc)
        rc = bytes_check(&bytes, why);
    if (rc)
        return rc;

    const struct registry_put put = {entry->path, entry->tag, INDEX, bytes_span(&bytes), etag};
    rc = registry_store_manifest(&response, entry->registry, &put, why);
    if (rc || (response.status >= 200 && response.status <= 202) || response.status == 412)
        return rc;

    return registry_refused_manifest(entry->registry, &put, &response, why);
}

/*
 * Registries that keep no lists do not heed If-Match either: who adds at the same time may take our
 * entry away. So it is looked at again a little later.
 */
static enum rc
keep_list(const struct entry *entry, struct why *why)
{
    bool is_there = false;

    for (int n = 0; n < PUBLISH_CONFLICTS_MAX; n++) {
        enum rc rc = add_to_list(&is_there, entry, why);
        if (rc || is_there)
            return rc;

        pause_about(pause_backoff_ms(n + 2, HTTP_RETRY_MAX_S * 1000));
    }

    return fail(why, RC_NETWORK,
        "'%s/%s:%s': others change the list of referrers faster than we can; push again",
        registry_host(entry->registry), entry->path, entry->tag);
}

enum rc
referrers_put(struct registry *registry, const char *path, const char *media_type,
    struct span manifest, struct why *why)
{
    closing(manifest_freep) struct manifest *parsed = NULL;
    bool is_listed_there = false;
    struct digest digest;

    enum rc rc = manifest_parse(&parsed, media_type, manifest, why);
    if (rc)
        return rc;

    struct entry entry = {
        .registry = registry,
        .path = path,
        .media_type = media_type,
        .size = (int64_t)manifest.len,
        .manifest = parsed,
    };
    digest_of(&digest, manifest);
    registry_digest_text(entry.digest, &digest);
    rc = registry_put_manifest(
        &is_listed_there, registry, path, entry.digest, media_type, manifest, why);
    if (rc || is_listed_there || !parsed->subject)
        return rc;

    name_tag(entry.tag, &parsed->subject->digest);
    return keep_list(&entry, why);
}
