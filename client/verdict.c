/* SPDX-License-Identifier: Apache-2.0 */
#include "client/verdict.h"

enum rc
verdict_read(struct verdict *ret, const json_t *answer, struct why *why)
{
    struct verdict verdict = {.grant = NULL};
    struct members m;

    members_open(&m, answer, "verdict");
    members_bool_maybe(&m, "allowed", &verdict.is_allowed);
    members_text_maybe(&m, "grant", &verdict.grant);
    members_text_maybe(&m, "reason", &verdict.reason);
    members_text(&m, "remedy", &verdict.remedy);
    members_array(&m, "checks", SIZE_MAX, &verdict.checks);
    members_array_maybe(&m, "difference", SIZE_MAX, &verdict.difference);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        *ret = verdict;
    return rc;
}

bool
verdict_is_because(const struct verdict *verdict, const char *reason)
{
    return verdict->reason && !strcmp(verdict->reason, reason);
}

bool
verdict_is_good(const struct verdict *verdict)
{
    return verdict->is_allowed || verdict_is_because(verdict, "rollback");
}

enum rc
verdict_check_read(struct verdict_check *ret, const json_t *check, struct why *why)
{
    struct members m;

    *ret = (struct verdict_check){"", "", "", false};
    members_open(&m, check, "check");
    members_text(&m, "rule", &ret->rule);
    members_bool_maybe(&m, "holds", &ret->holds);
    members_text(&m, "want", &ret->want);
    members_text(&m, "have", &ret->have);
    return members_close_tolerant(&m, why);
}

/* "want …, have …; ", of the check that did not hold; nothing where that says no more. */
static enum rc
put_check(struct bytes *b, const json_t *checks, struct why *why)
{
    json_t *check;
    size_t i;

    json_array_foreach(checks, i, check) {
        struct verdict_check one;

        enum rc rc = verdict_check_read(&one, check, why);
        if (rc)
            return rc;

        if (!one.holds && (*one.want || *one.have)) {
            bytes_printf(b, "want %.200s, have %.200s; ", one.want, one.have);
            return RC_OK;
        }
    }

    return RC_OK;
}

enum rc
verdict_fail(const struct verdict *verdict, struct why *why)
{
    static const struct {
        const char *reason;
        enum rc rc;
    } kinds[] = {
        {"approvals", RC_PENDING},
        {"stale", RC_STALE},
        {"token-unavailable", RC_TOKEN},
    };
    closing(bytes_done) struct bytes check = BYTES_INIT(sizeof why->text);
    enum rc kind = RC_DENIED;

    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        if (verdict_is_because(verdict, kinds[i].reason))
            kind = kinds[i].rc;

    enum rc rc = put_check(&check, verdict->checks, why);
    if (rc)
        return rc;

    return fail(why, kind, "the agent would refuse (%s): %s%s",
        verdict->reason ? verdict->reason : "", bytes_text(&check), verdict->remedy);
}
