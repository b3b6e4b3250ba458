/* SPDX-License-Identifier: Apache-2.0 */
#include "client/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static char text[4096]; /* what was written to standard output */

/* Standard output goes to a file while print(data) runs. */
static void
capture(enum rc (*print)(const void *data), const void *data)
{
    closing(fd_close) int file = memfd_create("stdout", MFD_CLOEXEC);

    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    assert_int_equal(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    enum rc rc = print(data);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    fd_close(&saved);

    assert_int_equal(rc, RC_OK);
    ssize_t len = pread(file, text, sizeof text - 1, 0);
    assert_true(len >= 0);
    text[len] = 0;
}

static enum rc
print_table(const void *table)
{
    return table_print(table, NULL);
}

static enum rc
print_json(const void *value)
{
    return table_print_json(value, NULL);
}

static void
fill(struct table *table)
{
    table_cell(table, "v1");
    table_cell(table, "some");
    table_cell(table, "alice, bob");
    table_cell(table, "a long name");
    table_cell(table, "");
    table_cell(table, "");
    /* Two bytes each, one column each. */
    table_cell(table, "\xc3\xa4\xc3\xb6\xc3\xbc");
    table_cell_printf(table, "%d", 5);
    table_cell(table, "x");
}

static const char *const names[] = {"NAME", "DIGEST", "SIGNERS"};

static void
test_lays_out_as_docker(void **state)
{
    closing(table_done) struct table table = TABLE_INIT(3);

    (void)state;
    table_header(&table, names);
    fill(&table);
    capture(print_table, &table);
    assert_string_equal(text, "NAME          DIGEST    SIGNERS\n"
                              "v1            some      alice, bob\n"
                              "a long name             \n"
                              "\xc3\xa4\xc3\xb6\xc3\xbc           5         x\n");
}

static void
test_lays_out_as_notary(void **state)
{
    closing(table_done) struct table table = TABLE_INIT_NOTARY(3);

    (void)state;
    table_header_ruled(&table, names);
    fill(&table);
    capture(print_table, &table);
    assert_string_equal(text, "NAME           DIGEST    SIGNERS\n"
                              "----           ------    -------\n"
                              "v1             some      alice, bob\n"
                              "a long name              \n"
                              "\xc3\xa4\xc3\xb6\xc3\xbc            5         x\n");
}

static void
test_lets_no_cell_steer_the_terminal(void **state)
{
    closing(table_done) struct table table = TABLE_INIT(1);

    (void)state;
    table_cell(&table, "\x1b[2Ja\nb\tc\x7f \xc2\x9b\x32J\xc2\xa0\xc3\x9b");
    capture(print_table, &table);
    assert_string_equal(text, "?[2Ja?b?c? ??2J\xc2\xa0\xc3\x9b\n");
}

static void
test_can_be_used_again(void **state)
{
    closing(table_done) struct table table = TABLE_INIT_NOTARY(1);

    (void)state;
    table_cell(&table, "once");
    table_done(&table);
    table_cell(&table, "again");
    capture(print_table, &table);
    assert_string_equal(text, "again\n");
}

static void
test_keeps_the_order_of_members(void **state)
{
    closing(json_decrefp) json_t *value =
        json_pack("{s:[s,s],s:i,s:[]}", "z", "a", "b", "a", 1, "m");

    (void)state;
    capture(print_json, value);
    assert_string_equal(text, "{\n"
                              "    \"z\": [\n"
                              "        \"a\",\n"
                              "        \"b\"\n"
                              "    ],\n"
                              "    \"a\": 1,\n"
                              "    \"m\": []\n"
                              "}\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lays_out_as_docker),
        cmocka_unit_test(test_lays_out_as_notary),
        cmocka_unit_test(test_lets_no_cell_steer_the_terminal),
        cmocka_unit_test(test_can_be_used_again),
        cmocka_unit_test(test_keeps_the_order_of_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
