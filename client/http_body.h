/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_body — the body of a request on its way: its content piece by piece, and who follows it.
 */
#include "client/http.h"

struct http_body {
    const struct content *content;
    const struct http_watch *watch; /* NULL: nobody */
    int64_t position;
};

/* The next piece, of up to room bytes; 0 at the end. What content_read() and the watch say. */
must_check enum rc http_body_next(
    struct http_body *body, uint8_t *ret, size_t room, size_t *ret_len, struct why *why);
/* From the first piece again. */
void http_body_rewind(struct http_body *body);
/* Whether all of it was taken. */
bool http_body_is_sent(const struct http_body *body);
