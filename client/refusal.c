/* SPDX-License-Identifier: Apache-2.0 */
#include "client/refusal.h"

enum meaning {
    IMMUTABLE,
    FULL,
    READ_ONLY,
    QUOTA,
    TOO_LARGE,
    NO_REPOSITORY,
    NAME,
    LOST,
    DAMAGED,
    KIND
};

static const struct refusal refusals[] = {
    [IMMUTABLE] = {RC_CONFLICT,
        "the registry moves no tag that is there: push under another one, or have "
        "the rule of the repository changed"},
    [FULL] = {RC_NETWORK,
        "the storage of the registry is full: whoever runs it must make room, or collect its "
        "garbage"},
    [READ_ONLY] = {RC_NETWORK,
        "the registry is read-only: for maintenance, then try again later, or as the "
        "mirror of another one, then push there"},
    [QUOTA] = {RC_NETWORK,
        "a quota of the registry is used up: remove images that nobody needs, or have it "
        "raised"},
    [TOO_LARGE] = {RC_NETWORK, "a proxy before the registry takes no request as large as this: "
                               "have its limit raised, client_max_body_size of nginx"},
    [NO_REPOSITORY] = {RC_NETWORK,
        "the registry makes no repository for a push: make it there first, and "
        "check the spelling"},
    [NAME] = {RC_NETWORK, "the registry has rules of its own for names: choose another one"},
    [LOST] = {RC_NETWORK,
        "the registry has lost what was uploaded, perhaps to its garbage collection: push "
        "again"},
    [DAMAGED] = {RC_NETWORK, "what came there is not what was sent: see to the registry, and to "
                             "proxies in between"},
    [KIND] = {RC_NETWORK,
        "the registry does not know this kind of image: give it a form that it knows, for "
        "example with 'skopeo copy --format v2s2'"},
};

/* The first that fits counts. What is 0 or NULL fits everything; text is looked for in the body. */
static const struct {
    long status;
    const char *code, *text;
    enum meaning meaning;
} known[] = {
    {0, NULL, "immutab", IMMUTABLE}, /* ECR, MSR, Harbor, Artifact Registry, Docker Hub */
    {0, NULL, "cannot be overwritten", IMMUTABLE}, /* Alibaba Cloud */
    {507, NULL, NULL, FULL},
    {0, NULL, "no space left on device", FULL},
    {0, NULL, "\"Err\":28}", FULL}, /* ENOSPC, as docker's registry has it */
    {0, NULL, "disk quota exceeded", FULL},
    {0, NULL, "read only", READ_ONLY}, /* Harbor */
    {0, NULL, "read-only", READ_ONLY},
    {0, NULL, "\"Err\":30}", READ_ONLY}, /* EROFS */
    {405, NULL, NULL, READ_ONLY},        /* docker's registry */
    {0, NULL, "quota", QUOTA},
    {0, NULL, "upper limit", QUOTA}, /* Harbor */
    {0, NULL, "storage limit", QUOTA},
    {402, NULL, NULL, QUOTA},
    {413, NULL, NULL, TOO_LARGE},
    {0, "NAME_UNKNOWN", NULL, NO_REPOSITORY},
    {0, "NAME_INVALID", NULL, NAME},
    {0, "MANIFEST_BLOB_UNKNOWN", NULL, LOST},
    {0, "DIGEST_INVALID", NULL, DAMAGED},
    {0, "SIZE_INVALID", NULL, DAMAGED},
    {0, "MANIFEST_INVALID", NULL, KIND},
    {415, NULL, NULL, KIND},
};

const struct refusal *
refusal_find(const struct http_response *response, const struct http_error *error)
{
    const char *body = bytes_text(&response->body);

    for (size_t i = 0; i < N_ELEMENTS(known); i++) {
        bool is_it = (!known[i].status || known[i].status == response->status) &&
                     (!known[i].code || http_error_is(error, known[i].code)) &&
                     (!known[i].text || strcasestr(body, known[i].text));
        if (is_it)
            return &refusals[known[i].meaning];
    }

    return NULL;
}
