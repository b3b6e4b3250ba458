/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/target_edit.h"
#include "client/target_file.h"
#include "proto/bounds.h"

COMMAND(cmd_add)
{
    closing(bytes_done) struct bytes custom = BYTES_INIT(CUSTOM_MAX_BYTES);
    struct edit edit = {.kind = EDIT_SET_TARGET, .name = span_of(arguments[1])};
    struct target_file file;

    (void)n;
    enum rc rc = target_edit_custom(&custom, session, why);
    if (!rc)
        rc = target_file_read(&file, arguments[2], why);
    if (rc)
        return rc;

    edit.length = file.size;
    edit.hashes = file.hashes;
    edit.custom = bytes_span(&custom);
    return target_edit_publish(session, arguments[0], &edit, why);
}
