/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent makes of a token that fails: of all of it, from the order to the next signature. */
#include "agent/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/faultp11.h"
#include "tests/world.h"

#define RESPAWN_US 2500000 /* ten times what is promised, for machines that are busy */
#define RETURN_US  10000000

static struct softhsm place; /* of the files, and of the PIN */
static struct faultp11 *control;

struct bench {
    struct world w;
    char variable[96];
    char *environment[2];
    size_t key;
};

static void
prepare_bench(struct bench *b)
{
    memset(control, 0, sizeof *control);
    world_open(&b->w, &place);
    snprintf(b->variable, sizeof b->variable, "FAULTP11=%s/fault", place.dir);
    b->environment[0] = b->variable;
    b->environment[1] = NULL;
    b->w.tokens[0].module = getenv("FAULTP11_MODULE");
    b->w.tokens[0].uri = (char *)"pkcs11:token=fault";
    b->w.tokens[0].environment = b->environment;
    b->w.tokens[0].timeout_s = 1;
    b->key = world_add_key(&b->w, "key", "pkcs11:object=key");
}

static void
open_bench(struct bench *b)
{
    prepare_bench(b);
    world_settle(&b->w);
    world_assert_state(&b->w, b->key, KEYRING_READY);
}

static void
close_bench(struct bench *b)
{
    world_close(&b->w);
}

static uint64_t
now_us(struct bench *b)
{
    uint64_t now = 0;

    (void)sd_event_now(b->w.event, CLOCK_MONOTONIC, &now);
    return now;
}

static enum rc
sign(struct bench *b)
{
    return world_sign(&b->w, b->key, VERIFY_ECDSA);
}

static void
set_fault(enum faultp11_call call, struct faultp11_fault fault)
{
    control->faults[call] = fault;
}

/* The fault is over: it signs again, soon. */
static void
assert_heals(struct bench *b)
{
    uint64_t began_us = now_us(b);

    memset(control->faults, 0, sizeof control->faults);
    while (sign(b) != RC_OK) {
        world_turn(&b->w);
        assert_in_range(now_us(b) - began_us, 0, RETURN_US);
    }
}

/* It is told that something is wrong, and with these words. */
static void
await_trouble(struct bench *b, enum keyring_state state, const char *words)
{
    world_await_state(&b->w, b->key, state);
    while (!strstr(keyring_key(b->w.keyring, b->key)->detail, words))
        world_turn(&b->w);
}

static void
test_asks_again_what_crashed(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    uint64_t began_us = now_us(&b);
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_CRASH, 0, 1, 0});
    assert_int_equal(sign(&b), RC_OK);
    assert_in_range(now_us(&b) - began_us, 0, RESPAWN_US);
    close_bench(&b);
}

static void
test_names_the_deadline_of_what_hung(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_HANG, 0, 1, 0});
    uint64_t began_us = now_us(&b);
    assert_int_equal(sign(&b), RC_TIMEOUT);
    assert_in_range(now_us(&b) - began_us, 900000, 1000000 + RESPAWN_US);
    assert_int_equal(control->n_calls[CALL_SIGN], 1);
    assert_heals(&b);
    close_bench(&b);
}

static void
test_fails_with_the_code_of_a_token_that_fails_for_ever(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_RETURN, 0, 0, CKR_DEVICE_ERROR});
    assert_int_equal(sign(&b), RC_TOKEN);
    assert_int_equal(control->n_calls[CALL_SIGN], 2);
    assert_heals(&b);
    close_bench(&b);
}

/* However often it ends. */
static void
test_starts_a_crashing_module_once_a_second(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    set_fault(CALL_INITIALIZE, (struct faultp11_fault){FAULT_CRASH, 0, 0, 0});
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_CRASH, 0, 1, 0});
    uint32_t n_before = control->n_calls[CALL_INITIALIZE];
    uint64_t began_us = now_us(&b);
    assert_int_equal(sign(&b), RC_TOKEN);
    await_trouble(&b, KEYRING_FAILING, "signal 11");
    while (control->n_calls[CALL_INITIALIZE] < n_before + 4)
        world_turn(&b.w);
    /* At once, and 500 ms and a second after the last one that was so soon. */
    assert_true(now_us(&b) - began_us >= 1500000);
    assert_heals(&b);
    close_bench(&b);
}

