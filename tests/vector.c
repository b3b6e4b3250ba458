/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vector.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

void
vector_load(struct bytes *b, const char *name)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4096);
    ssize_t len;

    assert_non_null(getenv("VECTORS"));
    bytes_printf(&path, "%s/%s", getenv("VECTORS"), name);
    closing(fd_close) int fd = open(bytes_text(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", bytes_text(&path), strerror(errno));

    do {
        uint8_t *room = bytes_room(b, 65536);
        assert_non_null(room);
        len = read(fd, room, 65536);
        assert_true(len >= 0);
        bytes_advance(b, (size_t)len);
    } while (len > 0);
}
