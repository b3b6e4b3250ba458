/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "client/registry_blob.h"
#include "client/source_form.h"
#include "client/spool.h"
#include "proto/bounds.h"

/* registry:REFERENCE */
struct remote {
    struct reference reference;
    struct registry *registry; /* the session's */
};

static void
remote_free(void *data)
{
    struct remote *remote = data;

    if (!remote)
        return;

    reference_done(&remote->reference);
    free(remote);
}

static void
remote_freep(struct remote **remote)
{
    remote_free(*remote);
}

static enum rc
remote_open(void **ret, const char *rest, struct session *session, struct why *why)
{
    closing(remote_freep) struct remote *remote = calloc(1, sizeof *remote);
    if (!remote)
        return fail_memory(why);

    enum rc rc = reference_parse(&remote->reference, rest, why);
    if (!rc)
        rc = session_registry(&remote->registry, session, remote->reference.host, why);
    if (rc)
        return rc;

    *ret = steal(remote);
    return RC_OK;
}

/* The digest where one is given; else the tag, which docker leaves out where it is latest. */
static enum rc
remote_find(struct descriptor *ret, void *data, const struct source_choice *choice, struct why *why)
{
    closing(bytes_done) struct bytes bytes = BYTES_INIT(MANIFEST_MAX_BYTES);
    struct remote *remote = data;
    const struct reference *reference = &remote->reference;
    const char *name = reference->digest;
    if (!name)
        name = reference->tag;
    if (!name)
        name = choice->tag ? choice->tag : "latest";

    enum rc rc = registry_get_manifest(
        &bytes, &ret->media_type, remote->registry, reference->path, name, why);
    if (rc)
        return rc;

    digest_of(&ret->digest, bytes_span(&bytes));
    ret->size = (int64_t)bytes.len;
    return RC_OK;
}

static enum rc
remote_read(void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why)
{
    char name[sizeof "sha256:" + DIGEST_HEX_LEN] = "sha256:";
    struct remote *remote = data;
    closing(freep) char *media_type = NULL;

    digest_hex(name + strlen(name), &descriptor->digest);
    return registry_get_manifest(
        ret, &media_type, remote->registry, remote->reference.path, name, why);
}

/* A download that begins anew is put behind what came before. */
struct arrival {
    struct spool *spool;
    int64_t from;
};

static enum rc
arrive(void *data, struct span piece, struct why *why)
{
    struct arrival *arrival = data;

    return spool_put(arrival->spool, piece, why);
}

static void
begin_again(void *data)
{
    struct arrival *arrival = data;

    arrival->from = spool_len(arrival->spool);
}

static enum rc
remote_open_blob(
    struct content *ret, void *data, const struct descriptor *descriptor, struct why *why)
{
    struct remote *remote = data;
    closing(spool_freep) struct spool *spool = NULL;
    const struct registry_blob blob = {
        remote->reference.path, descriptor->digest, descriptor->size};

    enum rc rc = spool_new(&spool, why);
    if (rc)
        return rc;

    struct arrival arrival = {.spool = spool};
    rc = registry_download(
        remote->registry, &blob, &(struct http_watch){arrive, begin_again, &arrival}, why);
    if (rc)
        return rc;

    struct content content = spool_content(spool, arrival.from);
    content.fd = fcntl(content.fd, F_DUPFD_CLOEXEC, 0);
    content.is_fd_ours = true;
    if (content.fd < 0)
        return fail(why, RC_SYSTEM, "%s", strerror(errno));

    *ret = content;
    return RC_OK;
}

static enum rc
remote_referrers(struct referrers *ret, void *data, const struct digest *digest, struct why *why)
{
    struct remote *remote = data;

    return referrers_get(ret, remote->registry, remote->reference.path, digest, why);
}

static const char *
remote_path_on(const void *data, const char *host)
{
    const struct remote *remote = data;

    return strcmp(remote->reference.host, host) != 0 ? NULL : remote->reference.path;
}

const struct source_form source_registry = {
    .name = "registry",
    .open = remote_open,
    .free = remote_free,
    .find = remote_find,
    .read = remote_read,
    .open_blob = remote_open_blob,
    .referrers = remote_referrers,
    .path_on = remote_path_on,
};
