/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http — requests to registries and trust servers, by libcurl.
 *
 * One struct http is one server with its TLS settings; its connections are kept and used again.
 * Redirects are not followed unless asked for, and never carry credentials to another host.
 * Plain http:// is spoken with loopback addresses only, and only where allowed. Proxies are those
 * of the environment, never for loopback.
 */
#include "client/certs.h"
#include "client/content.h"
#include "client/http_response.h"

struct http;

struct http_options {
    struct certs_options certs;
    bool is_verify_off;      /* any certificate will do, on loopback only */
    bool is_plain_allowed;   /* http:// is allowed, on loopback only */
    bool is_insecure;        /* these two hold for the host of base as well: insecure_find() */
    bool is_drip_fine;       /* what is received need not keep to HTTP_RATE_MIN: it is no file */
    bool is_verbose;         /* one line per request on stderr; never credentials */
    int idle_timeout_s;      /* without a byte; 0: HTTP_IDLE_TIMEOUT_S */
    int timeout_s;           /* for a whole answer; 0: HTTP_TIMEOUT_S; not for content and received,
                                which must keep to HTTP_RATE_MIN instead */
    const char *unix_socket; /* a path: base is only a name then; NULL: TCP */
};

/* base: "https://host:port[/path]", without a slash at its end. RC_MALFORMED, RC_NOT_FOUND (a file
 * of the options), RC_NO_MEMORY, and what certs_load() says. */
must_check enum rc http_new(
    struct http **ret, const char *base, const struct http_options *options, struct why *why);
void http_free(struct http *http);
DEFINE_CLEANUP(struct http, http_free);
const char *http_base(const struct http *http);
/* Close its connections; the next request makes new ones. For before a fork: two processes that
 * share a connection break it. */
must_check enum rc http_disconnect(struct http *http, struct why *why);

/* What happens to a body that is not in memory; any function may be NULL. */
struct http_watch {
    /* A piece was sent, or came, in order. */
    enum rc (*piece)(void *data, struct span piece, struct why *why);
    /* The pieces begin again from the first: the connection broke, or the server asked for it. */
    void (*again)(void *data);
    void *data;
};

struct http_header {
    const char *name, *value; /* borrowed; values may be secrets */
};

struct http_request {
    const char *method;            /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
    const char *path;              /* starts with '/': below base, escaped; else a whole URL */
    const char *accept;            /* NULL: none */
    const char *content_type;      /* NULL: none */
    const char *authorization;     /* whole value, "Bearer …"; NULL: none. Wiped by its owner. */
    struct span body;              /* or else content */
    const struct content *content; /* a body that lies in a file; NULL: none */
    const struct http_watch *sent; /* follows content; NULL: nobody */
    const struct http_watch *received; /* takes a body of 2xx, however long it is; NULL */
    const struct http_header *headers; /* more of them; to others go those of ranges only */
    size_t n_headers;
    bool is_repeatable; /* a GET or HEAD always is; this one as well: 429, 502, 503, 504 and a
                           connection that breaks are tried again, also with a body */
    size_t max_bytes;   /* of the answer's body; an error's may have HTTP_ERROR_MAX_BYTES */
    enum rc too_large;  /* what a longer one is; 0: RC_NETWORK */
    bool is_elsewhere;  /* an address that the server gave: what identifies us does not go along */
    bool is_redirect_followed; /* GET and HEAD, https only once https, at most HTTP_REDIRECTS_MAX */
};

/*
 * What is repeatable is tried HTTP_ATTEMPTS_MAX times, when the server wants it, if that is within
 * HTTP_RETRY_MAX_S. A body has to move HTTP_RATE_MIN; what answers a PUT or content may first work
 * on it for HTTP_WORK_TIMEOUT_S.
 * RC_NETWORK: no answer: what http_failure says. A status is no error. RC_MALFORMED: a path that
 * makes no URL, a value that makes no header. And what a watch says.
 */
must_check enum rc http_send(struct http_response *ret, struct http *http,
    const struct http_request *request, struct why *why);
/* Tell those who watch a request that it is sent once more. */
void http_again(const struct http_request *request);
