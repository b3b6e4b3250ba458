/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_failure — a transfer that brought no answer, as a sentence: which URL, what came instead,
 * and what to do about it. Beside http the only user of libcurl.
 */
#include <curl/curl.h>

#include "client/url.h"

struct http_failure {
    CURL *curl; /* after curl_easy_perform() */
    CURLcode code;
    const char *error; /* its CURLOPT_ERRORBUFFER */
    const struct url *url;
    const char *ca_dir;      /* where a missing authority goes; NULL: docker's usual place */
    const char *unix_socket; /* NULL: TCP */
    bool has_certificate;
    enum rc too_large; /* not RC_OK: the answer was stopped, as it had more than max_bytes */
    size_t max_bytes;
    bool is_head;      /* of its head, else of its body */
    const char *hangs; /* "nothing came for", of so many seconds, where the time was up */
    int seconds;
};

/* RC_NETWORK, or too_large. */
must_check enum rc http_failure(const struct http_failure *failure, struct why *why);
