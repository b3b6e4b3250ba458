/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

static void
test_keeps_values_with_their_places(void **state)
{
    closing(policy_node_freep) struct policy_node *root = NULL;
    struct why why;

    (void)state;
    assert_int_equal(policy_yaml_parse(&root, "f",
                         SPAN("# a comment\n---\nkeys:\n  qa: {at: [1, \"x y\"]}\nlast:\n"), &why),
        RC_OK);
    assert_int_equal(root->kind, POLICY_MAP);
    assert_int_equal(root->n, 2);
    assert_string_equal(root->names[0].text, "keys");
    assert_int_equal(root->names[0].line, 3);
    assert_int_equal(root->names[0].column, 1);

    const struct policy_node *qa = &root->values[0].values[0];
    const struct policy_node *at = &qa->values[0];
    assert_int_equal(at->kind, POLICY_LIST);
    assert_int_equal(at->line, 4);
    assert_int_equal(at->column, 12);
    assert_int_equal(at->n, 2);
    assert_string_equal(at->values[0].text, "1");
    assert_true(at->values[0].is_plain);
    assert_string_equal(at->values[1].text, "x y");
    assert_false(at->values[1].is_plain);
    assert_string_equal(at->values[1].file, "f");

    assert_int_equal(root->values[1].kind, POLICY_SCALAR);
    assert_string_equal(root->values[1].text, "");
}

static const struct {
    const char *says, *text, *want; /* want: NULL where it is taken */
} cases[] = {
    {"takes line ends of DOS", "a: b\r\nc: d\r\n", NULL},
    {"takes tabs after a name", "a:\tb\n", NULL},
    {"takes a comma at the end of a list", "a: [b,]\n", NULL},
    {"takes an end marker", "a: b\n...\n", NULL},
    {"takes words of other scripts", "a: \xc3\xa9\n", NULL},
    {"refuses an empty file", "", "f:1:1: an empty file"},
    {"refuses comments alone", "# a: b\n", "an empty file"},
    {"refuses duplicate names", "a: 1\nb: 2\na: 3\n", "f:3:1: 'a' is already there, at line 1"},
    {"refuses duplicates in other quotes", "{a: 1, \"a\": 2}", "f:1:8: 'a' is already there"},
    {"refuses an anchor", "a: &x 1\n", "f:1:7: anchors and aliases are not taken here"},
    {"refuses an anchor on a list", "a: &x [1]\n", "anchors and aliases"},
    {"refuses an anchor on a mapping", "a: &x {b: 1}\n", "anchors and aliases"},
    {"refuses an alias", "a: *x\n", "f:1:4: anchors and aliases"},
    {"refuses a merge of an alias", "a: {<<: *x}\n", "anchors and aliases"},
    {"refuses a tag", "a: !!str 1\n", "tags are not taken here"},
    {"refuses the empty tag", "a: ! 1\n", "tags are not taken here"},
    {"refuses a tag on a list", "a: !x [1]\n", "tags are not taken here"},
    {"refuses a tag on a mapping", "a: !x {b: 1}\n", "tags are not taken here"},
    {"refuses a second document", "a: 1\n---\nb: 2\n", "f:2:1: a second document"},
    {"refuses text after the end marker", "a: 1\n...\nb\n", "a second document"},
    {"refuses a version directive", "%YAML 1.1\n---\na: 1\n", "directives are not taken"},
    {"refuses a tag directive", "%TAG ! tag:x,2000:\n---\na: 1\n", "directives are not taken"},
    {"refuses an unknown directive", "%FOO\n---\na: 1\n", "f:1:2: Unsupported directive"},
    {"refuses tabs as indentation", "a:\n\tb: c\n", "f:2:1: tab character"},
    {"refuses an open list", "a: [1,\n 2\n", "f:3:1: flow sequence without a closing bracket"},
    {"refuses two levels on one line", "a: b: c\n", "f:1:5: invalid nested block mapping"},
    {"refuses an indentation that fits nothing", "a:\n  b: 1\n c: 2\n", "f:3:2: "},
    {"refuses a literal block", "a: |\n  b\n", "block scalars are not taken"},
    {"refuses a folded block", "a: >\n  b\n", "block scalars are not taken"},
    {"refuses a list as a name", "? [x]\n: 1\n", "f:1:3: want text, have a list"},
    {"refuses a list as a name in brackets", "[a, b]: c\n", "want text, have a list"},
    {"refuses an empty name", ": 1\n", "want text, have nothing"},
    {"refuses a boolean as a name", "on: 1\n", "f:1:1: 'on' is no text"},
    {"refuses a number as a name", "1: 1\n", "f:1:1: '1' is no text"},
    {"refuses NUL in a text", "a: \"b\\0c\"\n", "f:1:4: a text with control characters"},
    {"refuses a line end in a text", "a: \"b\\nc\"\n", "control characters"},
    {"refuses bytes that are no UTF-8", "a: 1\nb: \xff\n", "f:2:1: from here on: a control"},
    {"refuses control characters", "a: b\x01\n", "f:1:1: from here on: a control"},
    {"refuses control characters in comments", "# \x1b[2K\na: b\n", "f:1:1: from here on"},
    {"refuses a carriage return within a line", "# x\ra: b\n", "f:1:1: from here on"},
    {"refuses a byte order mark",
        "\xef\xbb\xbf"
        "a: b\n",
        "f:1:1: a character that is not shown"},
    {"refuses a mark of direction", "a: b # \xe2\x80\xae\n",
        "f:1:8: a character that is not shown"},
    {"refuses a line separator", "a: b\xe2\x80\xa8\n", "a character that is not shown"},
    {"refuses a zero-width space", "a: b\xe2\x80\x8b\n", "a character that is not shown"},
    {"refuses an isolate", "a: b\xe2\x81\xa7\n", "a character that is not shown"},
    {"refuses an escaped line separator", "a: \"b\\L\"\n",
        "f:1:4: a text with a character that is"},
    {"refuses an escaped mark of direction", "a: \"b\\u202ec\"\n", "a character that is not shown"},
    {"refuses the mark of Arabic letters", "a: b\xd8\x9c\n", "a character that is not shown"},
};

