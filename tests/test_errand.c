/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/errand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/bounds.h"
#include "tests/world.h"

static struct softhsm softhsm;

/* What became of some errands. */
struct told {
    size_t n, n_dropped;
    enum rc rc;
    struct why why;
};

static void
on_answered(void *userdata, enum rc rc, const struct frame *answer, const struct why *why)
{
    struct told *told = userdata;

    assert_int_equal(rc == RC_OK, answer != NULL);
    told->n++;
    told->rc = rc;
    if (rc)
        told->why = *why;
}

static void
on_dropped(void *userdata)
{
    struct told *told = userdata;

    told->n_dropped++;
}

static struct errand_order
order_of(enum frame_type type, const char *label, int client, struct told *told)
{
    return (struct errand_order){.type = type,
        .label = label,
        .algorithm = "ec-p256",
        .client = client,
        .callback = on_answered,
        .dropped = on_dropped,
        .userdata = told};
}

static void
await(struct world *w, const struct told *told, size_t n)
{
    while (told->n < n)
        world_turn(w);
}

static void
test_a_key_that_was_made_is_found_where_the_policy_names_it(void **state)
{
    struct told told = {0};
    struct errand_order order = order_of(FRAME_GENERATE, "later", -1, &told);
    struct want wants[40];
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    w.tokens[0].workers = 2;
    size_t key = world_add_key(&w, "later", "pkcs11:object=later");
    world_settle(&w);
    while (keyring_token(w.keyring, 0)->n_workers < 2)
        world_turn(&w);
    world_assert_state(&w, key, KEYRING_NO_KEY);

    assert_int_equal(keyring_run(w.keyring, "hsm", &order, NULL), RC_OK);
    assert_int_equal(told.n, 0);
    await(&w, &told, 1);
    assert_int_equal(told.rc, RC_OK);
    world_await_state(&w, key, KEYRING_READY);

    /* By either worker: both listed the token's keys anew. */
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_int_equal(world_ask(&w, &wants[i], key, VERIFY_ECDSA, (uid_t)i), RC_OK);
    while (w.n_done < N_ELEMENTS(wants))
        world_turn(&w);
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_int_equal(w.rcs[i], RC_OK);

    assert_int_equal(keyring_run(w.keyring, "hsm", &order, NULL), RC_OK);
    await(&w, &told, 2);
    assert_int_equal(told.rc, RC_REFUSED);
    assert_non_null(strstr(told.why.text, "already"));
    assert_int_equal(keyring_run(w.keyring, "none", &order, NULL), RC_NOT_FOUND);
    world_close(&w);
}

/* Its client never says anything, so its worker waits. */
static void
test_one_whose_worker_is_lost_is_not_tried_again(void **state)
{
    struct told told = {0};
    struct world w;
    pid_t pid = 0;
    int fds[2];

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct errand_order order = order_of(FRAME_IMPORT, "lost", fds[1], &told);
    assert_int_equal(keyring_run(w.keyring, "hsm", &order, NULL), RC_OK);
    fd_close(&fds[1]);
    world_turn(&w);
    assert_int_equal(world_list_workers(&pid, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    await(&w, &told, 1);
    assert_int_equal(told.rc, RC_TOKEN);
    assert_non_null(strstr(told.why.text, "see whether the key is on the token"));

    world_await_state(&w, key, KEYRING_READY);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    assert_int_equal(told.n, 1);
    fd_close(&fds[0]);
    world_close(&w);
}

static void
test_some_wait_in_line_and_are_dropped_where_the_agent_ends(void **state)
{
    struct told told = {0};
    struct errand_order order = order_of(FRAME_GENERATE, "x", -1, &told);
    struct world w;
    size_t n = 0;

    (void)state;
    world_open(&w, &softhsm);
    world_settle(&w);
    while (keyring_run(w.keyring, "hsm", &order, NULL) == RC_OK)
        n++;
    assert_int_equal(n, TOKEN_ERRANDS_MAX);
    assert_int_equal(keyring_run(w.keyring, "hsm", &order, NULL), RC_BUSY);
    world_stop(&w);
    assert_int_equal(told.n, 0);
    assert_int_equal(told.n_dropped, TOKEN_ERRANDS_MAX);
    world_close(&w);
}

static void
test_fails_where_the_token_is_not_ready(void **state)
{
    struct told told = {0};
    struct errand_order order = order_of(FRAME_GENERATE, "x", -1, &told);
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    softhsm_unplug(&softhsm);
    world_settle(&w);
    assert_int_equal(keyring_run(w.keyring, "hsm", &order, NULL), RC_TOKEN);
    softhsm_plug(&softhsm);
    world_close(&w);
    assert_int_equal(told.n + told.n_dropped, 0);
}

static int
make_token(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
    return 0;
}

static int
remove_token(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_that_was_made_is_found_where_the_policy_names_it),
        cmocka_unit_test(test_one_whose_worker_is_lost_is_not_tried_again),
        cmocka_unit_test(test_some_wait_in_line_and_are_dropped_where_the_agent_ends),
        cmocka_unit_test(test_fails_where_the_token_is_not_ready),
    };

    return cmocka_run_group_tests(tests, make_token, remove_token);
}
