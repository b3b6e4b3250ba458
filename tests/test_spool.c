/* SPDX-License-Identifier: Apache-2.0 */
#include "client/spool.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
assert_holds(const struct content *content, const char *want)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(64);

    assert_int_equal(content_read_all(&text, content, NULL), RC_OK);
    assert_string_equal(bytes_text(&text), want);
}

static void
test_gives_back_what_was_put(void **state)
{
    closing(spool_freep) struct spool *spool = NULL;

    (void)state;
    assert_int_equal(spool_new(&spool, NULL), RC_OK);
    assert_int_equal(spool_put(spool, SPAN("first"), NULL), RC_OK);
    assert_int_equal(spool_put(spool, SPAN(""), NULL), RC_OK);
    assert_int_equal(spool_len(spool), 5);
    assert_int_equal(spool_put(spool, SPAN("second"), NULL), RC_OK);

    const struct content all = spool_content(spool, 0), rest = spool_content(spool, 5);
    assert_holds(&all, "firstsecond");
    assert_holds(&rest, "second");
}

static void
test_has_no_name(void **state)
{
    closing(spool_freep) struct spool *spool = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(spool_new(&spool, NULL), RC_OK);
    assert_int_equal(fstat(spool_content(spool, 0).fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void
test_keeps_room_for_other_processes(void **state)
{
    closing(spool_freep) struct spool *spool = NULL;
    int status = 0;

    (void)state;
    assert_int_equal(spool_new(&spool, NULL), RC_OK);
    assert_int_equal(spool_put(spool, SPAN("ours"), NULL), RC_OK);
    int64_t offset = spool_reserve(spool, 1000);
    assert_int_equal(offset, 4);
    assert_int_equal(spool_put(spool, SPAN("behind"), NULL), RC_OK);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(spool_put_at(spool, offset, SPAN("theirs"), NULL) ? 1 : 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    struct content theirs = spool_content(spool, offset);
    theirs.size = 6;
    assert_holds(&theirs, "theirs");
    const struct content behind = spool_content(spool, 1004);
    assert_holds(&behind, "behind");
}

static void
test_names_the_directory_that_will_not_do(void **state)
{
    closing(spool_freep) struct spool *spool = NULL;
    struct why why = {0};

    (void)state;
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(spool_new(&spool, &why), RC_SYSTEM);
    assert_string_equal(why.text, "cannot make a file in '/nonexistent': No such file or "
                                  "directory; name a directory in TMPDIR");

    setenv("TMPDIR", "/tmp", 1);
    assert_int_equal(spool_new(&spool, NULL), RC_OK);
    unsetenv("TMPDIR");

    /* A limit of the process stands in for a full disk. */
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 4, .rlim_max = before.rlim_max}), 0);
    assert_int_equal(spool_put(spool, SPAN("12345"), &why), RC_SYSTEM);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_string_equal(why.text, "cannot keep more than 4 bytes in '/tmp': File too large; name a "
                                  "directory with more room in TMPDIR");
}

static void
test_content_ends_where_it_ends(void **state)
{
    closing(spool_freep) struct spool *spool = NULL;
    uint8_t part[8];
    size_t len = 9;
    struct why why = {0};

    (void)state;
    assert_int_equal(spool_new(&spool, NULL), RC_OK);
    assert_int_equal(spool_put(spool, SPAN("0123456789"), NULL), RC_OK);
    struct content content = spool_content(spool, 2);
    content.size = 5;
    assert_int_equal(content_read(&content, 3, part, sizeof part, &len, NULL), RC_OK);
    assert_int_equal(len, 2);
    assert_memory_equal(part, "56", 2);
    assert_int_equal(content_read(&content, 5, part, sizeof part, &len, NULL), RC_OK);
    assert_int_equal(len, 0);

    content.size = 100;
    assert_int_equal(content_read(&content, 8, part, sizeof part, &len, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "8 bytes only, it had 100"));

    closing(bytes_done) struct bytes small = BYTES_INIT(4);
    content.size = 5;
    assert_int_equal(content_read_all(&small, &content, NULL), RC_TOO_LARGE);
    content.size = 4;
    assert_int_equal(content_read_all(&small, &content, NULL), RC_OK);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_what_was_put),
        cmocka_unit_test(test_has_no_name),
        cmocka_unit_test(test_keeps_room_for_other_processes),
        cmocka_unit_test(test_names_the_directory_that_will_not_do),
        cmocka_unit_test(test_content_ends_where_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
