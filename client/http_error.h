/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_error — the error body that registries and Notary servers share:
 * {"errors":[{"code":"VERSION","message":"…","detail":…}]}.
 */
#include "client/http_response.h"

struct http_error {
    char code[40];   /* of the first error, "VERSION"; "" where the body is not of this form */
    char text[320];  /* status, code, message and detail, for people; never empty */
    size_t said_len; /* of text: without our advice behind it */
};

/* Never fails: what cannot be read becomes a sentence about the status and the kind of the body. */
void http_error_read(struct http_error *ret, const struct http_response *response);
bool http_error_is(const struct http_error *error, const char *code);
