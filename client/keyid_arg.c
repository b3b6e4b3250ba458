/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keyid_arg.h"

#include "client/pubkey_arg.h"

enum rc
keyid_args_read(struct keyid_args *ret, struct session *session, const char *const *texts, size_t n,
    struct why *why)
{
    if (n > OPTION_VALUES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", OPTION_VALUES_MAX);

    for (ret->n = 0; ret->n < n; ret->n++) {
        closing(pubkey_args_done) struct pubkey_args key = {0};

        if (!keyid_parse(&ret->ids[ret->n], span_of(texts[ret->n]), NULL))
            continue;

        enum rc rc = pubkey_args_read(&key, session, &texts[ret->n], 1, why);
        if (rc)
            return rc;
        ret->ids[ret->n] = *pubkey_canonical_id(key.keys[0]);
    }

    return RC_OK;
}
