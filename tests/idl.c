/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/idl.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/message.h"

/* What stands between two tokens: spaces, and comments up to the end of their line. */
static const char *
skip_space(const char *at)
{
    while (isspace((unsigned char)*at) || *at == '#')
        at += *at == '#' ? strcspn(at, "\n") : 1;
    return at;
}

static bool
take(const char **at, const char *text)
{
    const char *next = skip_space(*at);

    if (strncmp(next, text, strlen(text)) != 0)
        return false;

    *at = next + strlen(text);
    return true;
}

static void
take_name(char ret[32], const char **at)
{
    size_t len = 0;

    *at = skip_space(*at);
    while (isalnum((unsigned char)(*at)[len]) || (*at)[len] == '_')
        len++;
    if (len == 0 || len > 31)
        fail_msg("no name: %.40s", *at);
    memcpy(ret, *at, len);
    ret[len] = 0;
    *at += len;
}

/* What follows "KIND NAME" in the interface. */
static const char *
declaration(const char *kind, const char *name)
{
    char want[64];

    snprintf(want, sizeof want, "\n%s %s", kind, name);
    const char *at = strstr(message_interface_text, want);
    while (at && isalnum((unsigned char)at[strlen(want)]))
        at = strstr(at + 1, want);
    if (!at)
        fail_msg("the interface has no %s %s", kind, name);

    return at + strlen(want);
}

static void check_type(const char **at, const json_t *value, const char *place);

/* value NULL: only move past the type. */
static void
check_struct(const char **at, const json_t *value, const char *place)
{
    size_t n = 0;

    if (value && !json_is_object(value))
        fail_msg("%s: no object", place);

    assert_true(take(at, "("));
    while (!take(at, ")")) {
        char name[32], inner[256];
        take_name(name, at);
        snprintf(inner, sizeof inner, "%s.%s", place, name);
        assert_true(take(at, ":"));

        const json_t *member = json_object_get(value, name);
        bool is_optional = *skip_space(*at) == '?';
        if (value && !member && !is_optional)
            fail_msg("%s: is missing", inner);
        n += member != NULL;
        check_type(at, member, inner);
        take(at, ",");
    }

    if (value && json_object_size(value) != n)
        fail_msg("%s: has %zu members, the interface knows %zu of them", place,
            json_object_size(value), n);
}

static void
check_elements(const char **at, const json_t *value, const char *place, bool is_map)
{
    const char *type = *at, *key;
    const json_t *element;
    size_t i;

    if (value && !(is_map ? json_is_object(value) : json_is_array(value)))
        fail_msg("%s: neither list nor map", place);

    check_type(at, NULL, place);
    json_array_foreach(value, i, element) {
        const char *each = type;
        check_type(&each, element, place);
    }
    /* jansson's macro wants to change what it looks through. */
    for (void *m = json_object_iter((json_t *)value); is_map && m;
         m = json_object_iter_next((json_t *)value, m)) {
        const char *each = type;
        key = json_object_iter_key(m);
        assert_true(strlen(key) > 0);
        check_type(&each, json_object_iter_value(m), place);
    }
}

static void
check_named(const char *name, const json_t *value, const char *place)
{
    bool is_right = !strcmp(name, "bool")     ? json_is_boolean(value)
                    : !strcmp(name, "int")    ? json_is_integer(value)
                    : !strcmp(name, "string") ? json_is_string(value)
                                              : isupper((unsigned char)name[0]) != 0;

    if (value && !is_right)
        fail_msg("%s: is no %s", place, name);
    if (value && isupper((unsigned char)name[0])) {
        const char *at = declaration("type", name);
        check_struct(&at, value, place);
    }
}

static void
check_type(const char **at, const json_t *value, const char *place)
{
    char name[32];

    if (take(at, "?") && json_is_null(value))
        value = NULL;

    if (take(at, "[]")) {
        check_elements(at, value, place, false);
    } else if (take(at, "[string]")) {
        check_elements(at, value, place, true);
    } else if (*skip_space(*at) == '(') {
        check_struct(at, value, place);
    } else {
        take_name(name, at);
        check_named(name, value, place);
    }
}

void
idl_check_reply(const char *method, const json_t *parameters)
{
    const char *at = declaration("method", method);

    check_struct(&at, NULL, method);
    assert_true(take(&at, "->"));
    check_struct(&at, parameters, method);
}

void
idl_check_error(const char *error, const json_t *parameters)
{
    const char *at = declaration("error", error);

    check_struct(&at, parameters, error);
}

bool
idl_method(char ret[32], size_t i)
{
    const char *at = message_interface_text;

    do {
        at = strstr(at, "\nmethod ");
        if (!at)
            return false;
        at += strlen("\nmethod ");
    } while (i-- > 0);

    take_name(ret, &at);
    return true;
}
