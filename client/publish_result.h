/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * publish_result — what became of each role of a publication.
 */
#include "client/progress.h"
#include "proto/bytes.h"

/* What became of one role. */
struct published {
    char *role;
    int64_t version; /* 0: nothing to publish, it was so already */
    char *signed_by; /* names of the agent's keys */
    char *left_out;  /* keys that did not sign, and why; NULL: none */
    char *missing;   /* signatures that others have to add: "1 more by a, b"; NULL: none */
};

struct publish_result {
    struct published *roles; /* in the order of the publication, root first where it is new */
    size_t n_roles;
};
void publish_result_done(struct publish_result *result);

/* One more; there is room for it. version 0: nothing was published. RC_NO_MEMORY. */
must_check enum rc publish_result_add(struct publish_result *result, const char *role,
    int64_t version, const char *signed_by, const char *left_out);

/* The last one wants signatures; "": none. RC_NO_MEMORY. */
must_check enum rc publish_result_miss(struct publish_result *result, const char *missing);

/* Append a line for each role, for people and scripts; what was left out is a note. */
void publish_result_put_lines(
    struct bytes *b, const struct publish_result *result, const struct progress *progress);
