/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/creation.h"

COMMAND(cmd_init)
{
    enum rc rc = session_check_out(session, n, why);

    for (size_t i = 0; !rc && i < n; i++) {
        struct repository *repository = NULL;

        rc = session_repository(&repository, session, arguments[i], why);
        if (!rc)
            rc = creation_run(session, repository, why);
        if (rc)
            return within(why, rc, "init '%s'", arguments[i]);
    }

    return rc;
}
