/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * progress — what long work tells the user while it goes on; whoever calls decides how it is shown.
 *
 * Notes are for people: they explain a wait or an extra round, and never carry a result.
 */
#include "proto/mem.h"

struct progress {
    void (*put)(void *data, const char *text); /* one note: one line, without a newline */
    void *data;
};

/* progress may be NULL: nobody listens. Control characters are replaced, as in struct why. */
like_printf(2, 3) void progress_note(const struct progress *progress, const char *fmt, ...);
