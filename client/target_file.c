/* SPDX-License-Identifier: Apache-2.0 */
#include "client/target_file.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/file.h"
#include "proto/hasher.h"

#define PIECE_BYTES (64 * 1024)

/* Everything up to the end, *ret_size bytes of it. */
static enum rc
hash_all(
    int64_t *ret_size, int fd, struct hasher *hasher, struct hasher *long_hasher, struct why *why)
{
    closing(freep) uint8_t *piece = malloc(PIECE_BYTES);
    int64_t size = 0;

    if (!piece)
        return fail_memory(why);

    for (;;) {
        ssize_t len = read(fd, piece, PIECE_BYTES);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EISDIR)
            return fail(why, RC_MALFORMED, "is a directory, want a file");
        if (len < 0)
            return fail(why, RC_SYSTEM, "cannot be read: %s", strerror(errno));
        if (len == 0)
            break;

        size += len;
        if (size > TARGET_FILE_MAX_BYTES)
            return fail(
                why, RC_TOO_LARGE, "more than %lld bytes, the limit", TARGET_FILE_MAX_BYTES);

        const struct span read_now = {piece, (size_t)len};
        hasher_add(hasher, read_now);
        hasher_add(long_hasher, read_now);
    }

    *ret_size = size;
    return RC_OK;
}

static bool
is_same_moment(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A regular file that somebody writes to while it is read has hashes of no state that it was in. */
static enum rc
check_still(int fd, const struct stat *before, int64_t size, struct why *why)
{
    struct stat after;

    if (fstat(fd, &after) < 0)
        return fail(why, RC_SYSTEM, "cannot be looked at: %s", strerror(errno));

    if (S_ISREG(before->st_mode) &&
        (after.st_size != before->st_size || !is_same_moment(&after.st_mtim, &before->st_mtim)))
        return fail(why, RC_SYSTEM,
            "was written to while it was read (%" PRId64 " bytes, then %" PRId64
            "): try again when it is finished",
            (int64_t)before->st_size,
            (int64_t)after.st_size > size ? (int64_t)after.st_size : size);

    return RC_OK;
}

static enum rc
read_from(struct target_file *ret, int fd, struct why *why)
{
    closing(hasher_freep) struct hasher *hasher = NULL;
    closing(hasher_freep) struct hasher *long_hasher = NULL;
    struct target_file file = {.hashes = {.has_sha256 = true, .has_sha512 = true}};
    struct stat before;

    if (fstat(fd, &before) < 0)
        return fail(why, RC_SYSTEM, "cannot be looked at: %s", strerror(errno));

    enum rc rc = hasher_new(&hasher, why);
    if (!rc)
        rc = hasher_new_long(&long_hasher, why);
    if (!rc)
        rc = hash_all(&file.size, fd, hasher, long_hasher, why);
    if (!rc)
        rc = check_still(fd, &before, file.size, why);
    if (rc)
        return rc;

    hasher_digest(&file.hashes.sha256, hasher);
    hasher_digest_long(file.hashes.sha512, long_hasher);
    *ret = file;
    return RC_OK;
}

enum rc
target_file_read(struct target_file *ret, const char *path, struct why *why)
{
    closing(fd_close) int fd = -1;
    bool is_input = !strcmp(path, "-");

    enum rc rc = is_input ? RC_OK : file_open(&fd, path, why);
    if (rc)
        return rc;

    rc = read_from(ret, is_input ? STDIN_FILENO : fd, why);
    return rc ? within(why, rc, "'%s'", is_input ? "standard input" : path) : RC_OK;
}

static void
put_hash(struct bytes *b, const char *name, struct span have, struct span want)
{
    if (span_eq(have, want))
        return;

    bytes_printf(b, "%s%s is ", b->len > 0 ? ", " : "", name);
    bytes_put_hex(b, have);
    bytes_puts(b, ", want ");
    bytes_put_hex(b, want);
}

enum rc
target_file_check(const struct target_file *file, const struct tuf_target *target, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    const struct tuf_hashes *have = &file->hashes, *want = &target->hashes;

    if (!want->has_sha256 && !want->has_sha512)
        return fail(why, RC_UNTRUSTED, "the target has neither a sha256 nor a sha512");

    if (file->size != target->length)
        bytes_printf(&text, "size is %" PRId64 ", want %" PRId64, file->size, target->length);
    if (want->has_sha256)
        put_hash(&text, "sha256", digest_span(&have->sha256), digest_span(&want->sha256));
    if (want->has_sha512)
        put_hash(&text, "sha512", (struct span){have->sha512, sizeof have->sha512},
            (struct span){want->sha512, sizeof want->sha512});

    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    return text.len > 0 ? fail(why, RC_UNTRUSTED, "%s", bytes_text(&text)) : RC_OK;
}
