/* SPDX-License-Identifier: Apache-2.0 */
#include "client/archive.h"
#include "client/docker_archive.h"
#include "client/layout.h"

/* oci-archive:FILE[:TAG] and docker-archive:FILE[:REFERENCE] */
struct archived {
    struct archive_files *files;
    struct layout *layout; /* NULL: the old form */
    struct docker_archive *old;
};

static void
archived_free(void *data)
{
    struct archived *archived = data;

    if (!archived)
        return;

    docker_archive_free(archived->old);
    layout_free(archived->layout);
    archive_files_free(archived->files);
    free(archived);
}

static void
archived_freep(struct archived **archived)
{
    archived_free(*archived);
}

static enum rc
open_file(struct content *ret, void *data, const char *name, struct why *why)
{
    const struct archived *archived = data;

    return archive_files_find(ret, archived->files, name, why);
}

/* NAME is all behind the first colon, as in other programs: names of images have colons too. */
static enum rc
open_archive(struct archived **ret, const char **ret_name, const char *rest, struct why *why)
{
    const char *colon = strchr(rest, ':');

    closing(freep) char *path = colon ? strndup(rest, (size_t)(colon - rest)) : strdup(rest);
    closing(archived_freep) struct archived *archived = calloc(1, sizeof *archived);
    if (!path || !archived)
        return fail_memory(why);

    enum rc rc = archive_files_new(&archived->files, path, why);
    if (rc)
        return rc;

    *ret_name = colon && colon[1] ? colon + 1 : NULL;
    *ret = steal(archived);
    return RC_OK;
}

static enum rc
open_layout(struct archived *archived, const char *name, struct why *why)
{
    return layout_new(&archived->layout, &(struct layout_place){open_file, archived}, name, why);
}

static enum rc
open_oci(void **ret, const char *rest, struct session *session, struct why *why)
{
    closing(archived_freep) struct archived *archived = NULL;
    const char *name = NULL;

    (void)session;
    enum rc rc = open_archive(&archived, &name, rest, why);
    if (!rc)
        rc = open_layout(archived, name, why);
    if (rc)
        return rc;

    *ret = steal(archived);
    return RC_OK;
}

/* Engines of today save an OCI layout, and what the old form needs beside it. */
static enum rc
open_docker(void **ret, const char *rest, struct session *session, struct why *why)
{
    closing(archived_freep) struct archived *archived = NULL;
    struct content version;
    const char *name = NULL;

    enum rc rc = open_archive(&archived, &name, rest, why);
    if (rc)
        return rc;

    if (archive_files_find(&version, archived->files, "oci-layout", NULL))
        rc = docker_archive_new(
            &archived->old, archived->files, name, session ? session_progress(session) : NULL, why);
    else
        rc = open_layout(archived, name, why);
    if (rc)
        return rc;

    *ret = steal(archived);
    return RC_OK;
}

static enum rc
archived_find(
    struct descriptor *ret, void *data, const struct source_choice *choice, struct why *why)
{
    const struct archived *archived = data;

    return archived->old ? docker_archive_find(ret, archived->old, choice, why)
                         : layout_find(ret, archived->layout, choice, why);
}

static enum rc
archived_read(void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why)
{
    const struct archived *archived = data;

    return archived->old ? docker_archive_read(archived->old, ret, descriptor, why)
                         : layout_read(archived->layout, ret, descriptor, why);
}

static enum rc
archived_open_blob(struct content *ret, void *data, const struct descriptor *blob, struct why *why)
{
    const struct archived *archived = data;

    return archived->old ? docker_archive_open_blob(ret, archived->old, blob, why)
                         : layout_open_blob(ret, archived->layout, blob, why);
}

static enum rc
archived_referrers(struct referrers *ret, void *data, const struct digest *digest, struct why *why)
{
    const struct archived *archived = data;

    return archived->old ? RC_OK : layout_referrers(ret, archived->layout, digest, why);
}

const struct source_form source_oci_archive = {
    .name = "oci-archive",
    .open = open_oci,
    .free = archived_free,
    .find = archived_find,
    .read = archived_read,
    .open_blob = archived_open_blob,
    .referrers = archived_referrers,
};

const struct source_form source_docker_archive = {
    .name = "docker-archive",
    .open = open_docker,
    .free = archived_free,
    .find = archived_find,
    .read = archived_read,
    .open_blob = archived_open_blob,
    .referrers = archived_referrers,
};
