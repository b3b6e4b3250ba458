/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define JOBS 20

struct end {
    bool has_come;
    enum rc rc;
    char signature[16];
    struct why why;
};

struct fixture {
    struct queue *queue;
    struct bundle bundle;
    struct keyring_job *jobs[JOBS];
    struct end ends[JOBS];
};

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *why)
{
    struct end *end = userdata;

    assert_false(end->has_come);
    end->has_come = true;
    end->rc = rc;
    snprintf(end->signature, sizeof end->signature, "%.*s", (int)signature.len,
        signature.len ? (const char *)signature.p : "");
    if (rc)
        end->why = *why;
}

/* All in the queue, each for a place of its own. */
static void
open_fixture(struct fixture *f)
{
    *f = (struct fixture){0};
    assert_int_equal(queue_new(&f->queue, 2 * JOBS, NULL), RC_OK);
    for (uint32_t i = 0; i < JOBS; i++) {
        struct keyring_job *job = calloc(1, sizeof *job);
        job->queue = f->queue;
        job->place = i;
        job->callback = on_signed;
        job->userdata = &f->ends[i];
        assert_int_equal(queue_put(f->queue, &job->item, 1, NULL), RC_OK);
        f->jobs[i] = job;
    }
}

static void
close_fixture(struct fixture *f)
{
    bundle_done(&f->bundle);
    while (queue_len(f->queue) > 0)
        job_cancel((struct keyring_job *)queue_take(f->queue));
    queue_free(f->queue);
}

static void
test_takes_its_share_and_no_more_than_a_message_holds(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    bundle_fill(&f.bundle, f.queue, 3);
    assert_int_equal(f.bundle.n, 3);
    bundle_fill(&f.bundle, f.queue, 2);
    assert_int_equal(f.bundle.n, 3);
    bundle_fill(&f.bundle, f.queue, 1000);
    assert_int_equal(f.bundle.n, WORKER_BATCH_MAX);
    assert_int_equal(queue_len(f.queue), JOBS - WORKER_BATCH_MAX);
    close_fixture(&f);
}

static void
test_tells_each_what_the_worker_says(void **state)
{
    struct frame_signed answer = {.n_results = 3};
    struct fixture f;

    (void)state;
    open_fixture(&f);
    bundle_fill(&f.bundle, f.queue, 3);
    assert_int_equal(bundle_format(&f.bundle).sign.n_jobs, 3);
    job_cancel(f.jobs[1]);
    answer.results[0] = (struct frame_result){RC_OK, SPAN("one"), SPAN("")};
    answer.results[1] = (struct frame_result){RC_OK, SPAN("two"), SPAN("")};
    answer.results[2] = (struct frame_result){RC_UNTRUSTED, SPAN(""), SPAN("a wrong signature")};
    assert_true(bundle_finish(&f.bundle, &answer, "hsm"));

    assert_int_equal(f.ends[0].rc, RC_OK);
    assert_string_equal(f.ends[0].signature, "one");
    assert_false(f.ends[1].has_come);
    assert_int_equal(f.ends[2].rc, RC_TOKEN);
    assert_string_equal(f.ends[2].why.text, "token 'hsm': a wrong signature");
    assert_int_equal(f.bundle.n, 0);
    close_fixture(&f);
}

static void
test_asks_again_without_what_was_canceled(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    bundle_fill(&f.bundle, f.queue, 4);
    (void)bundle_format(&f.bundle);
    job_cancel(f.jobs[0]);
    job_cancel(f.jobs[2]);
    bundle_fill(&f.bundle, f.queue, 0);
    struct frame frame = bundle_format(&f.bundle);
    assert_int_equal(frame.sign.n_jobs, 2);
    assert_int_equal(frame.sign.jobs[0].place, 1);
    assert_int_equal(frame.sign.jobs[1].place, 3);

    job_cancel(f.jobs[3]); /* it knows its new place */
    assert_null(f.bundle.jobs[1]);
    close_fixture(&f);
}

static void
test_gives_back_what_may_be_asked_once_more(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    bundle_fill(&f.bundle, f.queue, 1);
    (void)bundle_format(&f.bundle);
    bundle_give_back(&f.bundle, f.queue, RC_OK, "hsm", "it was pulled");
    assert_int_equal(queue_len(f.queue), JOBS);
    assert_false(f.ends[0].has_come);

    bundle_fill(&f.bundle, f.queue, 2);
    (void)bundle_format(&f.bundle);
    bundle_give_back(&f.bundle, f.queue, RC_OK, "hsm", "it was pulled");
    assert_int_equal(f.ends[0].rc, RC_TOKEN);
    assert_string_equal(f.ends[0].why.text, "token 'hsm': it was pulled");
    assert_false(f.ends[1].has_come);
    close_fixture(&f);
}

static void
test_does_not_ask_again_what_hung(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    bundle_fill(&f.bundle, f.queue, 1);
    (void)bundle_format(&f.bundle);
    bundle_give_back(&f.bundle, f.queue, RC_TIMEOUT, "hsm", "no answer");
    assert_int_equal(f.ends[0].rc, RC_TIMEOUT);
    close_fixture(&f);
}

/* What has its turn may not go, and takes another one of its request with it. */
static bool
refuse(void *userdata)
{
    struct fixture *f = userdata;

    job_cancel(f->jobs[3]);
    job_cancel(f->jobs[1]);
    return false;
}

static void
test_leaves_out_what_may_not_go_any_more(void **state)
{
    struct fixture f;

    (void)state;
    open_fixture(&f);
    f.jobs[3]->may_go = refuse;
    f.jobs[3]->userdata = &f;
    bundle_fill(&f.bundle, f.queue, 4);
    struct frame frame = bundle_format(&f.bundle);
    assert_int_equal(frame.sign.n_jobs, 4);
    assert_int_equal(frame.sign.jobs[0].place, 0);
    assert_int_equal(frame.sign.jobs[1].place, 2);
    assert_int_equal(frame.sign.jobs[2].place, 4);
    assert_int_equal(frame.sign.jobs[3].place, 5);
    assert_false(f.ends[1].has_come || f.ends[3].has_come);
    close_fixture(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_its_share_and_no_more_than_a_message_holds),
        cmocka_unit_test(test_tells_each_what_the_worker_says),
        cmocka_unit_test(test_asks_again_without_what_was_canceled),
        cmocka_unit_test(test_gives_back_what_may_be_asked_once_more),
        cmocka_unit_test(test_does_not_ask_again_what_hung),
        cmocka_unit_test(test_leaves_out_what_may_not_go_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
