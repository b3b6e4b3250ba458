/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/memfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/bounds.h"

static void
test_hands_over_bytes_that_nobody_can_change(void **state)
{
    closing(memfile_done) struct memfile file = {0};
    closing(fd_close) int fd = -1;

    (void)state;
    assert_int_equal(memfile_new(&fd, SPAN("message"), NULL), RC_OK);
    assert_int_equal(memfile_open(&file, fd, NULL), RC_OK);
    assert_true(span_eq(file.bytes, SPAN("message")));
    assert_int_equal(pwrite(fd, "M", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
}

static void
test_refuses_what_can_change_or_end_while_it_is_read(void **state)
{
    closing(memfile_done) struct memfile file = {0};
    closing(fd_close) int open_fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    closing(fd_close) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    assert_int_equal(write(open_fd, "message", 7), 7);
    assert_int_equal(memfile_open(&file, open_fd, NULL), RC_MALFORMED);
    assert_int_equal(memfile_open(&file, null_fd, NULL), RC_MALFORMED);
}

static void
test_refuses_nothing_and_more_than_a_document(void **state)
{
    closing(memfile_done) struct memfile file = {0};
    closing(freep) uint8_t *large = calloc(1, DOCUMENT_MAX_BYTES + 1);
    closing(fd_close) int none = -1, most = -1, more = -1;

    (void)state;
    assert_non_null(large);
    assert_int_equal(memfile_new(&none, SPAN(""), NULL), RC_OK);
    assert_int_equal(memfile_open(&file, none, NULL), RC_MALFORMED);
    assert_int_equal(memfile_new(&more, (struct span){large, DOCUMENT_MAX_BYTES + 1}, NULL), RC_OK);
    assert_int_equal(memfile_open(&file, more, NULL), RC_MALFORMED);
    assert_int_equal(memfile_new(&most, (struct span){large, DOCUMENT_MAX_BYTES}, NULL), RC_OK);
    assert_int_equal(memfile_open(&file, most, NULL), RC_OK);
    assert_int_equal(file.bytes.len, DOCUMENT_MAX_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_over_bytes_that_nobody_can_change),
        cmocka_unit_test(test_refuses_what_can_change_or_end_while_it_is_read),
        cmocka_unit_test(test_refuses_nothing_and_more_than_a_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
