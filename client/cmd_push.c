/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/push.h"

COMMAND(cmd_push)
{
    const struct options *given = session_options(session);
    const struct push_options options = {
        .from = given->values[OPTION_FROM],
        .platform = given->values[OPTION_PLATFORM],
        .has_referrers = options_has(given, OPTION_REFERRERS),
        .is_immutable = options_has(given, OPTION_IMMUTABLE),
    };

    return push(session, arguments, n, &options, why);
}
