/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http — requests to registries and trust servers; the only user of libcurl.
 *
 * One struct http is one server with its TLS settings; its connections are kept and used again.
 * Redirects are not followed unless asked for, and never carry credentials to another host.
 * Deadlines: 10 s to connect, 30 s without a byte, both with the host named in the error.
 */
#include "proto/bytes.h"

struct http;

struct http_options {
    const char *ca_file;   /* PEM, added to the system's; NULL: none */
    const char *ca_dir;    /* directory with *.crt, *.cert, *.key as docker has it; NULL: none */
    const char *cert_file; /* client certificate and key; NULL: none */
    const char *key_file;
    bool is_verify_off;    /* loopback registries only, as docker defines them */
    bool is_plain_allowed; /* http:// is allowed */
    bool is_verbose;       /* one line per request on stderr; never credentials */
};

/* base: "https://host:port[/path]", without a slash at its end. RC_MALFORMED, RC_NOT_FOUND (a file
 * of the options), RC_NO_MEMORY. */
must_check enum rc http_new(
    struct http **ret, const char *base, const struct http_options *options, struct why *why);
void http_free(struct http *http);
DEFINE_CLEANUP(struct http, http_free);
const char *http_base(const struct http *http);

struct http_request {
    const char *method;       /* "GET", "POST", … */
    const char *path;         /* below base, escaped where needed; or a whole URL if it has "://" */
    const char *accept;       /* NULL: none */
    const char *content_type; /* NULL: none */
    const char *authorization; /* whole value, "Bearer …"; NULL: none. Wiped by its owner. */
    struct span body;
    size_t max_bytes; /* of the answer's body; more is RC_NETWORK */
    bool
        is_redirect_followed; /* GET only, https only once https, at most 5, no credentials along */
};

struct http_response {
    long status;
    struct bytes body;
    char *content_type;     /* NULL: none */
    char *www_authenticate; /* all challenges, one per line; NULL: none */
    char *location;         /* NULL: none */
    char *docker_digest;    /* Docker-Content-Digest; NULL: none. A hint, never proof. */
    long retry_after_s;     /* 0: none */
};

/* RC_NETWORK: no answer: names URL and cause (DNS, refused, TLS, timed out, too large). A status is
 * no error. http_response_done() in any case. */
must_check enum rc http_send(struct http_response *ret, struct http *http,
    const struct http_request *request, struct why *why);
void http_response_done(struct http_response *response);
/* The first error of a registry's or Notary's error body: its code ("VERSION") or "". Appends code,
 * message and detail for people to *ret_text. */
void http_error_text(
    struct bytes *ret_text, char *ret_code, size_t code_size, const struct http_response *response);
