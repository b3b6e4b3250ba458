/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/birth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

/* A directory for a socket. */
struct place {
    char dir[40];
    char path[64];
    int fd; /* of the socket */
};

static int
open_place(void **state)
{
    struct place *place = test_calloc(1, sizeof *place);

    snprintf(place->dir, sizeof place->dir, "/tmp/countersign-birth-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof place->path, "%s/worker", place->dir);
    place->fd = -1;
    *state = place;
    return 0;
}

static int
close_place(void **state)
{
    struct place *place = *state;

    fd_close(&place->fd);
    unlink(place->path);
    rmdir(place->dir);
    test_free(place);
    return 0;
}

static void
make_socket(struct place *place, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", place->path);
    place->fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(place->fd >= 0);
    assert_int_equal(bind(place->fd, (struct sockaddr *)&address, sizeof address), 0);
}

static enum rc
connect_to(const struct place *place, int *ret_fd, struct why *why)
{
    struct policy_token token = {.name = (char *)"hsm", .worker = (char *)place->path};

    return birth_connect(ret_fd, &token, why);
}

static void
assert_says(const struct place *place, const char *says)
{
    struct why why;
    int fd = -1;

    assert_int_equal(connect_to(place, &fd, &why), RC_SYSTEM);
    assert_int_equal(fd, -1);
    if (!strstr(why.text, says))
        fail_msg("%s", why.text);
}

static void
test_says_how_to_start_what_is_not_there(void **state)
{
    struct place *place = *state;

    assert_says(place, "systemctl enable --now countersign-token@hsm.socket");
    make_socket(place, SOCK_SEQPACKET);
    assert_says(place, "systemctl enable --now countersign-token@hsm.socket");
}

static void
test_says_what_kind_of_socket_it_wants(void **state)
{
    struct place *place = *state;

    make_socket(place, SOCK_STREAM);
    assert_int_equal(listen(place->fd, 1), 0);
    assert_says(place, "its unit needs ListenSequentialPacket=");
}

static void
test_does_not_wait_for_a_unit_that_accepts_nothing(void **state)
{
    struct place *place = *state;
    closing(fd_close) int first = -1;
    struct why why;

    make_socket(place, SOCK_SEQPACKET);
    assert_int_equal(listen(place->fd, 0), 0);
    assert_int_equal(connect_to(place, &first, &why), RC_OK);
    assert_says(place, "takes no connection; see journalctl -u countersign-token@hsm");
}

/* Whoever could put a socket there would learn what is to be signed. */
static void
test_trusts_nobody_else_who_listens(void **state)
{
    struct place *place = *state;
    int status = 0;

    if (geteuid() != 0)
        skip();

    make_socket(place, SOCK_SEQPACKET);
    pid_t pid = fork();
    if (pid == 0)
        _exit(setuid(61002) < 0 || listen(place->fd, 1) < 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_says(place, "uid 61002 listens at");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_says_how_to_start_what_is_not_there, open_place, close_place),
        cmocka_unit_test_setup_teardown(
            test_says_what_kind_of_socket_it_wants, open_place, close_place),
        cmocka_unit_test_setup_teardown(
            test_does_not_wait_for_a_unit_that_accepts_nothing, open_place, close_place),
        cmocka_unit_test_setup_teardown(
            test_trusts_nobody_else_who_listens, open_place, close_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
