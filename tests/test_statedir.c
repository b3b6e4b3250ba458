/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/statedir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static char base[64]; /* a fresh directory for each test */

static int
make_base(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "%s", "/tmp/test_statedir.XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int
remove_base(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static const char *
below(char ret[128], const char *name)
{
    snprintf(ret, 128, "%s/%s", base, name);
    return ret;
}

static void
test_makes_a_missing_directory_for_itself_alone(void **state)
{
    char dir[128];
    struct stat st;
    struct why why;

    (void)state;
    closing(fd_close) int fd = -1;
    assert_int_equal(statedir_open(&fd, below(dir, "state"), &why), RC_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void
test_makes_no_parent(void **state)
{
    char dir[128];
    struct why why;
    int fd = -1;

    (void)state;
    assert_int_equal(statedir_open(&fd, below(dir, "missing/state"), &why), RC_STORAGE);
    assert_non_null(strstr(why.text, "No such file"));
    assert_int_equal(fd, -1);
}

static void
test_is_held_by_one_until_it_is_closed(void **state)
{
    struct why why;
    int other = -1;

    (void)state;
    closing(fd_close) int fd = -1;
    assert_int_equal(statedir_open(&fd, base, &why), RC_OK);
    assert_int_equal(statedir_open(&other, base, &why), RC_BUSY);
    assert_non_null(strstr(why.text, "another agent"));
    fd_close(&fd);
    assert_int_equal(statedir_open(&fd, base, &why), RC_OK);
}

static void
test_refuses_a_directory_that_others_can_write(void **state)
{
    static const mode_t modes[] = {0770, 0720, 0702, 01777};
    struct why why;
    int fd = -1;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
        assert_int_equal(chmod(base, modes[i]), 0);
        assert_int_equal(statedir_open(&fd, base, &why), RC_STORAGE);
        assert_non_null(strstr(why.text, "chmod 700"));
    }
}

static void
test_closes_a_directory_that_others_can_read(void **state)
{
    static const mode_t modes[] = {0755, 0710, 0701};
    struct why why;
    struct stat st;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
        closing(fd_close) int fd = -1;
        assert_int_equal(chmod(base, modes[i]), 0);
        assert_int_equal(statedir_open(&fd, base, &why), RC_OK);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
    }
}

static void
test_refuses_a_directory_of_another_user(void **state)
{
    struct why why;
    int fd = -1;

    (void)state;
    if (geteuid() == 0) {
        assert_int_equal(chown(base, 65534, 65534), 0);
        assert_int_equal(statedir_open(&fd, base, &why), RC_STORAGE);
    } else {
        assert_int_equal(statedir_open(&fd, "/usr", &why), RC_STORAGE);
    }
    assert_non_null(strstr(why.text, "belongs to uid"));
}

static void
test_refuses_what_is_no_directory_of_that_name(void **state)
{
    char real[128], link[128], slash[160], file[128];
    struct why why;
    int fd = -1;

    (void)state;
    assert_int_equal(mkdir(below(real, "real"), 0700), 0);
    assert_int_equal(symlink(real, below(link, "link")), 0);
    snprintf(slash, sizeof slash, "%s//", link);
    closing(fd_close) int created = open(below(file, "file"), O_CREAT | O_WRONLY, 0600);
    assert_true(created >= 0);

    const char *const wrong[] = {link, slash, file};
    for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
        assert_int_equal(statedir_open(&fd, wrong[i], &why), RC_STORAGE);
        assert_non_null(strstr(why.text, "symbolic link or no directory"));
    }

    snprintf(slash, sizeof slash, "%s/", real);
    closing(fd_close) int good = -1;
    assert_int_equal(statedir_open(&good, slash, &why), RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_makes_a_missing_directory_for_itself_alone, make_base, remove_base),
        cmocka_unit_test_setup_teardown(test_makes_no_parent, make_base, remove_base),
        cmocka_unit_test_setup_teardown(
            test_is_held_by_one_until_it_is_closed, make_base, remove_base),
        cmocka_unit_test_setup_teardown(
            test_refuses_a_directory_that_others_can_write, make_base, remove_base),
        cmocka_unit_test_setup_teardown(
            test_closes_a_directory_that_others_can_read, make_base, remove_base),
        cmocka_unit_test_setup_teardown(
            test_refuses_a_directory_of_another_user, make_base, remove_base),
        cmocka_unit_test_setup_teardown(
            test_refuses_what_is_no_directory_of_that_name, make_base, remove_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
