/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_node.h"

#include <ctype.h>
#include <stdarg.h>

#include "agent/policy.h"
#include "proto/bounds.h"
#include "proto/bytes.h"

/* Longer names are no slips of a finger on one of ours. */
#define NAME_COMPARED_MAX 32

static void
node_done(struct policy_node *node)
{
    for (size_t i = 0; i < node->n; i++) {
        if (node->names)
            node_done(&node->names[i]);
        node_done(&node->values[i]);
    }

    free(node->names);
    free(node->values);
    free(node->text);
}

void
policy_node_free(struct policy_node *node)
{
    if (!node)
        return;

    node_done(node);
    free(node);
}

enum rc
policy_node_fail(const struct policy_node *node, struct why *why, const char *fmt, ...)
{
    char text[sizeof why->text];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fail(why, RC_MALFORMED, "%s:%d:%d: %s", node->file, node->line, node->column, text);
}

enum rc
policy_node_within(const struct policy_node *node, struct why *why, enum rc rc)
{
    if (rc == RC_OK || rc == RC_NO_MEMORY)
        return rc;

    return within(why, rc, "%s:%d:%d", node->file, node->line, node->column);
}

/* For sentences: what is there instead of what is wanted. */
static const char *
describe(const struct policy_node *node)
{
    switch (node->kind) {
    case POLICY_LIST:
        return "a list";
    case POLICY_MAP:
        return "a mapping";
    case POLICY_SCALAR:
        break;
    }

    return node->is_plain && !*node->text ? "nothing" : "a single value";
}

enum rc
policy_node_want_list(const struct policy_node *node, struct why *why)
{
    if (node->kind != POLICY_LIST)
        return policy_node_fail(
            node, why, "want a list in brackets or with dashes, have %s", describe(node));

    if (node->n == 0)
        return policy_node_fail(
            node, why, "an empty list: leave the member out, or say what it is to hold");

    return RC_OK;
}

enum rc
policy_node_want_map(const struct policy_node *node, struct why *why)
{
    if (node->kind != POLICY_MAP)
        return policy_node_fail(node, why, "want a mapping, have %s", describe(node));

    return RC_OK;
}

/*
 * What a YAML 1.1 or 1.2 reader may take for a boolean, null or number. Base 60 ("12:30"), floats,
 * and underscores are of 1.1; all of them consist of these characters.
 */
static bool
is_typed(const char *text)
{
    static const char *const words[] = {
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"};

    for (size_t i = 0; i < N_ELEMENTS(words); i++)
        if (!strcasecmp(text, words[i]))
            return true;

    const char *unsigned_text = text + (*text == '+' || *text == '-');
    if (!strcasecmp(unsigned_text, ".inf"))
        return true;

    if (!isdigit((unsigned char)unsigned_text[0]) &&
        !(unsigned_text[0] == '.' && isdigit((unsigned char)unsigned_text[1])))
        return false;

    if (unsigned_text[0] == '0' && unsigned_text[1] && strchr("xXoObB", unsigned_text[1]))
        return !unsigned_text[2 + strspn(unsigned_text + 2, "0123456789abcdefABCDEF_")];

    return !unsigned_text[strspn(unsigned_text, "0123456789_.:eE+-")];
}

enum rc
policy_node_text(const char **ret, const struct policy_node *node, struct why *why)
{
    if (node->kind != POLICY_SCALAR)
        return policy_node_fail(node, why, "want text, have %s", describe(node));

    if (!*node->text)
        return policy_node_fail(node, why, "want text, have nothing");

    if (node->is_plain && is_typed(node->text))
        return policy_node_fail(
            node, why, "'%s' is no text in YAML unless it is quoted", node->text);

    *ret = node->text;
    return RC_OK;
}

enum rc
policy_node_dup(char **ret, const struct policy_node *node, struct why *why)
{
    const char *text = NULL;

    enum rc rc = policy_node_text(&text, node, why);
    if (rc)
        return rc;

    char *copy = strdup(text);
    if (!copy)
        return fail_memory(why);

    *ret = copy;
    return RC_OK;
}

enum rc
policy_node_name(const char **ret, const struct policy_node *node, struct why *why)
{
    const char *name = NULL;

    enum rc rc = policy_node_text(&name, node, why);
    if (rc)
        return rc;

    if (!policy_is_name(name))
        return policy_node_fail(node, why,
            "'%s' is no name: want a letter or digit, then up to %d of letters, digits, '.', '_'"
            " and '-'",
            name, POLICY_NAME_MAX_BYTES - 1);

    *ret = name;
    return RC_OK;
}

enum rc
policy_node_bool(bool *ret, const struct policy_node *node, struct why *why)
{
    bool is_scalar = node->kind == POLICY_SCALAR && node->is_plain;

    if (is_scalar && (!strcmp(node->text, "true") || !strcmp(node->text, "false"))) {
        *ret = node->text[0] == 't';
        return RC_OK;
    }

    if (node->kind != POLICY_SCALAR)
        return policy_node_fail(node, why, "want true or false, have %s", describe(node));

    return policy_node_fail(node, why, "want true or false, have '%s'%s", node->text,
        node->is_plain ? "" : " in quotes");
}

enum rc
policy_node_duration(int64_t *ret_s, const struct policy_node *node,
    const struct policy_duration *kind, struct why *why)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    const char *text = NULL;
    int64_t n = 0;

    if (policy_node_is_number(node))
        return policy_node_fail(node, why, "'%s' has no unit: want %s", node->text, kind->wanted);

    enum rc rc = policy_node_text(&text, node, why);
    if (rc)
        return rc;

    struct span digits = {(const uint8_t *)text, strspn(text, "0123456789")};
    for (size_t i = 0; i < N_ELEMENTS(units); i++) {
        if (text[digits.len] != units[i].unit || text[digits.len + 1] || digits.len == 0 ||
            !strchr(kind->units, units[i].unit))
            continue;

        rc = integer_parse(&n, digits, 1, kind->max_s / units[i].seconds, why);
        if (rc)
            return policy_node_within(node, why, within(why, rc, "'%s'", text));

        *ret_s = n * units[i].seconds;
        return RC_OK;
    }

    return policy_node_fail(node, why, "'%s' is no time: want %s", text, kind->wanted);
}