static void
test_tries_a_refused_pin_once_whoever_asks(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    uint32_t n_before = control->n_calls[CALL_LOGIN];
    set_fault(CALL_LOGIN, (struct faultp11_fault){FAULT_RETURN, 0, 0, CKR_PIN_INCORRECT});
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_LOSE_LOGIN, 0, 1, 0});
    assert_int_equal(sign(&b), RC_LOCKED);
    await_trouble(&b, KEYRING_LOCKED, "refused the PIN");
    world_stop(&b.w);
    world_settle(&b.w);
    assert_int_equal(sign(&b), RC_LOCKED);
    assert_int_equal(control->n_calls[CALL_LOGIN], n_before + 1);

    softhsm_write_pin(&place, SOFTHSM_PIN);
    assert_heals(&b);
    close_bench(&b);
}

static void
test_lets_nothing_else_sign_in_its_place(void **state)
{
    static const struct {
        const char *says, *serial, *words;
        uint32_t n_more, has_other_key;
        enum keyring_state want;
    } cases[] = {
        {"another card", "0002", "another token is there", 0, 0, KEYRING_ABSENT},
        {"two alike", "", "2 tokens fit", 1, 0, KEYRING_FAILING},
        {"another key", "", "another one than the pinned one", 0, 1, KEYRING_CHANGED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct bench b;

        print_message("%s\n", cases[i].says);
        open_bench(&b);
        uint32_t n_before = control->n_signatures;
        snprintf(control->serial, sizeof control->serial, "%s", cases[i].serial);
        control->n_more = cases[i].n_more;
        control->has_other_key = cases[i].has_other_key;
        set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_RETURN, 0, 1, CKR_GENERAL_ERROR});
        assert_int_equal(sign(&b), RC_TOKEN);
        await_trouble(&b, cases[i].want, cases[i].words);
        if (!cases[i].has_other_key)
            assert_int_equal(control->n_signatures, n_before);

        control->serial[0] = 0;
        control->n_more = control->has_other_key = 0;
        set_fault(CALL_SIGN, (struct faultp11_fault){0});
        if (!cases[i].has_other_key)
            assert_heals(&b);
        close_bench(&b);
    }
}

static void
test_says_that_no_session_is_left(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    control->n_sessions_left = 1;
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_LOSE_SESSIONS, 0, 1, 0});
    assert_int_equal(sign(&b), RC_TOKEN);
    await_trouble(&b, KEYRING_FAILING, "no session left");
    control->n_sessions_left = 0;
    assert_heals(&b);
    close_bench(&b);
}

static void
test_misses_an_idle_card_and_sees_it_return(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    control->is_hardware = 1;
    set_fault(CALL_SIGN, (struct faultp11_fault){FAULT_LOSE_SESSIONS, 0, 1, 0});
    assert_int_equal(sign(&b), RC_OK); /* it looks at the slot anew */
    control->is_absent = 1;
    await_trouble(&b, KEYRING_ABSENT, "no such token");
    control->is_absent = 0;
    assert_heals(&b);
    close_bench(&b);
}

/* All of its workers miss it, not just the one that was asked. */
static void
test_is_away_for_all_workers(void **state)
{
    struct bench b;

    (void)state;
    prepare_bench(&b);
    b.w.tokens[0].workers = 3;
    world_settle(&b.w);
    while (keyring_token(b.w.keyring, 0)->n_workers < 3)
        world_turn(&b.w);
    control->is_absent = 1;
    assert_int_equal(sign(&b), RC_TOKEN);
    await_trouble(&b, KEYRING_ABSENT, "no such token");
    assert_int_equal(keyring_token(b.w.keyring, 0)->n_workers, 0);
    control->is_absent = 0;
    assert_heals(&b);
    close_bench(&b);
}

