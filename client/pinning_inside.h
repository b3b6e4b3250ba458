/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pinning_inside — what pinning_read.c fills and pinning.c answers from; for these two only.
 */
#include "client/pinning.h"

/* A name of a table: of one repository, or with a '*' at its end of all that begin so. */
struct pattern {
    const char *text;
    size_t len; /* without the '*' */
    bool is_prefix;
};

struct listed_ids {
    struct pattern pattern;
    struct keyid *ids;
    size_t n_ids;
};

struct demanded {
    struct pattern pattern;
    struct pinning_demand demand;
};

struct pinning {
    json_t *root; /* names and demands point into it */
    char *path;
    enum pinning_mode mode;
    bool wants_library, allows_expired_cache;
    struct listed_ids *keys, *certificates;
    size_t n_keys, n_certificates;
    struct demanded *demands;
    size_t n_demands;
    struct pinning_verifier verifier;
};