bool
policy_node_is_number(const struct policy_node *node)
{
    return node->kind == POLICY_SCALAR && node->is_plain && *node->text &&
           !node->text[strspn(node->text, "0123456789")];
}

enum rc
policy_node_integer(
    int64_t *ret, const struct policy_node *node, int64_t min, int64_t max, struct why *why)
{
    if (!policy_node_is_number(node))
        return policy_node_fail(node, why, "want a number in plain digits, have %s%s%s",
            node->kind == POLICY_SCALAR ? "'" : "",
            node->kind == POLICY_SCALAR ? node->text : describe(node),
            node->kind == POLICY_SCALAR ? "'" : "");

    /* YAML 1.1 reads a leading zero as base 8, YAML 1.2 does not. */
    if (node->text[0] == '0' && node->text[1])
        return policy_node_fail(node, why, "a number with a leading zero: '%s'", node->text);

    enum rc rc = integer_parse(ret, span_of(node->text), min, max, why);
    return policy_node_within(node, why, rc);
}

static size_t
least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many characters to insert, drop or change to make one of the other (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
    size_t row[NAME_COMPARED_MAX + 1], len = strlen(b);
    if (strlen(a) > NAME_COMPARED_MAX || len > NAME_COMPARED_MAX)
        return SIZE_MAX;

    for (size_t j = 0; j <= len; j++)
        row[j] = j;

    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(row[j] + 1, diagonal + 1, change);
        }
    }

    return row[len];
}

/* The known name that was probably meant, or NULL. */
static const char *
find_nearest(const struct policy_member *members, size_t n, const char *name)
{
    const char *nearest = NULL;
    size_t shortest = strlen(name) > 3 ? 3 : 2;

    for (size_t i = 0; i < n; i++) {
        size_t d = distance(members[i].name, name);
        if (d < shortest) {
            nearest = members[i].name;
            shortest = d;
        }
    }

    return nearest;
}

static struct policy_member *
find_member(struct policy_member *members, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(members[i].name, name))
            return &members[i];

    return NULL;
}

enum rc
policy_node_members(struct policy_member *members, size_t n, const struct policy_node *node,
    const char *what, struct why *why)
{
    enum rc rc = policy_node_want_map(node, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < node->n; i++) {
        const struct policy_node *name = &node->names[i];
        struct policy_member *member = find_member(members, n, name->text);
        if (!member) {
            const char *nearest = find_nearest(members, n, name->text);
            return policy_node_fail(name, why, "unknown key '%s' in %s%s%s%s", name->text, what,
                nearest ? "; the nearest known one is '" : "", nearest ? nearest : "",
                nearest ? "'" : "");
        }

        if (member->refusal)
            return policy_node_fail(name, why, "'%s' %s", name->text, member->refusal);

        member->value = &node->values[i];
    }

    return RC_OK;
}
