/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/members.h"

#include <assert.h>
#include <inttypes.h>

#include "proto/jsontext.h"

enum rc
members_parse(json_t **ret, struct span text, struct why *why)
{
    return jsontext_parse(ret, text, why);
}

static const char *
kind_of(const json_t *value)
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "an array",
        [JSON_STRING] = "text",
        [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a fraction",
        [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",
        [JSON_NULL] = "null",
    };

    return value ? kinds[json_typeof(value)] : "nothing";
}

void
members_open(struct members *m, const json_t *object, const char *place)
{
    *m = (struct members){.object = object};
    snprintf(m->place, sizeof m->place, "%s", place);
    if (!json_is_object(object))
        m->failed = fail(&m->why, RC_MALFORMED, "%s: want an object, have %s",
            *place ? place : "message", kind_of(object));
}

/* Between the place and the name of a member. */
static const char *
members_dot(const struct members *m)
{
    return m->place[0] ? "." : "";
}

static void
members_want(struct members *m, const char *name, const char *want, const json_t *have)
{
    m->failed = fail(&m->why, RC_MALFORMED, "%s%s%s: want %s, have %s", m->place, members_dot(m),
        name, want, kind_of(have));
}

/* The member's value; NULL where it is absent or null, or something failed before. */
static const json_t *
members_take(struct members *m, const char *name)
{
    if (m->failed)
        return NULL;

    assert(m->n_names < MEMBERS_MAX_NAMES);
    m->names[m->n_names++] = name;

    const json_t *value = json_object_get(m->object, name);
    return json_is_null(value) ? NULL : value;
}

/* The same, and a problem where there is none. */
static const json_t *
members_need(struct members *m, const char *name, const char *want)
{
    const json_t *value = members_take(m, name);

    if (!value && !m->failed)
        members_want(m, name, want, json_object_get(m->object, name));
    return value;
}

static void
read_text(struct members *m, const char *name, const json_t *value, const char **ret)
{
    if (!value)
        return;

    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        members_want(m, name, "text without NUL", value);
    else
        *ret = json_string_value(value);
}

void
members_text(struct members *m, const char *name, const char **ret)
{
    read_text(m, name, members_need(m, name, "text"), ret);
}

void
members_text_maybe(struct members *m, const char *name, const char **ret)
{
    read_text(m, name, members_take(m, name), ret);
}

static void
read_int(
    struct members *m, const char *name, const json_t *value, const int64_t range[2], int64_t *ret)
{
    if (!value)
        return;

    if (!json_is_integer(value)) {
        members_want(m, name, "an integer", value);
        return;
    }

    int64_t n = json_integer_value(value);
    if (n < range[0] || n > range[1])
        m->failed =
            fail(&m->why, RC_MALFORMED, "%s%s%s: want %" PRId64 " to %" PRId64 ", have %" PRId64,
                m->place, members_dot(m), name, range[0], range[1], n);
    else
        *ret = n;
}

void
members_int(struct members *m, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const int64_t range[] = {min, max};

    read_int(m, name, members_need(m, name, "an integer"), range, ret);
}

void
members_int_maybe(struct members *m, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const int64_t range[] = {min, max};

    read_int(m, name, members_take(m, name), range, ret);
}

void
members_bool_maybe(struct members *m, const char *name, bool *ret)
{
    const json_t *value = members_take(m, name);
    if (!value)
        return;

    if (!json_is_boolean(value))
        members_want(m, name, "true or false", value);
    else
        *ret = json_is_true(value);
}

static void
read_array(struct members *m, const char *name, const json_t *value, size_t max, const json_t **ret)
{
    if (!value)
        return;

    if (!json_is_array(value))
        members_want(m, name, "an array", value);
    else if (json_array_size(value) > max)
        m->failed = fail(&m->why, RC_TOO_LARGE, "%s%s%s: %zu elements, the limit is %zu", m->place,
            members_dot(m), name, json_array_size(value), max);
    else
        *ret = value;
}

void
members_array(struct members *m, const char *name, size_t max, const json_t **ret)
{
    read_array(m, name, members_need(m, name, "an array"), max, ret);
}

void
members_array_maybe(struct members *m, const char *name, size_t max, const json_t **ret)
{
    read_array(m, name, members_take(m, name), max, ret);
}

static void
read_object(struct members *m, const char *name, const json_t *value, const json_t **ret)
{
    if (!value)
        return;

    if (!json_is_object(value))
        members_want(m, name, "an object", value);
    else
        *ret = value;
}

void
members_object(struct members *m, const char *name, const json_t **ret)
{
    read_object(m, name, members_need(m, name, "an object"), ret);
}

void
members_object_maybe(struct members *m, const char *name, const json_t **ret)
{
    read_object(m, name, members_take(m, name), ret);
}

static bool
members_asked(const struct members *m, const char *name)
{
    for (size_t i = 0; i < m->n_names; i++)
        if (!strcmp(m->names[i], name))
            return true;

    return false;
}

enum rc
members_close(struct members *m, struct why *why)
{
    enum rc rc = members_close_tolerant(m, why);
    if (rc)
        return rc;

    /* jansson's iterators are not const, though these calls change nothing. */
    json_t *object = (json_t *)m->object;
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i))
        if (!members_asked(m, json_object_iter_key(i)))
            return fail(why, RC_MALFORMED, "%s%sunknown member '%s'", m->place,
                m->place[0] ? ": " : "", json_object_iter_key(i));

    return RC_OK;
}

enum rc
members_close_tolerant(struct members *m, struct why *why)
{
    if (m->failed && why)
        *why = m->why;

    return m->failed;
}
