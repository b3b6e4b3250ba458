/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_lines — the header lines of one request, as libcurl takes them. They may hold a secret.
 */
#include <curl/curl.h>

#include "client/http.h"

/* is_trusted: they go to the server that the caller named. Others get neither its authorization nor
 * its own headers but Range. RC_MALFORMED: a value that would be another header. RC_TOO_LARGE,
 * RC_NO_MEMORY. */
must_check enum rc http_lines_make(
    struct curl_slist **ret, const struct http_request *request, bool is_trusted, struct why *why);
/* Frees and wipes. */
void http_lines_done(struct curl_slist **lines);
