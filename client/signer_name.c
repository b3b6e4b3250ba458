/* SPDX-License-Identifier: Apache-2.0 */
#include "client/signer_name.h"

#include <stdbool.h>
#include <string.h>

enum rc
signer_name_check(const char *name, const char *what, struct why *why)
{
    bool is_good = (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9');

    for (const char *c = name; *c && is_good; c++)
        is_good = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
    if (!is_good)
        return fail(why, RC_MALFORMED,
            "%s name \"%s\" must start with lowercase alphanumeric characters and can include "
            "\"-\" or \"_\" after the first character",
            what, name);

    if (!strcmp(name, "releases"))
        return fail(
            why, RC_MALFORMED, "releases is a reserved keyword, use a different %s name", what);

    return RC_OK;
}
