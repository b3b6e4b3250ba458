/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call that a worker makes fails in every way that its table knows, once and for ever. What
 * is asked for ends with an error or a good signature, no PIN is tried that was refused, and when
 * the fault is over the worker signs again. Several workers walk at once, each with a module of its
 * own.
 */
#include "agent/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/faultp11.h"
#include "tests/softhsm.h"

#define LANES 16
#define PATIENCE_US                                                                                \
    20000000     /* for one case; what takes milliseconds on a machine that is not busy */
#define ROUNDS 2 /* that a fault lasts that is for ever */

struct walk_case {
    enum faultp11_call call;
    struct faultp11_fault fault;
};

enum step {
    STEP_PREPARE, /* it signs once */
    STEP_FAIL,    /* the fault is there */
    STEP_HEAL,    /* it is over, or has struck */
};

struct lane {
    struct walk *walk;
    const struct walk_case *now; /* NULL: it is through */
    enum step step;
    struct worker *worker;
    struct policy_token token;
    char variable[96];
    char *environment[2];
    struct faultp11 *control;
    struct pubkey *pubkey;
    bool is_in, is_refused;
    unsigned n_rounds, n_logins;
    uint32_t found_id;
    sd_event_source *patience;
};

struct walk {
    sd_event *event;
    const struct walk_case *cases;
    size_t n_cases, n_begun, n_through;
    struct lane lanes[LANES];
    unsigned n_errors, n_losses, n_ends; /* how the cases went, so that they are seen to go */
};

static struct softhsm place; /* of the files, and of the PIN */
static struct digest digest;

static const char *const call_names[CALL_MAX_] = {"C_Initialize", "C_Finalize", "C_GetSlotList",
    "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList", "C_OpenSession", "C_CloseSession",
    "C_GetSessionInfo", "C_Login", "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
    "C_GetAttributeValue", "C_SignInit", "C_Sign", "C_GenerateRandom"};

static void
must(const struct lane *lane, bool is_so, const char *what)
{
    const struct walk_case *c = lane->now;

    if (!is_so)
        fail_msg("%s: fault %u (0x%llx), %u times: %s in step %d", call_names[c->call],
            c->fault.kind, (unsigned long long)c->fault.value, c->fault.n_times, what, lane->step);
}

static void
say(struct lane *lane, struct frame frame)
{
    /* One that ends does not read any more; its end comes. */
    (void)!worker_send(lane->worker, &frame, -1, 0, NULL);
}

static void
ask_for_signature(struct lane *lane)
{
    struct frame frame = {.type = FRAME_SIGN, .id = 1, .sign.n_jobs = 1};

    frame.sign.jobs[0] = (struct frame_job){0, VERIFY_ECDSA, digest};
    say(lane, frame);
}

static void
allow_login(struct lane *lane)
{
    lane->n_logins++;
    say(lane, (struct frame){.type = FRAME_LOGIN, .id = lane->found_id});
}

/* Have a worker that waits look at once. */
static void
poke(struct lane *lane)
{
    say(lane, (struct frame){.type = FRAME_LOGIN, .id = 0});
}

/* Calls that only a worker makes that has lost its token. */
static void
provoke(struct lane *lane)
{
    enum faultp11_call call = lane->now->call;
    CK_RV rv = call == CALL_CLOSE_SESSION ? CKR_SESSION_HANDLE_INVALID : CKR_GENERAL_ERROR;

    if (call != CALL_SIGN && call != CALL_SIGN_INIT)
        lane->control->faults[CALL_SIGN] = (struct faultp11_fault){FAULT_RETURN, 0, 1, rv};
    lane->control->faults[call] = lane->now->fault;
}

static void
begin_case(struct lane *lane)
{
    struct walk *walk = lane->walk;

    lane->now = walk->n_begun < walk->n_cases ? &walk->cases[walk->n_begun++] : NULL;
    lane->step = STEP_PREPARE;
    lane->n_rounds = 0;
    lane->is_refused = false;
    (void)sd_event_source_set_time_relative(lane->patience, PATIENCE_US);
    if (lane->now)
        ask_for_signature(lane);
    else
        walk->n_through++;
}

