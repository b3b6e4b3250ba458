/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_diff.h"

#include "agent/policy_rights.h"
#include "agent/policy_things.h"
#include "agent/policy_who.h"
#include "agent/policy_words.h"
#include "proto/bounds.h"

#define CHANGE_MAX_BYTES ((size_t)16 * POLICY_FILE_MAX_BYTES) /* lists of a file, in words */

/* Both policies and what was found so far. */
struct comparison {
    const struct policy *was, *is;
    struct policy_diff *diff;
    struct why *why;
};

void
policy_diff_done(struct policy_diff *diff)
{
    for (size_t i = 0; i < diff->n; i++) {
        free(diff->changes[i].subject);
        free(diff->changes[i].what);
    }
    free(diff->changes);
    *diff = (struct policy_diff){0};
}

static enum rc
add(const struct comparison *c, enum policy_change_kind kind, const struct bytes *subject,
    const struct bytes *what)
{
    enum rc rc = bytes_check(subject, c->why);
    if (!rc)
        rc = bytes_check(what, c->why);
    if (rc)
        return rc;

    struct policy_change *change =
        mem_grow(&c->diff->changes, c->diff->n, sizeof *change, POLICY_RIGHTS_MAX * 4);
    if (!change)
        return fail_memory(c->why);

    c->diff->n++;
    change->kind = kind;
    change->subject = span_dup(bytes_span(subject));
    change->what = span_dup(bytes_span(what));
    return change->subject && change->what ? RC_OK : fail_memory(c->why);
}

/* Rights */

/* Those of one that are not in other: a set of them, in the order of both. */
static enum rc
subtract(struct policy_rights *ret, const struct policy_rights *one,
    const struct policy_rights *other, struct why *why)
{
    for (size_t i = 0, k = 0; i < one->n; i++) {
        const struct policy_right *right = &one->rights[i];
        if (i > 0 && !policy_right_compare(right - 1, right))
            continue;

        while (k < other->n && policy_right_compare(&other->rights[k], right) < 0)
            k++;
        if (k < other->n && !policy_right_compare(&other->rights[k], right))
            continue;

        struct policy_right *place =
            mem_grow(&ret->rights, ret->n, sizeof *place, POLICY_RIGHTS_MAX);
        if (!place)
            return fail_memory(why);

        *place = *right;
        ret->n++;
    }

    return RC_OK;
}

static enum rc
add_rights(const struct comparison *c, enum policy_change_kind kind,
    const struct policy_rights *one, const struct policy_rights *other)
{
    closing(policy_rights_done) struct policy_rights only = {0};

    enum rc rc = subtract(&only, one, other, c->why);
    for (size_t i = 0, n; !rc && i < only.n; i += n) {
        const struct policy_right *right = &only.rights[i];
        closing(bytes_done) struct bytes who = BYTES_INIT(CHANGE_MAX_BYTES);
        closing(bytes_done) struct bytes what = BYTES_INIT(CHANGE_MAX_BYTES);

        n = policy_rights_run(right, only.n - i);
        policy_right_put_who(&who, right);
        bytes_printf(&what, "key %s for ", right->key->name);
        policy_rights_put_reach(&what, right, n);
        bytes_printf(&what, ", %s", right->limits);
        rc = add(c, kind, &who, &what);
    }

    return rc;
}

static enum rc
compare_rights(const struct comparison *c)
{
    closing(policy_rights_done) struct policy_rights was = {0};
    closing(policy_rights_done) struct policy_rights is = {0};

    enum rc rc = policy_rights_of(&was, c->was, c->why);
    if (!rc)
        rc = policy_rights_of(&is, c->is, c->why);
    if (!rc)
        rc = add_rights(c, POLICY_GAINED, &is, &was);
    if (!rc)
        rc = add_rights(c, POLICY_LOST, &was, &is);

    return rc;
}

/* Admins and approvers */

static bool
has_name(const struct policy_who *who, const struct policy_name *name)
{
    for (size_t i = 0; i < who->n_names; i++)
        if (!policy_who_compare(&who->names[i], name))
            return true;

    return false;
}

static enum rc
add_names(const struct comparison *c, enum policy_change_kind kind, const struct policy_who *one,
    const struct policy_who *other, const char *right)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < one->n_names; i++) {
        closing(bytes_done) struct bytes who = BYTES_INIT(CHANGE_MAX_BYTES);
        closing(bytes_done) struct bytes what = BYTES_INIT(CHANGE_MAX_BYTES);

        if (has_name(other, &one->names[i]))
            continue;

        policy_words_name(&who, &one->names[i]);
        bytes_puts(&what, right);
        rc = add(c, kind, &who, &what);
    }

    return rc;
}

static enum rc
compare_names(const struct comparison *c, const struct policy_who *was, const struct policy_who *is,
    const char *right)
{
    enum rc rc = add_names(c, POLICY_GAINED, is, was, right);

    return rc ? rc : add_names(c, POLICY_LOST, was, is, right);
}

static const struct policy_grant *
find_grant(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_grants; i++)
        if (!strcmp(policy->grants[i].name, name))
            return &policy->grants[i];

    return NULL;
}

