/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_trust.h"

COMMAND(cmd_trust_revoke)
{
    session_set_results_aside(session);
    return cmd_revoke(session, arguments, n, why);
}
