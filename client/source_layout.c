/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/layout.h"

/* oci:DIR[:TAG] */
struct directory {
    int fd;
    struct layout *layout;
};

static void
directory_free(void *data)
{
    struct directory *directory = data;

    if (!directory)
        return;

    layout_free(directory->layout);
    fd_close(&directory->fd);
    free(directory);
}

static void
directory_freep(struct directory **directory)
{
    directory_free(*directory);
}

/* Somebody else may have made the directory: nothing in it makes us wait. */
static enum rc
open_file(struct content *ret, void *data, const char *name, struct why *why)
{
    const struct directory *directory = data;
    struct stat st;

    closing(fd_close) int fd =
        openat(directory->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fail(why, RC_NOT_FOUND, "no such file");
    if (fd < 0)
        return fail(why, RC_SYSTEM, "cannot be read as uid %u: %s", geteuid(), strerror(errno));
    if (fstat(fd, &st))
        return fail(why, RC_SYSTEM, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(why, RC_MALFORMED, "it is no file");

    *ret = (struct content){.fd = fd, .is_fd_ours = true, .size = st.st_size};
    fd = -1;
    return RC_OK;
}

static enum rc
directory_open(void **ret, const char *rest, struct session *session, struct why *why)
{
    const char *colon = strchr(rest, ':');

    (void)session;
    closing(freep) char *path = colon ? strndup(rest, (size_t)(colon - rest)) : strdup(rest);
    closing(directory_freep) struct directory *directory = calloc(1, sizeof *directory);
    if (!path || !directory)
        return fail_memory(why);

    directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fail(why, RC_NOT_FOUND, "'%s': no such directory", path);
    if (directory->fd < 0)
        return fail(
            why, RC_SYSTEM, "cannot read '%s' as uid %u: %s", path, geteuid(), strerror(errno));

    const struct layout_place place = {open_file, directory};
    enum rc rc = layout_new(&directory->layout, &place, colon && colon[1] ? colon + 1 : NULL, why);
    if (rc)
        return rc;

    *ret = steal(directory);
    return RC_OK;
}

static enum rc
directory_find(
    struct descriptor *ret, void *data, const struct source_choice *choice, struct why *why)
{
    struct directory *directory = data;

    return layout_find(ret, directory->layout, choice, why);
}

static enum rc
directory_read(void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why)
{
    struct directory *directory = data;

    return layout_read(directory->layout, ret, descriptor, why);
}

static enum rc
directory_open_blob(struct content *ret, void *data, const struct descriptor *blob, struct why *why)
{
    struct directory *directory = data;

    return layout_open_blob(ret, directory->layout, blob, why);
}

static enum rc
directory_referrers(struct referrers *ret, void *data, const struct digest *digest, struct why *why)
{
    struct directory *directory = data;

    return layout_referrers(ret, directory->layout, digest, why);
}

const struct source_form source_layout = {
    .name = "oci",
    .open = directory_open,
    .free = directory_free,
    .find = directory_find,
    .read = directory_read,
    .open_blob = directory_open_blob,
    .referrers = directory_referrers,
};
