/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * image_args — the images of a command line, many of them read at once.
 */
#include "client/image_arg.h"

struct image_args {
    struct image_arg *list; /* in the order of the command line */
    size_t n;
    struct repository **repositories; /* of them, each once, in the same order; the session's */
    size_t n_repositories;
};
void image_args_done(struct image_args *images);

/* All of them, or none: the first failure. What image_arg_read() and crew_run() say; connections of
 * the session may be closed afterwards. image_args_done(), also after a failure. */
must_check enum rc image_args_read(
    struct image_args *ret, struct session *session, char **arguments, size_t n, struct why *why);