static void
heal(struct lane *lane)
{
    lane->step = STEP_HEAL;
    for (size_t i = 0; lane->now->fault.n_times == 0 && i < CALL_MAX_; i++)
        lane->control->faults[i] = (struct faultp11_fault){0};
    if (lane->is_in)
        ask_for_signature(lane);
    else if (lane->is_refused)
        allow_login(lane);
    else
        poke(lane);
}

/* One more thing went wrong: so long as the fault lasts, let it. */
static void
suffer(struct lane *lane)
{
    if (lane->step != STEP_FAIL)
        return;

    if (lane->now->fault.n_times > 0 || ++lane->n_rounds == ROUNDS || lane->is_refused)
        heal(lane);
    else if (lane->is_in)
        ask_for_signature(lane);
    else
        poke(lane);
}

static void
on_state(struct lane *lane, const struct frame_state *state)
{
    lane->is_in = state->state == TOKEN_READY;
    if (lane->is_in) {
        struct frame frame = {.type = FRAME_FIND, .id = 1};
        frame.find.uri = SPAN("pkcs11:object=key");
        if (lane->pubkey)
            frame.find.spki = pubkey_spki(lane->pubkey);
        say(lane, frame);
        return;
    }

    must(lane, state->detail.len > 0, "a state without a word");
    must(lane, lane->step != STEP_PREPARE, "it lost the token");
    lane->walk->n_losses++;
    lane->is_refused |= state->state == TOKEN_PIN_WRONG;
    if (state->state == TOKEN_PIN_WRONG && lane->step == STEP_FAIL)
        must(lane, lane->control->n_calls[CALL_LOGIN] <= lane->n_logins, "a login of its own");
    suffer(lane);
}

static void
on_key(struct lane *lane, const struct frame_key *key)
{
    if (key->n_matches == 1 && key->methods & 1u << VERIFY_ECDSA) {
        if (!lane->pubkey)
            assert_int_equal(pubkey_from_spki(&lane->pubkey, key->spki, NULL), RC_OK);
        must(lane, span_eq(key->spki, pubkey_spki(lane->pubkey)), "another key");
        ask_for_signature(lane);
        return;
    }

    must(lane, lane->step == STEP_FAIL, "the key is gone");
    suffer(lane);
}

static void
on_signed(struct lane *lane, const struct frame_result *result)
{
    bool is_good = result->rc == RC_OK;

    if (is_good)
        must(lane,
            verify_digest(lane->pubkey, VERIFY_ECDSA, &digest, result->signature, NULL) == RC_OK,
            "a wrong signature");
    else
        must(lane, result->detail.len > 0 && result->signature.len == 0, "an error without a word");
    must(lane, is_good || lane->step == STEP_FAIL, "it does not sign");

    if (lane->step == STEP_PREPARE) {
        lane->step = STEP_FAIL;
        lane->n_logins = lane->control->n_calls[CALL_LOGIN] = 0;
        provoke(lane);
        ask_for_signature(lane);
    } else if (lane->step == STEP_HEAL) {
        must(lane, lane->control->n_calls[CALL_LOGIN] <= lane->n_logins, "a login of its own");
        for (size_t i = 0; i < CALL_MAX_; i++)
            lane->control->faults[i] = (struct faultp11_fault){0};
        begin_case(lane);
    } else if (is_good) {
        heal(lane); /* it does not mind */
    } else {
        lane->walk->n_errors++;
        suffer(lane);
    }
}

static void
on_message(void *userdata, const struct frame *frame)
{
    struct lane *lane = userdata;

    if (!lane->now)
        return;

    if (frame->type == FRAME_STATE) {
        on_state(lane, &frame->state);
    } else if (frame->type == FRAME_FOUND) {
        lane->found_id = frame->id;
        if (!lane->is_refused || lane->step == STEP_HEAL)
            allow_login(lane);
    } else if (frame->type == FRAME_KEY) {
        on_key(lane, &frame->key);
    } else {
        must(lane, frame->type == FRAME_SIGNED, "a message that makes no sense");
        on_signed(lane, &frame->sigs.results[0]);
    }
}

static void start(struct lane *lane);

