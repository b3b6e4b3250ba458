/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyrecords DIRECTORY N - a ledger with N records, as an agent would have written them, within
 * seconds: one a second, the newest now, of ten users about a hundred repositories.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/audit.h"
#include "proto/bounds.h"

#define AT_ONCE      10000 /* records in one transaction */
#define FIRST_UID    20000
#define USERS        10
#define REPOSITORIES 100

static enum rc
put(struct audit *audit, int64_t i, int64_t at_us, struct why *why)
{
    static const struct digest digest = {{1}};
    gid_t gids[] = {100, 2000};
    struct peer peer = {
        .uid = FIRST_UID + (uid_t)(i % USERS), .gid = 100, .gids = gids, .n_gids = 2, .pid = 4711};
    char repository[64];
    int64_t seq = 0;

    snprintf(
        repository, sizeof repository, "registry.example.com/many/%d", (int)(i % REPOSITORIES));
    const struct audit_document document = {
        "notary", repository, "targets/releases", i + 1, digest, NULL};
    const char *key = "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403",
               *grant = "release-team";
    const struct audit_request request = {
        .at_us = at_us,
        .method = "Sign",
        .policy = &digest,
        .peer = &peer,
        .documents = &document,
        .n_documents = 1,
        .keys = &key,
        .n_keys = 1,
        .grants = &grant,
        .n_grants = 1,
        .outcome = AUDIT_RELEASED,
    };

    return audit_put(audit, &request, &seq, why);
}

static enum rc
put_all(struct ledger *ledger, struct audit *audit, int64_t n, struct why *why)
{
    int64_t now = (int64_t)time(NULL);
    enum rc rc = RC_OK;

    for (int64_t i = 0; !rc && i < n; i++) {
        if (i % AT_ONCE == 0)
            rc = ledger_begin(ledger, why);
        if (!rc)
            rc = put(audit, i, (now - n + i + 1) * 1000000, why);
        if (!rc && (i % AT_ONCE == AT_ONCE - 1 || i == n - 1))
            rc = ledger_commit(ledger, why);
    }
    return rc;
}

int
main(int argc, char **argv)
{
    closing(ledger_closep) struct ledger *ledger = NULL;
    closing(audit_freep) struct audit *audit = NULL;
    struct why why;

    if (argc != 3)
        return 2;

    enum rc rc = ledger_open(&ledger, argv[1], &why);
    if (!rc)
        rc = audit_new(&audit, ledger, &why);
    if (!rc)
        rc = put_all(ledger, audit, strtoll(argv[2], NULL, 10), &why);
    if (rc)
        fprintf(stderr, "manyrecords: %s\n", why.text);
    return rc ? 1 : 0;
}
