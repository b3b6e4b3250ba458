/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * certs — the certificates for talking to one server: whom we believe, and as whom we come.
 *
 * Whom we believe: those of a --tlscacert file, every *.crt of docker's directory for the server,
 * and the system's roots. The system's are only read when a server needs them: OpenSSL 3.0 takes
 * 240 million instructions, 50 ms, for Debian's. As whom we come is a pair of files.
 */
#include "proto/bounds.h"
#include "proto/bytes.h"

struct certs {
    struct bytes roots;     /* PEM */
    const char *hashed_dir; /* where OpenSSL finds the system's one by one; NULL: nowhere */
    bool is_complete;       /* roots has the system's as well, if it has any */
    char *cert_file;        /* client certificate and its key; both NULL: none */
    char *key_file;
};

#define CERTS_INIT ((struct certs){.roots = BYTES_INIT(CERTIFICATES_MAX_BYTES)})

struct certs_options {
    const char *ca_file;   /* PEM; NULL: none */
    const char *dir;       /* docker's directory of *.crt, *.cert and *.key; NULL: none */
    const char *cert_file; /* goes before those of the directory; with key_file, or both NULL */
    const char *key_file;
};

/*
 * A directory that does not exist is fine. Of several pairs in it, the first by name is taken.
 * RC_NOT_FOUND: a file of the options. RC_MALFORMED: a file without a certificate; half a pair, in
 * docker's words. RC_SYSTEM: what cannot be read. RC_TOO_LARGE, RC_NO_MEMORY.
 */
must_check enum rc certs_load(
    struct certs *ret, const struct certs_options *options, struct why *why);
/* For a server that does not verify so far: add the system's roots to the others. RC_NOT_FOUND: the
 * file that SSL_CERT_FILE names. RC_SYSTEM, RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc certs_complete(struct certs *certs, struct why *why);
void certs_done(struct certs *certs);
