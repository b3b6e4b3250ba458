/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar file, compressed or not, and what docker saved in it. Where another reader sees nothing but
 * plain files (POSIX ustar), a file of it is the same bytes under the same name, once; and from a
 * pipe the archive holds the same.
 */
#include "client/archive.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/saved.h"
#include "tests/fuzz.h"

#define BLOCK      512
#define PIPE_BYTES (64 * 1024) /* without a reader */

static const char *const names[] = {"manifest.json", "index.json", "oci-layout", "a/layer.tar"};

/* A number of octal digits; false: none. */
static bool
octal(size_t *ret, const uint8_t *p, size_t len)
{
    *ret = 0;
    for (size_t i = 0; i < len && p[i] != 0 && p[i] != ' '; i++) {
        if (p[i] < '0' || p[i] > '7')
            return false;
        *ret = *ret * 8 + (size_t)(p[i] - '0');
    }
    return *p >= '0' && *p <= '7';
}

/* How many files of that name there are, and the last of them. False: it is not all plain. */
static bool
read_plain(size_t *ret_n, struct span *ret, struct span tar, const char *name)
{
    const uint8_t *start = tar.p;

    *ret_n = 0;
    while (tar.len >= BLOCK && tar.p[0] != 0) {
        size_t size = 0, sum = 0, have = 8 * ' ';

        for (size_t i = 0; i < BLOCK; i++)
            have += i >= 148 && i < 156 ? 0 : tar.p[i];
        if (memcmp(tar.p + 257, "ustar\00000", 8) != 0 || tar.p[156] != '0' || tar.p[345] != 0 ||
            !octal(&size, tar.p + 124, 11) || !octal(&sum, tar.p + 148, 7) || sum != have ||
            memmem(tar.p, 100, "./", 2) || memmem(tar.p, 100, "//", 2))
            return false;

        size_t whole = BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
        if (whole > tar.len)
            return false;
        if (memchr(tar.p, 0, 100) && !strcmp((const char *)tar.p, name)) {
            ++*ret_n;
            *ret = (struct span){tar.p + BLOCK, size};
        }
        tar.p += whole;
        tar.len -= whole;
    }

    return tar.p > start;
}

static void
check_saved(struct span text)
{
    closing(saved_freep) struct saved *saved = NULL;
    size_t at = 0;

    enum rc rc = saved_parse(&saved, text, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_TOO_LARGE);
    if (rc)
        return;

    json_auto_t *array = fuzz_json(text);
    assert(json_array_size(array) == saved->n);
    for (size_t i = 0; i < saved->n; i++) {
        const json_t *image = json_array_get(array, i);
        const struct saved_image *have = &saved->images[i];

        assert(!strcmp(have->config, json_string_value(json_object_get(image, "Config"))));
        assert(have->n_layers == json_array_size(json_object_get(image, "Layers")));
        for (size_t k = 0; k < have->n_layers; k++)
            assert(!strcmp(have->layers[k],
                json_string_value(json_array_get(json_object_get(image, "Layers"), k))));
    }
    if (!saved_find(&at, saved, "web:v1", NULL, NULL))
        assert(at < saved->n && saved->images[at].n_tags > 0);
}

static bool
find(struct bytes *ret, const struct archive_files *files, const char *name)
{
    struct content file;

    return !archive_files_find(&file, files, name, NULL) && !content_read_all(ret, &file, NULL);
}

static enum rc
open_fd(struct archive_files **ret, int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum rc rc = archive_files_new(ret, path, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_UNSUPPORTED || rc == RC_TOO_LARGE);
    return rc;
}

/* The same, from which nothing can be read twice. */
static enum rc
open_pipe(struct archive_files **ret, struct span tar)
{
    int fds[2];

    assert(!pipe2(fds, O_CLOEXEC));
    ssize_t written = write(fds[1], tar.p, tar.len);
    assert(written == (ssize_t)tar.len);
    fd_close(&fds[1]);
    enum rc rc = open_fd(ret, fds[0]);
    fd_close(&fds[0]);
    return rc;
}

static void
check(const struct archive_files *files, const struct archive_files *piped, struct span tar)
{
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(MANIFEST_MAX_BYTES);
        closing(bytes_done) struct bytes again = BYTES_INIT(MANIFEST_MAX_BYTES);
        struct span plain = {0};
        size_t n = 0;

        bool is_found = find(&text, files, names[i]);
        assert(is_found == find(&again, piped, names[i]));
        if (!is_found)
            continue;

        assert(span_eq(bytes_span(&text), bytes_span(&again)));
        if (read_plain(&n, &plain, tar, names[i]))
            assert(n == 1 && span_eq(plain, bytes_span(&text)));
        if (i == 0)
            check_saved(bytes_span(&text));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(archive_files_freep) struct archive_files *files = NULL;
    closing(archive_files_freep) struct archive_files *piped = NULL;
    closing(fd_close) int fd = memfd_create("archive", MFD_CLOEXEC);
    const struct span tar = {data, len};

    if (len > PIPE_BYTES)
        return 0;

    ssize_t written = write(fd, data, len);
    assert(written == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
    enum rc rc = open_fd(&files, fd);
    assert(!rc == !open_pipe(&piped, tar));
    if (!rc)
        check(files, piped, tar);

    return 0;
}
