/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_exchange — one request to one place and its answer, by libcurl: no redirects, no second try.
 */
#include <curl/curl.h>

#include "client/http.h"
#include "client/http_body.h"
#include "client/url.h"

/* A server, as http_new() was told of it. */
struct http_server {
    CURL *curl;
    struct url base;
    char *ca_dir;      /* for a hint to people; NULL: none */
    char *unix_socket; /* NULL: TCP */
    struct certs certs;
    bool is_verify_off, is_plain_allowed, is_insecure, is_drip_fine, is_verbose;
    int idle_timeout_s, timeout_s;
    bool has_answered; /* so whoever breaks a connection is no stranger */
};

struct http_exchange {
    struct http_server *server;
    const struct http_request *request;
    const struct url *url;
    bool is_trusted; /* the origin that the caller named: gets what identifies us */
    bool is_broken;  /* the connection broke: it may be tried again */

    struct http_response response;
    struct http_body body;
    size_t header_bytes;
    int64_t moved, moved_at_ms; /* bytes both ways, and when there was progress worth its name */
    const char *hangs;          /* what there was too little of; NULL: nothing */
    bool is_too_large;
    enum rc failed; /* why a callback stopped the transfer; why says it */
    struct why *why;
    char error[CURL_ERROR_SIZE];
};

/* Whether this URL may be asked at all: RC_MALFORMED. */
must_check enum rc http_server_check(
    const struct http_server *server, const struct url *url, struct why *why);

/* RC_NETWORK: no answer, what http_failure says; and what a watch said. */
must_check enum rc http_exchange_run(struct http_exchange *x, struct why *why);
