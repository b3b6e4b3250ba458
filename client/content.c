/* SPDX-License-Identifier: Apache-2.0 */
#include "client/content.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "proto/hasher.h"

void
content_done(struct content *content)
{
    if (content->is_fd_ours)
        fd_close(&content->fd);
    *content = CONTENT_NONE;
}

enum rc
content_read(const struct content *content, int64_t position, uint8_t *ret, size_t room,
    size_t *ret_len, struct why *why)
{
    ssize_t len = 0;

    if (position >= content->size) {
        *ret_len = 0;
        return RC_OK;
    }

    if ((int64_t)room > content->size - position)
        room = (size_t)(content->size - position);
    do
        len = pread(content->fd, ret, room, content->offset + (off_t)position);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return fail(why, RC_SYSTEM, "cannot be read: %s", strerror(errno));
    if (len == 0)
        return fail(why, RC_SYSTEM,
            "has %" PRId64 " bytes only, it had %" PRId64 ": it is being written to", position,
            content->size);

    *ret_len = (size_t)len;
    return RC_OK;
}

enum rc
content_read_all(struct bytes *ret, const struct content *content, struct why *why)
{
    if (content->size > (int64_t)(ret->max - ret->len))
        return fail(why, RC_TOO_LARGE, "%" PRId64 " bytes, the limit is %zu", content->size,
            ret->max - ret->len);

    for (int64_t position = 0; position < content->size;) {
        size_t room = (size_t)(content->size - position), len = 0;

        uint8_t *place = bytes_room(ret, room);
        if (!place)
            return bytes_check(ret, why);

        enum rc rc = content_read(content, position, place, room, &len, why);
        if (rc)
            return rc;

        bytes_advance(ret, len);
        position += (int64_t)len;
    }

    return RC_OK;
}

enum rc
content_digest(struct digest *ret, const struct content *content, struct why *why)
{
    closing(hasher_freep) struct hasher *hasher = NULL;
    uint8_t part[64 * 1024];

    enum rc rc = hasher_new(&hasher, why);
    for (int64_t position = 0; position < content->size && !rc;) {
        size_t len = 0;

        rc = content_read(content, position, part, sizeof part, &len, why);
        hasher_add(hasher, (struct span){part, rc ? 0 : len});
        position += (int64_t)len;
    }
    if (!rc)
        hasher_digest(ret, hasher);
    return rc;
}
