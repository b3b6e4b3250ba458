/* SPDX-License-Identifier: Apache-2.0 */
#include "client/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/file.h"
#include "client/libarchive.h"
#include "client/spool.h"
#include "proto/bounds.h"

#define BLOCK_BYTES  (256 * 1024)
#define HEADER_BYTES 512 /* POSIX ustar */
#define LINKS_MAX    8   /* one to the other: a circle else */

struct entry {
    char *name;
    char *target;           /* of a link; NULL: a file */
    struct content content; /* of the archive or of the spool */
};

struct archive_files {
    struct entry *entries; /* in the order of their names */
    size_t n;
    struct spool *spool;
    int fd; /* of the archive */
};

/* While it is read. */
struct reading {
    struct archive *archive;
    struct archive_files *files;
    struct archive_entry *header; /* libarchive's */
    size_t n_headers;
    int64_t size; /* of the archive; -1: it cannot be read twice, as a pipe cannot */
};

static void
archive_donep(struct archive **archive)
{
    if (*archive)
        archive_read_free(*archive);
}

void
archive_files_free(struct archive_files *files)
{
    if (!files)
        return;

    for (size_t i = 0; i < files->n; i++) {
        free(files->entries[i].name);
        free(files->entries[i].target);
    }
    free(files->entries);
    spool_free(files->spool);
    fd_close(&files->fd);
    free(files);
}

static enum rc
refuse(const struct reading *reading, const char *what, struct why *why)
{
    const char *name = archive_entry_pathname(reading->header);

    return fail(why, RC_MALFORMED, "entry '%s': %s", name ? name : "", what);
}

/* What libarchive says. */
static enum rc
give_up(struct archive *archive, struct why *why)
{
    const char *text = archive_error_string(archive);

    if (archive_errno(archive) == ENOMEM)
        return fail_memory(why);

    return fail(why, RC_MALFORMED, "it is damaged: %s", text ? text : "libarchive says no more");
}

/* Append the parts of a path to ret, which holds those of a directory; ".." takes one away. False:
 * it leads out, is absolute, or is too long. */
static bool
walk(char ret[ARCHIVE_NAME_MAX_BYTES + 1], const char *path)
{
    if (*path == '/')
        return false;

    while (*path) {
        size_t len = strcspn(path, "/"), at = strlen(ret);

        if (len == 2 && !strncmp(path, "..", 2)) {
            char *slash = strrchr(ret, '/');
            if (at == 0)
                return false;
            *(slash ? slash : ret) = 0;
        } else if (len > 0 && !(len == 1 && *path == '.')) {
            if (at + (at > 0) + len > ARCHIVE_NAME_MAX_BYTES)
                return false;
            if (at > 0)
                ret[at++] = '/';
            memcpy(ret + at, path, len);
            ret[at + len] = 0;
        }
        path += len;
        path += strspn(path, "/");
    }

    return true;
}

/* Whether a part of it is "..". */
static bool
has_parent(const char *path)
{
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (at[2] == 0 || at[2] == '/'))
            return true;

    return false;
}

static enum rc
take_name(char **ret, const struct reading *reading, struct why *why)
{
    const char *name = archive_entry_pathname(reading->header);
    char clean[ARCHIVE_NAME_MAX_BYTES + 1] = "";

    if (!name || has_parent(name) || !walk(clean, name) || !*clean)
        return refuse(reading, "its name is none within the archive", why);

    *ret = strdup(clean);
    return *ret ? RC_OK : fail_memory(why);
}

/* Where a link leads: a symbolic one from its own directory, a hard one from the top. */
static enum rc
take_target(struct entry *entry, const struct reading *reading, struct why *why)
{
    const char *hard = archive_entry_hardlink(reading->header);
    const char *symbolic = archive_entry_symlink(reading->header);
    char target[ARCHIVE_NAME_MAX_BYTES + 1] = "";

    if (!hard) {
        char *slash = strrchr(entry->name, '/');
        snprintf(
            target, sizeof target, "%.*s", slash ? (int)(slash - entry->name) : 0, entry->name);
    }
    const char *path = hard ? hard : symbolic;
    if (!path || !walk(target, path) || !*target)
        return refuse(reading, "it is a link that leads out of the archive", why);

    entry->target = strdup(target);
    return entry->target ? RC_OK : fail_memory(why);
}

