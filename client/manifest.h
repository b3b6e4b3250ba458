/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * manifest — what an image or an index says in its JSON: OCI's and docker's, schema 2. Pure.
 *
 * It is read strictly where it steers us and tolerantly elsewhere: members that nobody knows are
 * kept in the bytes, which go up as they are and are never written anew.
 */
#include "proto/bytes.h"

/* One of the media types that we push and sign. */
enum manifest_kind {
    MANIFEST_IMAGE, /* a config and layers */
    MANIFEST_INDEX, /* manifests, for example one for each platform */
    MANIFEST_KIND_MAX_
};

struct descriptor {
    char *media_type;
    struct digest digest;
    int64_t size;
    char *platform;      /* "linux/arm64/v8"; NULL: not told */
    char *name;          /* org.opencontainers.image.ref.name, of an entry of index.json; NULL */
    char *full_name;     /* io.containerd.image.name, of what engines save; NULL */
    char *artifact_type; /* NULL: none */
    bool is_foreign;     /* lies elsewhere by its URLs: never uploaded */
};

struct manifest {
    enum manifest_kind kind;
    struct descriptor *descriptors; /* config first, then layers; or the manifests of an index */
    size_t n;
    struct descriptor *subject; /* what it refers to; NULL: nothing */
    char *artifact_type;        /* its own, else the config's media type; NULL: an index without */
    char *annotations;          /* its annotations as JSON, for lists of referrers; NULL: none */
};

/*
 * media_type: what the descriptor or the server calls it; what the bytes themselves say must agree.
 * RC_MALFORMED, RC_UNSUPPORTED: another media type, schema 1, a digest other than sha256.
 * RC_TOO_LARGE: more than MANIFEST_DESCRIPTORS_MAX.
 */
must_check enum rc manifest_parse(
    struct manifest **ret, const char *media_type, struct span bytes, struct why *why);
void manifest_free(struct manifest *manifest);
DEFINE_CLEANUP(struct manifest, manifest_free);

/* RC_UNSUPPORTED: no media type of a manifest. */
must_check enum rc manifest_kind_of(
    enum manifest_kind *ret, const char *media_type, struct why *why);
/* "sha256:…". RC_UNSUPPORTED: of another algorithm. RC_MALFORMED. */
must_check enum rc manifest_digest_parse(struct digest *ret, const char *text, struct why *why);
/* For Accept: all of them. */
const char *manifest_media_types(void);

/* Deep copy. descriptor_done(), also after a failure. */
must_check enum rc descriptor_copy(
    struct descriptor *ret, const struct descriptor *from, struct why *why);
void descriptor_done(struct descriptor *descriptor);
