/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int agent = -1, worker = -1;
static uint8_t buffer[WORKER_MESSAGE_BYTES];

static int
set_up(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    agent = fds[0];
    worker = fds[1];
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fd_close(&agent);
    fd_close(&worker);
    return 0;
}

static void
test_moves_a_frame(void **state)
{
    const struct frame login = {.type = FRAME_LOGIN, .id = 7};
    struct frame got;
    int passed = 5;

    (void)state;
    assert_int_equal(channel_send(agent, &login, -1, NULL), RC_OK);
    assert_int_equal(channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_OK);
    assert_int_equal(got.type, FRAME_LOGIN);
    assert_int_equal(got.id, 7);
    assert_int_equal(passed, -1);
}

static void
test_passes_a_descriptor_of_the_same_file(void **state)
{
    const struct frame login = {.type = FRAME_LOGIN};
    closing(fd_close) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    closing(fd_close) int passed = -1;
    struct stat theirs, ours;
    struct frame got;

    (void)state;
    assert_int_equal(channel_send(agent, &login, file, NULL), RC_OK);
    assert_int_equal(channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_OK);
    assert_true(passed >= 0 && passed != file);
    assert_int_equal(fcntl(passed, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fstat(file, &theirs), 0);
    assert_int_equal(fstat(passed, &ours), 0);
    assert_int_equal(theirs.st_rdev, ours.st_rdev);
}

/* Two descriptors beside one message, which channel_send() never does. */
static void
test_refuses_and_closes_several_descriptors(void **state)
{
    const struct frame login = {.type = FRAME_LOGIN};
    closing(bytes_done) struct bytes message = BYTES_INIT(WORKER_MESSAGE_BYTES);
    int ends[2], passed = -1;
    struct frame got;
    union {
        struct cmsghdr header;
        uint8_t room[CMSG_SPACE(2 * sizeof(int))];
    } beside = {.header = {CMSG_LEN(sizeof ends), SOL_SOCKET, SCM_RIGHTS}};

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(frame_format(&message, &login, NULL), RC_OK);
    memcpy(CMSG_DATA(&beside.header), ends, sizeof ends);
    struct iovec io = {message.p, message.len};
    struct msghdr header = {.msg_iov = &io,
        .msg_iovlen = 1,
        .msg_control = &beside,
        .msg_controllen = sizeof beside.room};
    assert_true(sendmsg(agent, &header, 0) > 0);
    fd_close(&ends[1]);

    assert_int_equal(
        channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_MALFORMED);
    assert_int_equal(passed, -1);
    assert_int_equal(read(ends[0], buffer, 1), 0); /* nobody holds the other end any more */
    fd_close(&ends[0]);
}

static void
test_tells_silence_from_absence(void **state)
{
    struct frame got;
    int passed = -1;

    (void)state;
    assert_int_equal(
        channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_TIMEOUT);
    fd_close(&agent);
    assert_int_equal(
        channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_NOT_FOUND);
    assert_int_equal(
        channel_send(worker, &(struct frame){.type = FRAME_LOGIN}, -1, NULL), RC_SYSTEM);
}

static void
test_refuses_what_is_no_frame(void **state)
{
    static const uint8_t nothing[3];
    struct frame got;
    int passed = -1;

    (void)state;
    assert_int_equal(send(agent, nothing, sizeof nothing, 0), sizeof nothing);
    assert_int_equal(
        channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_MALFORMED);
}

static void
test_refuses_more_than_a_message(void **state)
{
    closing(freep) uint8_t *large = calloc(1, WORKER_MESSAGE_BYTES + 1);
    struct frame got;
    int passed = -1;

    (void)state;
    assert_non_null(large);
    assert_int_equal(send(agent, large, WORKER_MESSAGE_BYTES + 1, 0), WORKER_MESSAGE_BYTES + 1);
    assert_int_equal(
        channel_receive(&got, &passed, worker, buffer, FRAME_FROM_AGENT, NULL), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_moves_a_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_passes_a_descriptor_of_the_same_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_refuses_and_closes_several_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tells_silence_from_absence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_more_than_a_message, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
