/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bundle.h"

#include "agent/token/memfile.h"

#define TRIES_MAX 2 /* a signature is asked for once more after the token was lost */

static void
close_gaps(struct bundle *bundle)
{
    size_t n = 0;

    for (size_t i = 0; i < bundle->n; i++) {
        struct keyring_job *job = steal(bundle->jobs[i]);
        if (!job)
            continue;

        job->slot = &bundle->jobs[n];
        bundle->jobs[n++] = job;
    }
    bundle->n = n;
}

static struct span
last_message(const struct bundle *bundle)
{
    return bundle->n > 0 ? bundle->jobs[bundle->n - 1]->message : (struct span){0};
}

void
bundle_fill(struct bundle *bundle, struct queue *queue, size_t n_max)
{
    close_gaps(bundle);
    while (bundle->n < n_max && bundle->n < WORKER_BATCH_MAX && last_message(bundle).len == 0) {
        struct keyring_job *job = (struct keyring_job *)queue_take(queue);
        if (!job)
            break;

        if (job->may_go && !job->may_go(job->userdata)) {
            close_gaps(bundle); /* others of its request were canceled with it */
            continue;
        }

        job->slot = &bundle->jobs[bundle->n];
        bundle->jobs[bundle->n++] = job;
    }
}

void
bundle_pass_message(struct bundle *bundle, int *ret_fd)
{
    struct span message = last_message(bundle);
    struct why why;

    enum rc rc = message.len > 0 ? memfile_new(ret_fd, message, &why) : RC_OK;
    if (rc == RC_OK)
        return;

    struct keyring_job *last = steal(bundle->jobs[--bundle->n]);
    last->slot = NULL;
    job_finish(last, rc, (struct span){0}, &why);
    close_gaps(bundle); /* others of its request may be canceled for it */
}

struct frame
bundle_format(struct bundle *bundle)
{
    struct frame frame = {.type = FRAME_SIGN, .sign.n_jobs = bundle->n};

    for (size_t i = 0; i < bundle->n; i++) {
        struct keyring_job *job = bundle->jobs[i];
        job->n_tries++;
        frame.sign.jobs[i] = (struct frame_job){job->place, job->method, job->digest};
    }

    return frame;
}

void
bundle_meter_wait(struct meter *meter, const struct bundle *bundle, uint64_t now_us)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (bundle->jobs[i]->n_tries == 0)
            meter_observe(&meter->queue, now_us - bundle->jobs[i]->wanted_us);
}

void
bundle_meter_answer(struct meter *meter, const struct frame_signed *answer, uint64_t took_us)
{
    char error[sizeof meter->error];

    for (size_t i = 0; i < answer->n_results; i++) {
        const struct frame_result *result = &answer->results[i];
        if (result->rc == RC_OK) {
            meter_observe(&meter->sign, took_us);
            continue;
        }

        meter->n_failed++;
        snprintf(error, sizeof error, "%.*s", (int)result->detail.len, result->detail.p);
        meter_note(meter, error);
    }
}

bool
bundle_is_abandoned(const struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->n; i++)
        if (bundle->jobs[i])
            return false;

    return bundle->n > 0;
}

bool
bundle_finish(struct bundle *bundle, const struct frame_signed *answer, const char *token)
{
    bool has_signature = false;

    for (size_t i = 0; i < bundle->n; i++) {
        const struct frame_result *result = &answer->results[i];
        struct why why = {0};

        has_signature |= result->rc == RC_OK;
        enum rc rc = result->rc == RC_OK ? RC_OK
                                         : fail(&why, RC_TOKEN, "token '%s': %.*s", token,
                                               (int)result->detail.len, result->detail.p);
        /* Others of the bundle may be canceled while one is told. */
        if (bundle->jobs[i])
            job_finish(bundle->jobs[i], rc, result->signature, &why);
    }
    bundle->n = 0;
    return has_signature;
}

void
bundle_give_back(
    struct bundle *bundle, struct queue *queue, enum rc rc, const char *token, const char *detail)
{
    for (size_t i = 0; i < bundle->n; i++) {
        struct keyring_job *job = steal(bundle->jobs[i]);
        struct why why;
        if (!job)
            continue;

        job->slot = NULL;
        enum rc how = rc ? rc : job->n_tries >= TRIES_MAX ? RC_TOKEN : RC_OK;
        if (how)
            how = fail(&why, how, "token '%s': %s", token, detail);
        else
            how = queue_put_back(queue, &job->item, job->lane, &why);
        if (how)
            job_finish(job, how, (struct span){0}, &why);
    }
    bundle->n = 0;
}

void
bundle_done(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->n; i++)
        job_cancel(bundle->jobs[i]);
    bundle->n = 0;
}