static void
test_reads_what_everybody_reads_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(policy_node_freep) struct policy_node *root = NULL;
        struct why why = {""};

        enum rc rc = policy_yaml_parse(&root, "f", span_of(cases[i].text), &why);
        if (rc != (cases[i].want ? RC_MALFORMED : RC_OK) ||
            (cases[i].want && !strstr(why.text, cases[i].want)))
            fail_msg("%s: %d '%s'", cases[i].says, rc, why.text);
    }
}

static void
test_refuses_a_nul_byte(void **state)
{
    struct policy_node *root = NULL;
    struct why why;

    (void)state;
    assert_int_equal(policy_yaml_parse(&root, "f", SPAN("a: 1\0b: 2\n"), &why), RC_MALFORMED);
    assert_null(root);
}

/* n times before, then the rest. */
static enum rc
parse_repeated(const char *before, size_t n, const char *rest, struct why *why)
{
    closing(policy_node_freep) struct policy_node *root = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);

    for (size_t i = 0; i < n; i++)
        bytes_puts(&text, before);
    bytes_puts(&text, rest);
    assert_int_equal(bytes_check(&text, NULL), RC_OK);
    return policy_yaml_parse(&root, "f", bytes_span(&text), why);
}

static void
test_bounds_levels(void **state)
{
    struct why why;

    (void)state;
    assert_int_equal(parse_repeated("- ", POLICY_DEPTH_MAX - 1, "x\n", &why), RC_OK);
    assert_int_equal(parse_repeated("- ", POLICY_DEPTH_MAX, "x\n", &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "more than 16 levels"));
    assert_int_equal(parse_repeated("[", 100000, "x\n", &why), RC_MALFORMED);
    assert_int_equal(parse_repeated("- ", 100000, "x\n", &why), RC_MALFORMED);
}

static void
test_bounds_entries(void **state)
{
    struct why why;

    (void)state;
    assert_int_equal(parse_repeated("- x\n", POLICY_ENTRIES_MAX, "", &why), RC_OK);
    assert_int_equal(parse_repeated("- x\n", POLICY_ENTRIES_MAX + 1, "", &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "f:4097:3: more than 4096 entries"));
}

static void
test_bounds_texts(void **state)
{
    struct why why;

    (void)state;
    assert_int_equal(parse_repeated("x", POLICY_TEXT_MAX_BYTES, "\n", &why), RC_OK);
    assert_int_equal(parse_repeated("x", POLICY_TEXT_MAX_BYTES + 1, "\n", &why), RC_MALFORMED);
}

static const struct {
    const char *text;
    bool is_text;
} scalars[] = {
    {"a", true},
    {"'yes'", true},
    {"\"1\"", true},
    {"yes-man", true},
    {"4711abc", true},
    {"registry:5000/x", true},
    {"-", false}, /* a list with nothing */
    {"Yes", false},
    {"no", false},
    {"ON", false},
    {"y", false},
    {"true", false},
    {"null", false},
    {"~", false},
    {"''", false},
    {"0", false},
    {"0x1F", false},
    {"0o17", false},
    {"1_000", false},
    {"+1", false},
    {"-1.5", false},
    {"1e3", false},
    {".5", false},
    {"-.inf", false},
    {".NaN", false},
    {"12:30", false},
    {"2001-01-01", false},
};

static void
test_takes_no_text_that_others_read_as_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(scalars); i++) {
        closing(policy_node_freep) struct policy_node *root = NULL;
        const char *text = NULL;
        struct why why;

        assert_int_equal(policy_yaml_parse(&root, "f", span_of(scalars[i].text), &why), RC_OK);
        if (!policy_node_text(&text, root, &why) != scalars[i].is_text)
            fail_msg("%s", scalars[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_values_with_their_places),
        cmocka_unit_test(test_reads_what_everybody_reads_the_same),
        cmocka_unit_test(test_refuses_a_nul_byte),
        cmocka_unit_test(test_bounds_levels),
        cmocka_unit_test(test_bounds_entries),
        cmocka_unit_test(test_bounds_texts),
        cmocka_unit_test(test_takes_no_text_that_others_read_as_something_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
