/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * engine_endpoint — where the Docker Engine answers: what DOCKER_HOST says, else the context of
 * docker that DOCKER_CONTEXT or config.json names, else docker's usual socket. Connects to nothing.
 */
#include "client/http.h"

struct engine_endpoint {
    char *address;                        /* "unix:///var/run/docker.sock", "tcp://host:2376" */
    char *origin;                         /* who says so: "DOCKER_HOST" */
    char *base;                           /* for http_new() */
    char *socket;                         /* a path; NULL: TCP */
    char *ca_file, *cert_file, *key_file; /* NULL: none */
    bool is_verify_off;                   /* loopback only */
};

/* RC_MALFORMED: what cannot be read, with its origin. RC_UNSUPPORTED: ssh:// and the like, and
 * connections on which others could read along: says what to do instead. RC_NOT_FOUND: no such
 * context. And what file_load() says. */
must_check enum rc engine_endpoint_find(struct engine_endpoint *ret, struct why *why);
void engine_endpoint_done(struct engine_endpoint *endpoint);

/* The part of http_new()'s options that it has; borrows the endpoint. */
struct http_options engine_endpoint_options(const struct engine_endpoint *endpoint);
