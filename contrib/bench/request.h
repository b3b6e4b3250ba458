/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * request — the Sign that all measure: documents of 2 KiB, each of a repository of its own.
 */
#include "proto/bytes.h"

#define DOCUMENT_BYTES 2048

struct request {
    const char *repository; /* the documents' begin with it; borrowed, as is key */
    const char *key;        /* canonical ID of the one that is to sign */
    unsigned n_documents;
    struct bytes head; /* what all documents begin with */
};

/* Fill in head; bytes_done() it. */
void request_init(struct request *request);
/* Append the message and its NUL. lane: of the repositories. */
void request_put(struct bytes *b, const struct request *request, unsigned lane, uint64_t version);
