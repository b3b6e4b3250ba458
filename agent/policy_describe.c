/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_describe.h"

#include "agent/policy_doubts.h"
#include "agent/policy_rights.h"
#include "agent/policy_things.h"
#include "agent/policy_words.h"

/* Tokens, keys, sockets and pinned roots, each kind under its heading. */
static enum rc
describe_things(struct bytes *b, const struct policy *policy, struct why *why)
{
    closing(policy_things_done) struct policy_things things = {0};

    enum rc rc = policy_things_of(&things, policy, why);
    for (size_t i = 0; !rc && i < things.n; i++) {
        const struct policy_thing *thing = &things.things[i];

        if (i == 0 || things.things[i - 1].kind != thing->kind)
            bytes_printf(b, "%s\n", policy_thing_heading(thing->kind));
        bytes_printf(b, "  %s: %s\n", thing->name, thing->text);
    }

    return rc;
}

static void
put_person(struct bytes *b, const struct policy_right *right)
{
    bytes_puts(b, "  ");
    if (right->name)
        policy_words_resolved(b, right->name);
    else
        bytes_puts(b, "everybody");
    if (right->door)
        bytes_printf(b, " at door %s", right->door->name);
    bytes_puts(b, "\n");
}

/* The grants that give a run of rights, each once. */
static void
put_grants(struct bytes *b, const struct policy_right *rights, size_t n)
{
    bytes_puts(b, " (grant");
    for (size_t i = 0; i < n; i++) {
        bool is_first = true;
        for (size_t k = 0; is_first && k < i; k++)
            is_first = rights[k].grant != rights[i].grant;
        if (is_first)
            bytes_printf(b, "%s %s", i > 0 ? "," : "", rights[i].grant->name);
    }
    bytes_puts(b, "): ");
}

static enum rc
describe_rights(struct bytes *b, const struct policy *policy, struct why *why)
{
    closing(policy_rights_done) struct policy_rights rights = {0};

    enum rc rc = policy_rights_of(&rights, policy, why);
    if (rc)
        return rc;

    bytes_puts(b, "rights\n");
    for (size_t i = 0, n; i < rights.n; i += n) {
        const struct policy_right *right = &rights.rights[i];

        n = policy_rights_run(right, rights.n - i);
        if (i == 0 || policy_right_compare_people(right - 1, right) != 0)
            put_person(b, right);

        bytes_printf(b, "    key %s", right->key->name);
        put_grants(b, right, n);
        policy_rights_put_reach(b, right, n);
        bytes_printf(b, "\n      %s\n", right->limits);
    }

    if (rights.n == 0)
        bytes_puts(b, "  nobody may sign anything\n");
    return RC_OK;
}

enum rc
policy_describe(struct bytes *b, const struct policy *policy, struct why *why)
{
    closing(policy_doubts_done) struct policy_doubts doubts = {0};
    char digest[DIGEST_HEX_LEN + 1];

    digest_hex(digest, &policy->digest);
    bytes_printf(b, "digest %s\n", digest);

    enum rc rc = describe_things(b, policy, why);
    if (!rc)
        rc = describe_rights(b, policy, why);
    if (!rc)
        rc = policy_doubts_of(&doubts, policy, why);
    if (rc)
        return rc;

    if (policy->admins.n_names > 0) {
        bytes_puts(b, "admins\n  ");
        policy_words_who(b, &policy->admins, policy_words_resolved);
        bytes_puts(b, "\n");
    }

    for (size_t i = 0; i < doubts.n; i++)
        bytes_printf(b, "%s  %s\n", i == 0 ? "warnings\n" : "", doubts.doubts[i]);
    if (doubts.n_more > 0)
        bytes_printf(b, "  and %zu more warnings\n", doubts.n_more);

    return RC_OK;
}
