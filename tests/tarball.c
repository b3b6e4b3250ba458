/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tarball.h"

#include <assert.h>
#include <inttypes.h>
#include <unistd.h>

#define BLOCK_BYTES 512

static void
pad(struct bytes *b, size_t len)
{
    static const uint8_t zeros[BLOCK_BYTES];

    bytes_put(b, (struct span){zeros, (BLOCK_BYTES - len % BLOCK_BYTES) % BLOCK_BYTES});
}

void
tarball_put(struct bytes *b, const struct tarball_entry *entry)
{
    char header[BLOCK_BYTES] = {0};
    uint64_t size = entry->size ? entry->size : entry->data.len;
    unsigned sum = 0;

    assert(strlen(entry->name) <= 100 && (!entry->target || strlen(entry->target) <= 100));
    memcpy(header, entry->name, strlen(entry->name));
    memcpy(header + 100, "0000644", 7);
    memcpy(header + 108, "0000000", 7);
    memcpy(header + 116, "0000000", 7);
    snprintf(header + 124, 12, "%011" PRIo64, size);
    memcpy(header + 136, "00000000000", 11);
    memset(header + 148, ' ', 8);
    header[156] = entry->type;
    if (entry->target)
        memcpy(header + 157, entry->target, strlen(entry->target));
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof header; i++)
        sum += (uint8_t)header[i];
    snprintf(header + 148, 8, "%06o", sum);

    bytes_put(b, (struct span){(const uint8_t *)header, sizeof header});
    bytes_put(b, entry->data);
    pad(b, entry->data.len);
}

void
tarball_put_file(struct bytes *b, const char *name, struct span data)
{
    tarball_put(b, &(struct tarball_entry){.name = name, .type = '0', .data = data});
}

void
tarball_end(struct bytes *b)
{
    static const uint8_t zeros[2 * BLOCK_BYTES];

    bytes_put(b, (struct span){zeros, sizeof zeros});
}

void
tarball_store(char *path, struct span bytes)
{
    int fd = mkstemp(path);

    assert(fd >= 0);
    for (size_t done = 0; done < bytes.len;) {
        ssize_t len = write(fd, bytes.p + done, bytes.len - done);
        assert(len > 0);
        done += (size_t)len;
    }
    fd_close(&fd);
}