/* Whether the PIN is right is heard by an agent that ends in the middle of its first login. */
static void
test_ends_knowing_of_the_pin_that_it_tried(void **state)
{
    struct bench b;

    (void)state;
    softhsm_write_pin(&place, SOFTHSM_PIN); /* the ledger does not know it yet */
    prepare_bench(&b);
    set_fault(CALL_LOGIN, (struct faultp11_fault){FAULT_DELAY, 0, 1, 300});
    world_start(&b.w);
    while (control->n_calls[CALL_LOGIN] == 0)
        assert_true(sd_event_run(b.w.event, 1000) >= 0); /* not until the login is over */
    world_stop(&b.w);
    world_settle(&b.w);
    world_assert_state(&b.w, b.key, KEYRING_READY);
    assert_int_equal(control->n_calls[CALL_LOGIN], 2);
    close_bench(&b);
}

static void
on_unlocked(void *userdata, enum rc rc, const struct why *why)
{
    (void)why;
    assert_int_equal(rc, RC_OK);
    *(bool *)userdata = true;
}

/* A PIN that people typed is in no other process. */
static void
test_keeps_a_typed_pin_while_the_card_is_out(void **state)
{
    static const char pin[] = "\0\0\0\0041234";
    enum keyring_need need;
    pid_t before = 0, after = 0;
    bool is_unlocked = false;
    struct bench b;
    int fds[2];

    (void)state;
    prepare_bench(&b);
    b.w.tokens[0].pin = POLICY_PIN_PROMPT;
    world_settle(&b.w);
    world_assert_state(&b.w, b.key, KEYRING_LOCKED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(write(fds[0], pin, sizeof pin - 1), sizeof pin - 1);
    assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
    const struct keyring_unlock order = {0, false, fds[1], on_unlocked, &is_unlocked};
    assert_int_equal(keyring_check_unlock(&need, b.w.keyring, &order, NULL), RC_OK);
    assert_int_equal(keyring_unlock(b.w.keyring, &order, NULL), RC_OK);
    while (!is_unlocked)
        world_turn(&b.w);
    world_await_state(&b.w, b.key, KEYRING_READY);
    assert_int_equal(world_list_workers(&before, 1), 1);

    control->is_absent = 1;
    assert_int_equal(sign(&b), RC_TOKEN);
    uint32_t n_before = control->n_calls[CALL_INITIALIZE];
    while (control->n_calls[CALL_INITIALIZE] < n_before + 6)
        assert_true(sd_event_run(b.w.event, 100000) >= 0);
    control->is_absent = 0;
    assert_heals(&b);
    assert_int_equal(world_list_workers(&after, 1), 1);
    assert_int_equal(before, after);
    close(fds[0]);
    close(fds[1]);
    close_bench(&b);
}

static int
make_place(void **state)
{
    closing(freep) char *path = NULL;

    (void)state;
    softhsm_open(&place);
    assert_true(asprintf(&path, "%s/fault", place.dir) > 0);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, sizeof *control) == 0);
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert_ptr_not_equal(control, MAP_FAILED);
    return 0;
}

static int
remove_place(void **state)
{
    (void)state;
    munmap(control, sizeof *control);
    softhsm_close(&place);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_again_what_crashed),
        cmocka_unit_test(test_names_the_deadline_of_what_hung),
        cmocka_unit_test(test_fails_with_the_code_of_a_token_that_fails_for_ever),
        cmocka_unit_test(test_starts_a_crashing_module_once_a_second),
        cmocka_unit_test(test_tries_a_refused_pin_once_whoever_asks),
        cmocka_unit_test(test_lets_nothing_else_sign_in_its_place),
        cmocka_unit_test(test_says_that_no_session_is_left),
        cmocka_unit_test(test_misses_an_idle_card_and_sees_it_return),
        cmocka_unit_test(test_is_away_for_all_workers),
        cmocka_unit_test(test_ends_knowing_of_the_pin_that_it_tried),
        cmocka_unit_test(test_keeps_a_typed_pin_while_the_card_is_out),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
