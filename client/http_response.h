/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_response — what a server answered: status, body, and the few headers that mean something to
 * us. All of it is the server's word; none of it is proof.
 */
#include "proto/bytes.h"

struct http_response {
    long status;
    struct bytes body;      /* wiped by http_response_done(): it may be a token */
    char *content_type;     /* NULL: none */
    char *www_authenticate; /* all challenges, one per line; NULL: none */
    char *location;         /* NULL: none */
    char *docker_digest;    /* Docker-Content-Digest; NULL: none. A hint. */
    char *range;            /* Range; NULL: none */
    char *oci_subject;      /* OCI-Subject; NULL: none */
    char *etag;             /* ETag; NULL: none */
    char *link;             /* Link; NULL: none */
    char *api_version;      /* Api-Version, of an engine; NULL: none */
    int64_t content_length; /* Content-Length; -1: none */
    int64_t chunk_min;      /* OCI-Chunk-Min-Length; 0: none */
    long retry_after_s;     /* 0: none */
    int64_t date, retry_at; /* Date, and Retry-After where it is one; seconds UTC; 0: none */
};

/* Take one line of the head, as it comes. RC_NO_MEMORY. */
must_check enum rc http_response_take(struct http_response *response, struct span line);
/* Frees and wipes; the response is empty afterwards. */
void http_response_done(struct http_response *response);
/* Whether the answer says that its body is of this media type; parameters do not count. */
bool http_response_is(const struct http_response *response, const char *media_type);
