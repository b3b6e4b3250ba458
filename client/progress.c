/* SPDX-License-Identifier: Apache-2.0 */
#include "client/progress.h"

#include <stdarg.h>

#include "proto/rc.h"

void
progress_note(const struct progress *progress, const char *fmt, ...)
{
    char text[sizeof(struct why)];
    struct why note;
    va_list ap;

    if (!progress)
        return;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);

    /* fail() scrubs what a server may have put into it. */
    if (fail(&note, RC_SYSTEM, "%s", text))
        progress->put(progress->data, note.text);
}
