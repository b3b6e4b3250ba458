/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/seen.h"

#include <sys/queue.h>

#include "proto/bounds.h"

#define N_BUCKETS 4096

struct file {
    TAILQ_ENTRY(file) by_use; /* the least recently used first */
    LIST_ENTRY(file) in_bucket;
    struct digest digest;
    size_t len;
    uint8_t bytes[];
};

struct seen {
    TAILQ_HEAD(, file) files;
    LIST_HEAD(, file) buckets[N_BUCKETS];
    size_t n, n_bytes;
};

enum rc
seen_new(struct seen **ret, struct why *why)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (!seen)
        return fail_memory(why);

    TAILQ_INIT(&seen->files);
    *ret = seen;
    return RC_OK;
}

static void
drop(struct seen *seen, struct file *file)
{
    TAILQ_REMOVE(&seen->files, file, by_use);
    LIST_REMOVE(file, in_bucket);
    seen->n--;
    seen->n_bytes -= file->len;
    free(file);
}

void
seen_free(struct seen *seen)
{
    if (!seen)
        return;

    while (!TAILQ_EMPTY(&seen->files))
        drop(seen, TAILQ_FIRST(&seen->files));
    free(seen);
}

/* Of a file that verifies, the digest is as good as random. */
static size_t
bucket_of(const struct digest *digest)
{
    return (size_t)(digest->b[0] << 8 | digest->b[1]) % N_BUCKETS;
}

static struct file *
find_file(struct seen *seen, const struct digest *digest)
{
    struct file *file;

    LIST_FOREACH(file, &seen->buckets[bucket_of(digest)], in_bucket)
        if (digest_eq(&file->digest, digest))
            return file;

    return NULL;
}

bool
seen_find(struct span *ret, struct seen *seen, const struct digest *digest)
{
    struct file *file = find_file(seen, digest);

    if (!file)
        return false;

    TAILQ_REMOVE(&seen->files, file, by_use);
    TAILQ_INSERT_TAIL(&seen->files, file, by_use);
    *ret = (struct span){file->bytes, file->len};
    return true;
}

void
seen_put(struct seen *seen, const struct digest *digest, struct span bytes)
{
    struct span known;

    if (bytes.len > SEEN_MAX_BYTES || seen_find(&known, seen, digest))
        return;

    struct file *file = malloc(sizeof *file + bytes.len);
    if (!file)
        return;

    while (seen->n == SEEN_MAX_FILES || seen->n_bytes + bytes.len > SEEN_MAX_BYTES)
        drop(seen, TAILQ_FIRST(&seen->files));

    file->digest = *digest;
    file->len = bytes.len;
    memcpy(file->bytes, bytes.p, bytes.len);
    TAILQ_INSERT_TAIL(&seen->files, file, by_use);
    LIST_INSERT_HEAD(&seen->buckets[bucket_of(digest)], file, in_bucket);
    seen->n++;
    seen->n_bytes += bytes.len;
}