static void
on_end(void *userdata, enum worker_end end, const char *detail)
{
    struct lane *lane = userdata;

    worker_free(steal(lane->worker));
    if (!lane->now)
        return;

    must(lane, lane->step != STEP_PREPARE, detail);
    must(lane, end != WORKER_HUNG || lane->now->fault.kind == FAULT_HANG, detail);
    must(lane, end != WORKER_CRASHED || lane->now->fault.kind == FAULT_CRASH, detail);
    lane->walk->n_ends++;
    lane->is_in = false;
    start(lane);
    suffer(lane);
}

static void
start(struct lane *lane)
{
    static const struct worker_calls calls = {on_message, on_end};
    struct frame frame = {.type = FRAME_OPEN};
    struct why why;

    if (worker_new(&lane->worker, lane->walk->event, getenv("COUNTERSIGN_TOKEN"), &lane->token,
            &calls, lane, &why))
        fail_msg("%s", why.text);
    frame.open = (struct frame_open){.pin = TOKEN_PIN_FILE,
        .module = span_of(lane->token.module),
        .uri = span_of(lane->token.uri),
        .pin_source = span_of(lane->token.pin_source),
        .timeout_s = lane->token.timeout_s};
    say(lane, frame);
}

static int
on_patience(sd_event_source *source, uint64_t at_us, void *userdata)
{
    (void)source;
    (void)at_us;
    const struct lane *lane = userdata;
    if (lane->now)
        must(lane, false, "nothing comes any more");
    return 0;
}

static void
open_lane(struct lane *lane, struct walk *walk, size_t i)
{
    *lane = (struct lane){.walk = walk, .token = softhsm_policy(&place)};
    snprintf(lane->variable, sizeof lane->variable, "FAULTP11=%s/fault-%zu", place.dir, i);
    int fd = open(strchr(lane->variable, '=') + 1, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, sizeof *lane->control) == 0);
    lane->control = mmap(NULL, sizeof *lane->control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert_ptr_not_equal(lane->control, MAP_FAILED);
    memset(lane->control, 0, sizeof *lane->control);

    lane->environment[0] = lane->variable;
    lane->token.environment = lane->environment;
    lane->token.module = getenv("FAULTP11_MODULE");
    lane->token.uri = (char *)"pkcs11:token=fault";
    lane->token.timeout_s = 1;
    assert_true(sd_event_add_time(walk->event, &lane->patience, CLOCK_MONOTONIC, UINT64_MAX, 0,
                    on_patience, lane) >= 0);
    lane->now = walk->n_begun < walk->n_cases ? &walk->cases[walk->n_begun++] : NULL;
    if (!lane->now) {
        walk->n_through++;
        return;
    }

    (void)sd_event_source_set_time_relative(lane->patience, PATIENCE_US);
    start(lane);
}

static void
close_lane(struct lane *lane)
{
    worker_free(lane->worker);
    pubkey_unref(lane->pubkey);
    munmap(lane->control, sizeof *lane->control);
    sd_event_source_disable_unref(lane->patience);
}

static void
walk_through(struct walk *walk, const struct walk_case *cases, size_t n)
{
    *walk = (struct walk){.cases = cases, .n_cases = n};
    assert_true(sd_event_new(&walk->event) >= 0);
    for (size_t i = 0; i < LANES; i++)
        open_lane(&walk->lanes[i], walk, i);
    while (walk->n_through < LANES)
        assert_true(sd_event_run(walk->event, PATIENCE_US) >= 0);
    for (size_t i = 0; i < LANES; i++)
        close_lane(&walk->lanes[i]);
    sd_event_unref(walk->event);
    print_message("%zu cases: %u errors, %u losses, %u ends of processes\n", n, walk->n_errors,
        walk->n_losses, walk->n_ends);
}

/* What a worker calls. */
static const enum faultp11_call calls[] = {CALL_INITIALIZE, CALL_FINALIZE, CALL_GET_SLOT_LIST,
    CALL_GET_SLOT_INFO, CALL_GET_TOKEN_INFO, CALL_GET_MECHANISM_LIST, CALL_OPEN_SESSION,
    CALL_CLOSE_SESSION, CALL_LOGIN, CALL_FIND_OBJECTS_INIT, CALL_FIND_OBJECTS,
    CALL_FIND_OBJECTS_FINAL, CALL_GET_ATTRIBUTE_VALUE, CALL_GENERATE_RANDOM, CALL_SIGN_INIT,
    CALL_SIGN};

