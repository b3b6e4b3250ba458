/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/datafile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static char dir[64], path[128], other[128]; /* a fresh directory for each test */
static struct why why;

static int
make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s", "/tmp/test_datafile.XXXXXX");
    if (!mkdtemp(dir))
        return -1;

    snprintf(path, sizeof path, "%s/notes.db", dir);
    snprintf(other, sizeof other, "%s/other.db", dir);
    return 0;
}

static int
remove_dir(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void
test_is_made_once_for_its_owner(void **state)
{
    struct stat st, again;

    (void)state;
    assert_int_equal(datafile_make(path, &why), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0600);
    assert_int_equal(datafile_make(path, &why), RC_OK);
    assert_int_equal(stat(path, &again), 0);
    assert_int_equal(st.st_ino, again.st_ino);
}

static void
test_has_one_name(void **state)
{
    (void)state;
    assert_int_equal(datafile_make(path, &why), RC_OK);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(datafile_make(path, &why), RC_STORAGE);
    assert_int_equal(datafile_make(other, &why), RC_STORAGE);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(datafile_make(path, &why), RC_OK);
}

static void
test_is_no_link_and_no_directory(void **state)
{
    (void)state;
    assert_int_equal(datafile_make(path, &why), RC_OK);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(datafile_make(other, &why), RC_STORAGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(datafile_make(path, &why), RC_STORAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_is_made_once_for_its_owner),
        TEST(test_has_one_name),
        TEST(test_is_no_link_and_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
