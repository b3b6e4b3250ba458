/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static void
test_knows_who_is_at_the_other_end(void **state)
{
    closing(peer_unrefp) struct peer *peer = NULL;
    struct why why;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(peer_new(&peer, pair[0], "agent", &why), RC_OK);
    assert_int_equal(peer->uid, geteuid());
    assert_int_equal(peer->gid, getegid());
    assert_int_equal(peer->pid, getpid());
    assert_string_equal(peer->door, "agent");

    gid_t gids[1024];
    int n = getgroups((int)N_ELEMENTS(gids), gids);
    assert_int_equal(peer->n_gids, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(peer->gids[i], gids[i]);

    close(pair[0]);
    close(pair[1]);
}

static void
test_refuses_what_is_no_connected_unix_socket(void **state)
{
    struct peer *peer = NULL;
    struct why why;

    (void)state;
    closing(fd_close) int unconnected = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(peer_new(&peer, unconnected, "agent", &why), RC_SYSTEM);
    closing(fd_close) int file = open("/dev/null", O_RDONLY);
    assert_int_equal(peer_new(&peer, file, "agent", &why), RC_SYSTEM);
    assert_int_equal(peer_new(&peer, -1, "agent", &why), RC_SYSTEM);
    assert_null(peer);
}

static void
test_describes_users_of_the_database(void **state)
{
    closing(peer_unrefp) struct peer *by_name = NULL;
    closing(peer_unrefp) struct peer *by_number = NULL;
    closing(peer_unrefp) struct peer *bare = NULL;
    struct peer *nobody = NULL;
    struct why why;

    (void)state;
    assert_int_equal(peer_of_user(&by_name, "root", "agent", &why), RC_OK);
    assert_int_equal(by_name->uid, 0);
    assert_int_equal(peer_of_user(&by_number, "1", "agent", &why), RC_OK);
    assert_int_equal(by_number->uid, 1);
    assert_int_equal(peer_of_user(&bare, "3999999999", "agent", &why), RC_OK);
    assert_int_equal(bare->uid, 3999999999);
    assert_int_equal(bare->gid, peer_overflow_gid());
    assert_int_equal(bare->n_gids, 0);
    assert_int_equal(peer_of_user(&nobody, "no-such-user", "agent", &why), RC_NOT_FOUND);
    assert_int_equal(peer_of_user(&nobody, "4294967295", "agent", &why), RC_NOT_FOUND);
    assert_int_equal(peer_of_user(&nobody, "", "agent", &why), RC_NOT_FOUND);
    assert_null(nobody);
}

static void
test_matches_primary_and_supplementary_groups(void **state)
{
    struct peer peer = {.uid = 1000, .gid = 1000, .gids = (gid_t[]){20, 0}, .n_gids = 2};

    (void)state;
    assert_true(peer_is_in(&peer, 1000));
    assert_true(peer_is_in(&peer, 20));
    assert_true(peer_is_in(&peer, 0));
    assert_false(peer_is_in(&peer, 21));
}

static void
test_lets_uid_0_match_no_group(void **state)
{
    struct peer peer = {.uid = 0, .gid = 0, .gids = (gid_t[]){20}, .n_gids = 1};

    (void)state;
    assert_false(peer_is_in(&peer, 0));
    assert_false(peer_is_in(&peer, 20));
}

/* 0: refused in a user namespace of its own; 77: the kernel makes none. */
static int
check_in_a_namespace(void)
{
    struct why why;

    if (unshare(CLONE_NEWUSER))
        return 77;

    return peer_check_namespace(&why) == RC_SYSTEM ? 0 : 1;
}

static void
test_refuses_a_user_namespace(void **state)
{
    int status;

    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(check_in_a_namespace());

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_knows_the_overflow_ids(void **state)
{
    (void)state;
    assert_true(peer_overflow_uid() > 0);
    assert_true(peer_overflow_gid() > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_who_is_at_the_other_end),
        cmocka_unit_test(test_refuses_what_is_no_connected_unix_socket),
        cmocka_unit_test(test_describes_users_of_the_database),
        cmocka_unit_test(test_matches_primary_and_supplementary_groups),
        cmocka_unit_test(test_lets_uid_0_match_no_group),
        cmocka_unit_test(test_refuses_a_user_namespace),
        cmocka_unit_test(test_knows_the_overflow_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