/* What expands so much was made to fill disks. */
static enum rc
check_size(const struct reading *reading, struct why *why)
{
    int64_t out = archive_filter_bytes(reading->archive, 0);
    int64_t in = archive_filter_bytes(reading->archive, -1);

    if (out > ARCHIVE_FREE_BYTES && out / ARCHIVE_RATIO_MAX > in)
        return fail(why, RC_TOO_LARGE,
            "%" PRId64 " bytes were made of %" PRId64 ", more than %d times as many", out, in,
            ARCHIVE_RATIO_MAX);

    return RC_OK;
}

/* The bytes of a file into the spool. */
static enum rc
take_data(struct entry *entry, const struct reading *reading, struct why *why)
{
    struct spool *spool = reading->files->spool;
    int64_t start = spool_len(spool), position = 0;
    const void *block = NULL;
    size_t len = 0;
    int r = 0;

    while ((r = archive_read_data_block(reading->archive, &block, &len, &position)) == ARCHIVE_OK) {
        if (position != spool_len(spool) - start)
            return refuse(reading, "it has holes", why);

        enum rc rc = spool_put(spool, (struct span){block, len}, why);
        if (!rc)
            rc = check_size(reading, why);
        if (rc)
            return rc;
    }
    if (r != ARCHIVE_EOF)
        return give_up(reading->archive, why);

    entry->content = spool_content(spool, start);
    if (entry->content.size != archive_entry_size(reading->header))
        return refuse(reading, "it has not as many bytes as it says", why);

    return RC_OK;
}

/* Whether the bytes stand in the archive as they are, behind one plain header: not where it is
 * compressed, and not where libarchive may have read more than that. */
static bool
is_in_place(const struct reading *reading)
{
    return reading->size >= 0 && archive_filter_count(reading->archive) == 1 &&
           archive_filter_bytes(reading->archive, 0) -
                   archive_read_header_position(reading->archive) ==
               HEADER_BYTES;
}

/* Where the bytes of a file are. */
static enum rc
leave_data(struct entry *entry, const struct reading *reading, struct why *why)
{
    entry->content = (struct content){
        .fd = reading->files->fd,
        .offset = (off_t)archive_filter_bytes(reading->archive, 0),
        .size = archive_entry_size(reading->header),
    };
    if (entry->content.size < 0 || entry->content.offset > reading->size ||
        entry->content.size > reading->size - entry->content.offset)
        return refuse(reading, "it is damaged: the archive ends before it does", why);

    return archive_read_data_skip(reading->archive) ? give_up(reading->archive, why) : RC_OK;
}

static enum rc
take_entry(const struct reading *reading, struct why *why)
{
    struct archive_files *files = reading->files;
    bool is_link = archive_entry_hardlink(reading->header) ||
                   archive_entry_filetype(reading->header) == AE_IFLNK;

    if (archive_entry_filetype(reading->header) == AE_IFDIR)
        return RC_OK;
    if (!is_link && archive_entry_filetype(reading->header) != AE_IFREG)
        return refuse(reading, "it is neither file nor directory nor link", why);
    if (archive_entry_sparse_count(reading->header) > 0)
        return refuse(reading, "it has holes", why);

    struct entry *entry = mem_grow(&files->entries, files->n, sizeof *entry, ARCHIVE_ENTRIES_MAX);
    if (!entry)
        return fail_memory(why);

    files->n++;
    enum rc rc = take_name(&entry->name, reading, why);
    if (rc)
        return rc;
    if (is_link)
        return take_target(entry, reading, why);

    return is_in_place(reading) ? leave_data(entry, reading, why) : take_data(entry, reading, why);
}

