/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * bundle — the signatures that one worker was asked for in one message.
 *
 * It owns its jobs until they are over. One that is canceled meanwhile leaves a gap, for the worker
 * answers by number.
 */
#include "agent/job.h"
#include "agent/token/frame.h"

struct bundle {
    struct keyring_job *jobs[WORKER_BATCH_MAX]; /* NULL: it was canceled */
    size_t n;
};

/* Close the gaps, and take from the queue, of what may still go, until there are n_max. A job that
 * wants its message to be passed is the last one. */
void bundle_fill(struct bundle *bundle, struct queue *queue, size_t n_max);
/* After bundle_fill(): *ret_fd is the caller's, a file with the message of the last job; untouched
 * where that has none. Where there can be no such file, that job fails. */
void bundle_pass_message(struct bundle *bundle, int *ret_fd);
/* SIGN for all of them, which counts as a try. There is one at least, and no gap. */
struct frame bundle_format(struct bundle *bundle);

/* How long those waited that are asked for the first time: after bundle_fill(). */
void bundle_meter_wait(struct meter *meter, const struct bundle *bundle, uint64_t now_us);
/* The worker answered after so long. */
void bundle_meter_answer(struct meter *meter, const struct frame_signed *answer, uint64_t took_us);

/* It has jobs, or had, and nobody waits for any of them any more. */
bool bundle_is_abandoned(const struct bundle *bundle);

/* The worker answered; it has as many results as there are jobs. token: its name. Whether there was
 * a signature. */
bool bundle_finish(struct bundle *bundle, const struct frame_signed *answer, const char *token);
/* The worker will not answer: they fail if rc says so, or if they were asked for often enough, else
 * they go back to the queue. detail: what happened to the worker. */
void bundle_give_back(
    struct bundle *bundle, struct queue *queue, enum rc rc, const char *token, const char *detail);
void bundle_done(struct bundle *bundle); /* drops them without a call */
