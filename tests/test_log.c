/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static char text[4096]; /* what was written to standard error */
static int saved = -1;

static void
capture(void)
{
    closing(fd_close) int file = memfd_create("stderr", MFD_CLOEXEC);

    saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
}

static void
captured(void)
{
    ssize_t len = pread(STDERR_FILENO, text, sizeof text - 1, 0);

    assert_true(len >= 0);
    text[len] = 0;
    dup2(saved, STDERR_FILENO);
    fd_close(&saved);
}

static void
test_writes_plain_lines(void **state)
{
    (void)state;
    capture();
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "listening on %s", "/run/x");
    log_head("00ff", 7, "abcd");
    captured();
    assert_string_equal(text, "countersign-agent: listening on /run/x\n"
                              "countersign-agent: ledger 00ff: record 7 has hash abcd\n");
}

static void
test_says_the_same_once(void **state)
{
    (void)state;
    capture();
    log_init(LOG_LEVEL_INFO);
    for (int i = 0; i < 3; i++) {
        log_once(LOG_LEVEL_ERROR, "disk %s", "full");
        log_line(LOG_LEVEL_INFO, "between");
    }
    log_once(LOG_LEVEL_ERROR, "disk broken");
    log_once(LOG_LEVEL_ERROR, "disk full");
    captured();
    assert_string_equal(text, "countersign-agent: disk full\n"
                              "countersign-agent: between\n"
                              "countersign-agent: between\n"
                              "countersign-agent: between\n"
                              "countersign-agent: disk broken\n"
                              "countersign-agent: disk full\n");
}

static void
test_drops_what_is_above_the_level(void **state)
{
    (void)state;
    capture();
    log_init(LOG_LEVEL_WARNING);
    log_line(LOG_LEVEL_NOTICE, "dropped");
    log_head("00ff", 7, "abcd");
    log_line(LOG_LEVEL_WARNING, "kept");
    captured();
    assert_string_equal(text, "countersign-agent: kept\n");
}

static void
test_cannot_be_forged_by_foreign_bytes(void **state)
{
    (void)state;
    capture();
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "'%s'", "a\ncountersign-agent: all is well\x1b[2J\x7f.\xff");
    captured();
    assert_string_equal(text, "countersign-agent: 'a?countersign-agent: all is well?[2J?.?'\n");
}

static void
test_cuts_long_lines(void **state)
{
    char longer[3000];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    capture();
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "%s", longer);
    captured();
    assert_int_equal(strlen(text), strlen("countersign-agent: ") + 1023 + 1);
}

static void
test_takes_no_other_stream_for_the_journal(void **state)
{
    (void)state;
    capture();
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_init(LOG_LEVEL_INFO);
    unsetenv("JOURNAL_STREAM");
    log_line(LOG_LEVEL_INFO, "plain");
    captured();
    assert_string_equal(text, "countersign-agent: plain\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_plain_lines),
        cmocka_unit_test(test_says_the_same_once),
        cmocka_unit_test(test_drops_what_is_above_the_level),
        cmocka_unit_test(test_cannot_be_forged_by_foreign_bytes),
        cmocka_unit_test(test_cuts_long_lines),
        cmocka_unit_test(test_takes_no_other_stream_for_the_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