static const CK_RV codes[] = {CKR_HOST_MEMORY, CKR_SLOT_ID_INVALID, CKR_GENERAL_ERROR,
    CKR_FUNCTION_FAILED, CKR_ARGUMENTS_BAD, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, CKR_DEVICE_ERROR,
    CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_CANCELED, CKR_KEY_HANDLE_INVALID,
    CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OBJECT_HANDLE_INVALID,
    CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_PIN_INVALID,
    CKR_PIN_LEN_RANGE, CKR_PIN_EXPIRED, CKR_SESSION_CLOSED, CKR_SESSION_COUNT,
    CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED,
    CKR_USER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED,
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_TOO_MANY_TYPES, CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_FUNCTION_REJECTED, CKR_VENDOR_DEFINED | 1};

static void
test_every_call_ends_with_every_code(void **state)
{
    static struct walk_case cases[2 * N_ELEMENTS(calls) * N_ELEMENTS(codes)];
    static struct walk walk;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(calls); i++)
        for (size_t k = 0; k < N_ELEMENTS(codes); k++)
            for (uint32_t n_times = 0; n_times < 2; n_times++)
                cases[n++] = (struct walk_case){calls[i], {FAULT_RETURN, 0, n_times, codes[k]}};
    walk_through(&walk, cases, n);
    /* That the faults were met at all: what is about the request is an error, the rest a loss. */
    assert_true(walk.n_losses > n);
    assert_true(walk.n_errors > 0 && walk.n_ends > 0);
}

static void
test_every_call_hangs_or_crashes(void **state)
{
    static struct walk_case cases[2 * N_ELEMENTS(calls)];
    static struct walk walk;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
        cases[n++] = (struct walk_case){calls[i], {FAULT_HANG, 0, 1, 0}};
        cases[n++] = (struct walk_case){calls[i], {FAULT_CRASH, 0, 1, 0}};
    }
    walk_through(&walk, cases, n);
    assert_int_equal(walk.n_ends, n);
}

static void
test_every_call_is_slow_or_loses_what_there_was(void **state)
{
    static struct walk_case cases[3 * N_ELEMENTS(calls)];
    static struct walk walk;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(calls); i++) {
        cases[n++] = (struct walk_case){calls[i], {FAULT_DELAY, 0, 1, 50}};
        cases[n++] = (struct walk_case){calls[i], {FAULT_LOSE_SESSIONS, 0, 1, 0}};
        cases[n++] = (struct walk_case){calls[i], {FAULT_LOSE_LOGIN, 0, 1, 0}};
    }
    walk_through(&walk, cases, n);
}

static void
test_wrong_signatures_stay_where_they_are(void **state)
{
    static const struct walk_case cases[] = {
        {CALL_SIGN, {FAULT_WRONG, 0, 1, 0}},
        {CALL_SIGN, {FAULT_WRONG, 0, 0, 0}},
        {CALL_SIGN, {FAULT_SHORT, 0, 1, 0}},
        {CALL_SIGN, {FAULT_SHORT, 0, 0, 0}},
        {CALL_SIGN, {FAULT_LONG, 0, 1, 0}},
        {CALL_SIGN, {FAULT_LONG, 0, 0, 0}},
    };
    static struct walk walk;

    (void)state;
    walk_through(&walk, cases, N_ELEMENTS(cases));
    assert_true(walk.n_errors >= 4);
}

static int
make_place(void **state)
{
    (void)state;
    digest_of(&digest, SPAN("message"));
    softhsm_open(&place);
    return 0;
}

static int
remove_place(void **state)
{
    (void)state;
    softhsm_close(&place);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_ends_with_every_code),
        cmocka_unit_test(test_every_call_hangs_or_crashes),
        cmocka_unit_test(test_every_call_is_slow_or_loses_what_there_was),
        cmocka_unit_test(test_wrong_signatures_stay_where_they_are),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
