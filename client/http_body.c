/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_body.h"

enum rc
http_body_next(struct http_body *body, uint8_t *ret, size_t room, size_t *ret_len, struct why *why)
{
    const struct http_watch *watch = body->watch;
    size_t len = 0;

    enum rc rc = content_read(body->content, body->position, ret, room, &len, why);
    if (!rc && len > 0 && watch && watch->piece)
        rc = watch->piece(watch->data, (struct span){ret, len}, why);
    if (rc)
        return rc;

    body->position += (int64_t)len;
    *ret_len = len;
    return RC_OK;
}

void
http_body_rewind(struct http_body *body)
{
    const struct http_watch *watch = body->watch;

    if (body->position > 0 && watch && watch->again)
        watch->again(watch->data);
    body->position = 0;
}

bool
http_body_is_sent(const struct http_body *body)
{
    return body->position == body->content->size;
}
