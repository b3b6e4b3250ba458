/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct element {
    uint64_t value, rest[3];
};

static void
test_an_array_grows_by_zeroed_elements_and_keeps_the_others(void **state)
{
    closing(freep) struct element *array = NULL;

    (void)state;
    for (size_t n = 0; n < 1000; n++) {
        struct element *e = mem_grow(&array, n, sizeof *array, 1000);
        assert_non_null(e);
        assert_ptr_equal(e, &array[n]);
        assert_int_equal(e->value | e->rest[0] | e->rest[1] | e->rest[2], 0);
        *e = (struct element){n, {n, n, n}};
        assert_int_equal(array[n / 2].value, n / 2);
    }
}

static void
test_an_array_stops_at_its_maximum(void **state)
{
    closing(freep) int *array = NULL;

    (void)state;
    assert_null(mem_grow(&array, 0, sizeof *array, 0));
    assert_null(array);
    assert_non_null(mem_grow(&array, 0, sizeof *array, 2));
    assert_non_null(mem_grow(&array, 1, sizeof *array, 2));
    int *before = array;
    assert_null(mem_grow(&array, 2, sizeof *array, 2));
    assert_ptr_equal(array, before);
}

static void
test_stealing_leaves_nothing_behind(void **state)
{
    closing(freep) char *from = strdup("x");
    char *before = from;
    closing(freep) char *to = steal(from);

    (void)state;
    assert_null(from);
    assert_ptr_equal(to, before);
}

static void
test_a_closed_descriptor_is_forgotten(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), was = fd;

    (void)state;
    assert_true(fd >= 0);
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(was, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
    fd_close(&fd); /* nothing to close */
    assert_int_equal(fd, -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_array_grows_by_zeroed_elements_and_keeps_the_others),
        cmocka_unit_test(test_an_array_stops_at_its_maximum),
        cmocka_unit_test(test_stealing_leaves_nothing_behind),
        cmocka_unit_test(test_a_closed_descriptor_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