static enum rc
compare_approvers(const struct comparison *c)
{
    static const struct policy_who nobody;
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < c->is->n_grants; i++) {
        const struct policy_grant *is = &c->is->grants[i], *was = find_grant(c->was, is->name);
        char right[sizeof "to approve under grant " + POLICY_NAME_MAX_BYTES];

        snprintf(right, sizeof right, "to approve under grant %s", is->name);
        rc = compare_names(c, was ? &was->approvals.who : &nobody, &is->approvals.who, right);
    }

    for (size_t i = 0; !rc && i < c->was->n_grants; i++) {
        const struct policy_grant *was = &c->was->grants[i];
        char right[sizeof "to approve under grant " + POLICY_NAME_MAX_BYTES];

        snprintf(right, sizeof right, "to approve under grant %s", was->name);
        if (!find_grant(c->is, was->name))
            rc = compare_names(c, &was->approvals.who, &nobody, right);
    }

    return rc;
}

/* Everything else. was, is: NULL where it was or is not there. */
static enum rc
compare_thing(
    const struct comparison *c, const struct policy_thing *was, const struct policy_thing *is)
{
    closing(bytes_done) struct bytes subject = BYTES_INIT(CHANGE_MAX_BYTES);
    closing(bytes_done) struct bytes what = BYTES_INIT(CHANGE_MAX_BYTES);
    const struct policy_thing *thing = is ? is : was;

    bytes_printf(&subject, "%s %s", policy_thing_noun(thing->kind), thing->name);
    if (!is)
        bytes_puts(&what, "is gone");
    else if (!was)
        bytes_printf(&what, "is new: %s", is->text);
    else if (strcmp(was->text, is->text) != 0)
        bytes_printf(&what, "is now: %s; was: %s", is->text, was->text);
    else if (is->token && !policy_token_eq(is->token, was->token))
        bytes_puts(&what, "has other values in its environment");
    else
        return RC_OK;

    return add(c, POLICY_CHANGED, &subject, &what);
}

static enum rc
compare_things(const struct comparison *c)
{
    closing(policy_things_done) struct policy_things was = {0};
    closing(policy_things_done) struct policy_things is = {0};

    enum rc rc = policy_things_of(&was, c->was, c->why);
    if (!rc)
        rc = policy_things_of(&is, c->is, c->why);

    for (size_t i = 0, k = 0; !rc && (i < was.n || k < is.n);) {
        const struct policy_thing *before = i < was.n ? &was.things[i] : NULL;
        const struct policy_thing *now = k < is.n ? &is.things[k] : NULL;
        int order = !before ? 1 : !now ? -1 : policy_thing_compare(before, now);

        rc = compare_thing(c, order <= 0 ? before : NULL, order >= 0 ? now : NULL);
        i += order <= 0;
        k += order >= 0;
    }

    return rc;
}

static int
compare_changes(const void *a, const void *b)
{
    const struct policy_change *one = a, *other = b;
    int order = (int)one->kind - (int)other->kind;

    if (!order)
        order = strcmp(one->subject, other->subject);
    return order ? order : strcmp(one->what, other->what);
}

enum rc
policy_diff_of(
    struct policy_diff *ret, const struct policy *was, const struct policy *is, struct why *why)
{
    static const struct policy none;
    closing(policy_diff_done) struct policy_diff diff = {0};
    const struct comparison c = {was ? was : &none, is, &diff, why};

    enum rc rc = compare_rights(&c);
    if (!rc)
        rc = compare_names(&c, &c.was->admins, &c.is->admins, "the rights of an admin");
    if (!rc)
        rc = compare_approvers(&c);
    if (!rc)
        rc = compare_things(&c);
    if (rc)
        return rc;

    if (diff.n > 1)
        qsort(diff.changes, diff.n, sizeof *diff.changes, compare_changes);
    *ret = diff;
    diff = (struct policy_diff){0};
    return RC_OK;
}

void
policy_change_put(struct bytes *b, const struct policy_change *change)
{
    static const char *const verbs[POLICY_CHANGE_KIND_MAX_] = {
        [POLICY_GAINED] = " gains",
        [POLICY_LOST] = " loses",
        [POLICY_CHANGED] = "",
    };

    bytes_printf(b, "%s%s %s", change->subject, verbs[change->kind], change->what);
}

void
policy_diff_put(struct bytes *b, const struct policy_diff *diff)
{
    static const char *const headings[POLICY_CHANGE_KIND_MAX_] = {
        [POLICY_GAINED] = "gained",
        [POLICY_LOST] = "lost",
        [POLICY_CHANGED] = "changed",
    };

    for (size_t i = 0; i < diff->n; i++) {
        const struct policy_change *change = &diff->changes[i];

        if (i == 0 || diff->changes[i - 1].kind != change->kind)
            bytes_printf(b, "%s\n", headings[change->kind]);
        bytes_printf(b, "  %s%s %s\n", change->subject, change->kind == POLICY_CHANGED ? "" : ":",
            change->what);
    }

    if (diff->n == 0)
        bytes_puts(b, "nothing is different\n");
}
