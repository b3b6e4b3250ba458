/* SPDX-License-Identifier: Apache-2.0 */
#include "client/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <getopt.h>
#include <stdio.h>

#define WORDS_MAX (OPTION_VALUES_MAX + 8)

/* A command line that may be cut and reordered. */
struct line {
    char text[8192];
    char *words[WORDS_MAX + 1];
    int n;
};

/* Words are separated by single spaces. */
static bool
parse(struct options *ret, struct line *line, const char *text)
{
    assert_true(strlen(text) < sizeof line->text);
    memcpy(line->text, text, strlen(text) + 1);
    line->n = 0;
    for (char *at = line->text; at; line->n++) {
        char *space = strchr(at, ' ');
        if (space)
            *space++ = 0;
        assert_true(line->n < WORDS_MAX);
        line->words[line->n] = at;
        at = space;
    }
    line->words[line->n] = NULL;

    optind = 0; /* glibc: forget the line before */
    return options_parse(ret, line->n, line->words);
}

static void
test_takes_options_before_and_after_the_verb(void **state)
{
    struct options options;
    struct line line;

    (void)state;
    assert_true(parse(&options, &line,
        "countersign -q sign --server=https://x a:1 -d D -s https://y b:2 -- -c:3"));
    assert_int_equal(options.n_arguments, 4);
    assert_string_equal(options.arguments[0], "sign");
    assert_string_equal(options.arguments[1], "a:1");
    assert_string_equal(options.arguments[3], "-c:3");
    assert_true(options_has(&options, OPTION_QUIET));
    assert_false(options_has(&options, OPTION_VERBOSE));
    assert_string_equal(options.values[OPTION_SERVER], "https://y");
    assert_string_equal(options.values[OPTION_TRUST_DIR], "D");
    assert_null(options.values[OPTION_SOCKET]);
}

static void
test_takes_notarys_spelling(void **state)
{
    struct options options;
    struct line line;

    (void)state;
    assert_true(parse(&options, &line,
        "countersign list g --trustDir D -p --roles a,b -D --configFile C --number 3"));
    assert_string_equal(options.values[OPTION_TRUST_DIR], "D");
    assert_true(options_has(&options, OPTION_PUBLISH));
    assert_int_equal(options.n_roles, 2);
    assert_true(options_has(&options, OPTION_VERBOSE));
    assert_string_equal(options.values[OPTION_CONFIG], "C");
    assert_string_equal(options.values[OPTION_LINES], "3");
    assert_true(parse(&options, &line, "countersign -q key rotate -r g snapshot -p"));
    assert_true(options_has(&options, OPTION_SERVER_MANAGED));
    assert_false(options_has(&options, OPTION_ROLE));
    assert_int_equal(options.n_arguments, 4);
    assert_string_equal(options.arguments[2], "g");
    assert_true(parse(&options, &line, "countersign key list -r rotate"));
    assert_false(options_has(&options, OPTION_SERVER_MANAGED));
    assert_int_equal(options.n_roles, 1);
    assert_true(parse(&options, &line, "countersign list g --debug -d D"));
    assert_true(options_has(&options, OPTION_VERBOSE));
    assert_string_equal(options.values[OPTION_TRUST_DIR], "D");
}

static void
test_gathers_roles_and_keys(void **state)
{
    struct options options;
    struct line line;

    (void)state;
    assert_true(parse(
        &options, &line, "countersign sign -r a,b --key x,y.pem --role=c --key agent:z -r d i:t"));
    assert_int_equal(options.n_roles, 4);
    assert_string_equal(options.roles[0], "a");
    assert_string_equal(options.roles[1], "b");
    assert_string_equal(options.roles[3], "d");
    /* A file may have a comma in its name. */
    assert_int_equal(options.n_keys, 2);
    assert_string_equal(options.keys[0], "x,y.pem");
    assert_string_equal(options.keys[1], "agent:z");
}

static void
test_bounds_what_may_be_repeated(void **state)
{
    char text[8192] = "countersign list -r a";
    size_t len = strlen(text);
    struct options options;
    struct line line;

    (void)state;
    for (int i = 1; i < OPTION_VALUES_MAX; i++, len += 2)
        memcpy(text + len, ",a", 3);
    assert_true(parse(&options, &line, text));
    assert_int_equal(options.n_roles, OPTION_VALUES_MAX);
    memcpy(text + len, ",a", 3);
    assert_false(parse(&options, &line, text));
}

static void
test_refuses_what_it_does_not_know(void **state)
{
    static const char *const lines[] = {
        "countersign sign --no-such-option",
        "countersign sign -Z",
        "countersign sign --server",
        "countersign sign -r",
        "countersign sign --json=yes",
    };
    struct options options;
    struct line line;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(lines); i++)
        if (parse(&options, &line, lines[i]))
            fail_msg("%s", lines[i]);
}

static void
test_names_and_explains_every_option(void **state)
{
    (void)state;
    for (int id = 0; id < OPTION_MAX_; id++)
        assert_int_equal(strncmp(options_name((enum option_id)id), "--", 2), 0);
}

static void
test_reads_a_word_by_itself(void **state)
{
    static const struct {
        const char *word;
        bool is_option;
        enum option_id id;
        const char *value;
    } cases[] = {
        {"--server", true, OPTION_SERVER, NULL},
        {"--server=https://x", true, OPTION_SERVER, "https://x"},
        {"--server=", true, OPTION_SERVER, ""},
        {"--trustDir=d", true, OPTION_TRUST_DIR, "d"},
        {"-s", true, OPTION_SERVER, NULL},
        {"-shttps://x", true, OPTION_SERVER, "https://x"},
        {"-qs", true, OPTION_SERVER, NULL},
        {"-qv", true, OPTION_VERBOSE, NULL},
        {"-D", true, OPTION_VERBOSE, NULL},
        {"-?", false, OPTION_HELP, NULL},
        {"--serve", false, OPTION_HELP, NULL},
        {"--", false, OPTION_HELP, NULL},
        {"-", false, OPTION_HELP, NULL},
        {"", false, OPTION_HELP, NULL},
        {"server", false, OPTION_HELP, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        enum option_id id = OPTION_HELP;
        const char *value = NULL;

        if (options_read(&id, &value, cases[i].word) != cases[i].is_option ||
            (cases[i].is_option && id != cases[i].id) ||
            (cases[i].is_option && !value != !cases[i].value) ||
            (value && cases[i].value && strcmp(value, cases[i].value) != 0))
            fail_msg("%s", cases[i].word);
    }
}

static void
test_choices_are_explained(void **state)
{
    (void)state;
    for (int id = 0; id < OPTION_MAX_; id++) {
        const char *argument = options_argument((enum option_id)id);
        const char *choices = options_choices((enum option_id)id);

        assert_true(argument || !choices);
        for (const char *at = choices; at && *at; at += strcspn(at, "|"), at += *at == '|') {
            char choice[64];
            snprintf(choice, sizeof choice, "%.*s", (int)strcspn(at, "|"), at);
            if (!strstr(options_summary((enum option_id)id), choice) && !strstr(argument, choice))
                fail_msg("%s: %s", options_name((enum option_id)id), choice);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_options_before_and_after_the_verb),
        cmocka_unit_test(test_takes_notarys_spelling),
        cmocka_unit_test(test_gathers_roles_and_keys),
        cmocka_unit_test(test_bounds_what_may_be_repeated),
        cmocka_unit_test(test_refuses_what_it_does_not_know),
        cmocka_unit_test(test_names_and_explains_every_option),
        cmocka_unit_test(test_reads_a_word_by_itself),
        cmocka_unit_test(test_choices_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
