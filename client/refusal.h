/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * refusal — what a registry means that will not take something, and what to do about it: by its
 * status, its error code, and what the products that are in use say.
 */
#include "client/http_error.h"

struct refusal {
    enum rc rc;         /* RC_NETWORK; RC_CONFLICT: a tag that may not be moved */
    const char *remedy; /* to be put behind what the registry says */
};

/* NULL: nobody knows better than the registry. */
const struct refusal *refusal_find(
    const struct http_response *response, const struct http_error *error);
