/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

/*
 * The grammar of https://varlink.org/Interface-Definition, as far as our interface uses it: no
 * inline enums. A line that does not fit fails the test with its text.
 */
#define NAMES_MAX 64

struct reader {
    const char *at;
    char types[NAMES_MAX][32], used[NAMES_MAX * 4][32], members[NAMES_MAX][32];
    size_t n_types, n_used, n_members;
};

static void
skip_space(struct reader *r)
{
    while (isspace((unsigned char)*r->at) || *r->at == '#')
        r->at += *r->at == '#' ? strcspn(r->at, "\n") : 1;
}

static bool
take(struct reader *r, const char *text)
{
    skip_space(r);
    if (strncmp(r->at, text, strlen(text)) != 0)
        return false;

    r->at += strlen(text);
    return true;
}

static void
want(struct reader *r, const char *text)
{
    if (!take(r, text))
        fail_msg("want '%s' before: %.60s", text, r->at);
}

/* A name of letters, digits and what else is allowed within; begins with a letter of that case. */
static void
read_name(struct reader *r, char ret[32], bool is_upper, const char *within)
{
    size_t len = 0;

    skip_space(r);
    while (isalnum((unsigned char)r->at[len]) || (r->at[len] && strchr(within, r->at[len])))
        len++;
    if (len == 0 || len > 31 || !isalpha((unsigned char)r->at[0]) ||
        (isupper((unsigned char)r->at[0]) != 0) != is_upper || r->at[len - 1] == '_' ||
        memmem(r->at, len, "__", 2))
        fail_msg("no name: %.60s", r->at);

    memcpy(ret, r->at, len);
    ret[len] = 0;
    r->at += len;
}

static void
add_once(char names[][32], size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(names[i], name))
            fail_msg("declared twice: %s", name);

    assert_true(*n < NAMES_MAX);
    memcpy(names[(*n)++], name, 32);
}

static void
read_type(struct reader *r)
{
    static const char *const plain[] = {"bool", "int", "float", "string", "object"};

    /* "??" is no type, nor is a list of optional values of use here. */
    take(r, "?");
    while (take(r, "[]") || take(r, "[string]"))
        ;
    for (size_t i = 0; i < N_ELEMENTS(plain); i++)
        if (take(r, plain[i]))
            return;

    assert_true(r->n_used < N_ELEMENTS(r->used));
    read_name(r, r->used[r->n_used++], true, "");
}

static void
read_struct(struct reader *r)
{
    char fields[NAMES_MAX][32], name[32];
    size_t n = 0;

    want(r, "(");
    if (take(r, ")"))
        return;

    do {
        read_name(r, name, false, "_");
        add_once(fields, &n, name);
        want(r, ":");
        read_type(r);
    } while (take(r, ","));
    want(r, ")");
}

static void
read_member(struct reader *r)
{
    bool is_type = take(r, "type "), is_method = !is_type && take(r, "method ");
    char name[32];

    if (!is_type && !is_method)
        want(r, "error ");
    read_name(r, name, true, "");
    add_once(r->members, &r->n_members, name);
    if (is_type)
        add_once(r->types, &r->n_types, name);

    read_struct(r);
    if (is_method) {
        want(r, "->");
        read_struct(r);
    }
    skip_space(r);
}

static void
test_the_interface_follows_the_grammar_of_varlink(void **state)
{
    static struct reader r;

    (void)state;
    r = (struct reader){.at = message_interface_text};
    want(&r, "interface " MESSAGE_INTERFACE "\n");
    skip_space(&r);
    while (*r.at)
        read_member(&r);

    assert_true(r.n_types > 0);
    for (size_t i = 0; i < r.n_used; i++) {
        bool is_declared = false;
        for (size_t k = 0; k < r.n_types; k++)
            is_declared = is_declared || !strcmp(r.used[i], r.types[k]);
        if (!is_declared)
            fail_msg("no such type: %s", r.used[i]);
    }
    for (size_t k = 0; k < r.n_types; k++) {
        bool is_used = false;
        for (size_t i = 0; i < r.n_used; i++)
            is_used = is_used || !strcmp(r.used[i], r.types[k]);
        if (!is_used)
            fail_msg("used by nothing: %s", r.types[k]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_interface_follows_the_grammar_of_varlink),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
