/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit_filter.h"

#include "agent/audit.h"
#include "proto/canon.h"

static bool
is_outcome(const char *text)
{
    for (int i = 0; i < AUDIT_OUTCOME_MAX_; i++)
        if (!strcmp(text, audit_outcome_name((enum audit_outcome)i)))
            return true;

    return false;
}

static bool
is_reason(const char *text)
{
    for (int i = REASON_NONE + 1; i < REASON_MAX_; i++)
        if (!strcmp(text, reason_id((enum reason)i)))
            return true;

    return false;
}

enum rc
audit_filter_check(const struct audit_filter *filter, struct why *why)
{
    if (filter->outcome && !is_outcome(filter->outcome))
        return fail(why, RC_MALFORMED,
            "'%.64s' is no outcome: want released, done, parked, refused, failed or cancelled",
            filter->outcome);

    if (filter->reason && !is_reason(filter->reason))
        return fail(why, RC_MALFORMED,
            "'%.64s' is no reason: countersign-policy(5) has a table of them", filter->reason);

    return RC_OK;
}

/* What the filter asks for, as a body has it. A NULL span: it does not say. */
struct found {
    const struct audit_filter *filter;
    int64_t uid; /* -1: of nobody */
    bool is_place;
    struct span door, outcome, reason;
};

static bool
is_wanted(const char *want, struct span raw)
{
    return !want || (raw.p && !canon_cmp_decoded(span_of(want), raw));
}

/* A string; null, or what is none, is passed over. */
static enum rc
read_string(struct canon *c, struct span *ret_raw)
{
    struct span skipped;

    return canon_peek(c) == CANON_STRING ? canon_string(c, ret_raw, NULL)
                                         : canon_value(c, &skipped, NULL);
}

static enum rc
read_integer(struct canon *c, int64_t *ret)
{
    struct span skipped;

    return canon_peek(c) == CANON_NUMBER ? canon_integer(c, ret, NULL)
                                         : canon_value(c, &skipped, NULL);
}

/* One of the list "documents". */
static enum rc
read_document(struct canon *c, struct found *found)
{
    struct span name, repository = {0}, role = {0}, skipped;
    bool more;

    enum rc rc = canon_object(c, NULL);
    while (!rc && !(rc = canon_member(c, &name, &more, NULL)) && more)
        rc = span_is(name, "repository") ? read_string(c, &repository)
             : span_is(name, "role")     ? read_string(c, &role)
                                         : canon_value(c, &skipped, NULL);

    if (is_wanted(found->filter->repository, repository) && is_wanted(found->filter->role, role))
        found->is_place = true;
    return rc;
}

static enum rc
read_documents(struct canon *c, struct found *found)
{
    bool more;

    enum rc rc = canon_array(c, NULL);
    while (!rc && !(rc = canon_element(c, &more, NULL)) && more)
        rc = read_document(c, found);
    return rc;
}

static enum rc
read_peer(struct canon *c, struct found *found)
{
    struct span name, skipped;
    bool more;

    enum rc rc = canon_object(c, NULL);
    while (!rc && !(rc = canon_member(c, &name, &more, NULL)) && more)
        rc = span_is(name, "uid")    ? read_integer(c, &found->uid)
             : span_is(name, "door") ? read_string(c, &found->door)
                                     : canon_value(c, &skipped, NULL);
    return rc;
}

static enum rc
read_body(struct canon *c, struct found *found)
{
    struct span name, repository = {0}, role = {0}, skipped;
    bool more;

    enum rc rc = canon_object(c, NULL);
    while (!rc && !(rc = canon_member(c, &name, &more, NULL)) && more)
        rc = span_is(name, "documents")    ? read_documents(c, found)
             : span_is(name, "outcome")    ? read_string(c, &found->outcome)
             : span_is(name, "peer")       ? read_peer(c, found)
             : span_is(name, "reason")     ? read_string(c, &found->reason)
             : span_is(name, "repository") ? read_string(c, &repository)
             : span_is(name, "role")       ? read_string(c, &role)
             : span_is(name, "uid")        ? read_integer(c, &found->uid)
                                           : canon_value(c, &skipped, NULL);

    if (is_wanted(found->filter->repository, repository) && is_wanted(found->filter->role, role))
        found->is_place = true;
    return rc ? rc : canon_end(c, NULL);
}

bool
audit_filter_admits(const struct audit_filter *filter, struct span body)
{
    struct found found = {.filter = filter, .uid = -1};
    struct canon c;

    if (!filter->has_uid && !filter->door && !filter->repository && !filter->role &&
        !filter->outcome && !filter->reason)
        return true;

    canon_init(&c, body);
    return !read_body(&c, &found) && found.is_place &&
           (!filter->has_uid || found.uid == (int64_t)filter->uid) &&
           is_wanted(filter->door, found.door) && is_wanted(filter->outcome, found.outcome) &&
           is_wanted(filter->reason, found.reason);
}
