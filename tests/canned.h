/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * canned — an HTTP server on loopback that gives the answers it was told, one after the other, and
 * remembers what it was asked. For tests.
 *
 *     canned_listen(&server);
 *     canned_answer(&server, (const char *const[]){"HTTP/1.1 200 OK\r\n\r\nbody", NULL});
 *     … requests to server.url …
 *     assert_non_null(strstr(canned_requests(&server), "GET /v2/ HTTP/1.1"));
 *     canned_stop(&server);
 *
 * Connections are kept. Where an answer is "" or says "Connection: close", and after the last one,
 * they are closed; who comes once more is given the last one again.
 */
#include <stddef.h>
#include <sys/types.h>

struct canned_log;

struct canned {
    int fd;
    pid_t pid;
    char url[64]; /* "http://127.0.0.1:PORT" */
    int port;
    struct canned_log *log; /* shared with the process that answers */
};

void canned_listen(struct canned *ret);
/* answers: whole, head and body; a Content-Length is added where the head says nothing of the end
 * of its body. Ends with NULL. */
void canned_answer(struct canned *server, const char *const *answers);
/* All requests so far, head and body, each with an empty line after it. */
const char *canned_requests(const struct canned *server);
size_t canned_n_connections(const struct canned *server);
void canned_stop(struct canned *server);