static int
entry_cmp(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static enum rc
sort(struct archive_files *files, struct why *why)
{
    if (files->n > 0)
        qsort(files->entries, files->n, sizeof *files->entries, entry_cmp);
    for (size_t i = 1; i < files->n; i++)
        if (!strcmp(files->entries[i - 1].name, files->entries[i].name))
            return fail(why, RC_MALFORMED,
                "entry '%s' is there twice: programs differ in which of them they take",
                files->entries[i].name);

    return RC_OK;
}

static enum rc
read_entries(struct reading *reading, struct why *why)
{
    int r = 0;

    while ((r = archive_read_next_header(reading->archive, &reading->header)) == ARCHIVE_OK) {
        if (reading->n_headers++ == ARCHIVE_ENTRIES_MAX)
            return fail(why, RC_TOO_LARGE, "more than %d entries", ARCHIVE_ENTRIES_MAX);

        /* Of stacked filters each would multiply what the others do. */
        if (archive_filter_count(reading->archive) > 2)
            return fail(why, RC_UNSUPPORTED, "it is compressed more than once");

        enum rc rc = take_entry(reading, why);
        if (rc)
            return rc;
    }

    if (r == ARCHIVE_EOF && reading->n_headers == 0)
        return fail(why, RC_MALFORMED, "it is empty");

    return r == ARCHIVE_EOF ? RC_OK : give_up(reading->archive, why);
}

/* No format but tar, and no filter that would start a program. */
static enum rc
open_archive(struct archive **ret, int fd, struct why *why)
{
    enum rc rc = libarchive_load(why);
    if (rc)
        return rc;

    closing(archive_donep) struct archive *archive = archive_read_new();
    if (!archive)
        return fail_memory(why);

    if (archive_read_support_filter_gzip(archive) || archive_read_support_filter_bzip2(archive) ||
        archive_read_support_filter_xz(archive) || archive_read_support_filter_zstd(archive) ||
        archive_read_support_format_tar(archive))
        return fail(why, RC_SYSTEM, "libarchive: %s", archive_error_string(archive));

    if (archive_read_open_fd(archive, fd, BLOCK_BYTES)) {
        if (archive_errno(archive) != EILSEQ) /* ARCHIVE_ERRNO_FILE_FORMAT, which is private */
            return give_up(archive, why);
        return fail(why, RC_UNSUPPORTED,
            "it is no tar file, as it is or compressed by gzip, bzip2, xz or zstd");
    }

    *ret = steal(archive);
    return RC_OK;
}

static enum rc
open_file(int *ret, int64_t *ret_size, const char *path, struct why *why)
{
    closing(fd_close) int fd = -1;
    struct stat st;

    enum rc rc = file_open(&fd, path, why);
    if (rc)
        return rc;

    if (fstat(fd, &st))
        return fail(why, RC_SYSTEM, "cannot read '%s': %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return fail(why, RC_MALFORMED,
            "'%s' is a directory, want an archive; an OCI layout is named by oci:DIR", path);

    *ret_size = S_ISREG(st.st_mode) ? st.st_size : -1;
    *ret = fd;
    fd = -1;
    return RC_OK;
}

enum rc
archive_files_new(struct archive_files **ret, const char *path, struct why *why)
{
    closing(archive_donep) struct archive *archive = NULL;
    closing(archive_files_freep) struct archive_files *files = calloc(1, sizeof *files);
    if (!files)
        return fail_memory(why);

    files->fd = -1;
    struct reading reading = {.files = files};
    enum rc rc = open_file(&files->fd, &reading.size, path, why);
    if (!rc)
        rc = spool_new(&files->spool, why);
    if (!rc)
        rc = open_archive(&archive, files->fd, why);
    reading.archive = archive;
    if (!rc)
        rc = read_entries(&reading, why);
    if (!rc)
        rc = sort(files, why);
    if (rc)
        return rc;

    *ret = steal(files);
    return RC_OK;
}

static const struct entry *
find(const struct archive_files *files, const char *name)
{
    const struct entry key = {.name = (char *)name};

    return files->n == 0
               ? NULL
               : bsearch(&key, files->entries, files->n, sizeof *files->entries, entry_cmp);
}

enum rc
archive_files_find(
    struct content *ret, const struct archive_files *files, const char *name, struct why *why)
{
    const struct entry *entry = find(files, name);

    for (int i = 0; entry && entry->target && i < LINKS_MAX; i++)
        entry = find(files, entry->target);
    if (!entry)
        return fail(why, RC_NOT_FOUND, "no such file");
    if (entry->target)
        return fail(why, RC_NOT_FOUND, "links lead nowhere");

    *ret = entry->content;
    return RC_OK;
}

struct spool *
archive_files_spool(const struct archive_files *files)
{
    return files->spool;
}
