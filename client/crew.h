/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * crew — many jobs done by a few processes at once, each of them plain sequential code.
 *
 * A worker is a fork of this process: it has all that was in memory then, but no connection, which
 * the caller closes before (session_disconnect()); it opens its own, and takes one job after the
 * other. What it has to say comes back as messages. Signals are held while a crew works: on one,
 * the workers are killed, and so they are when this process dies.
 */
#include "proto/bytes.h"

#define CREW_MESSAGE_MAX_BYTES (32 * 1024)

/* How a job in a worker speaks to the parent. */
struct crew_voice;
/* One message, of at most CREW_MESSAGE_MAX_BYTES, longer ones are cut; kind is the caller's. Nobody
 * may listen any more: then the process is killed. */
void crew_say(struct crew_voice *voice, int kind, struct span message);

struct crew_task {
    size_t n_jobs;
    size_t n_workers; /* at most, and at least 1; never more than jobs */

    /* In the worker, once: what its jobs share; NULL: nothing. */
    enum rc (*start)(void **ret_shared, void *data, struct why *why);
    /* In the worker: one job. */
    enum rc (*work)(
        void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why);

    /* In the parent; any may be NULL. */
    void (*on_message)(void *data, size_t job, int kind, struct span message);
    void (*on_done)(void *data, size_t job, enum rc rc, const struct why *why);
    void (*on_tick)(void *data); /* CREW_TICK_MS, for displays */
    void *data;
    bool is_stopped_by_failure; /* after one that failed, no job is begun, others are killed */
};

/*
 * Do all jobs, in their order as far as workers are free; a job that fails stops none of the
 * others, unless is_stopped_by_failure. RC_OK: all that were begun ended, whatever their ends, and
 * on_done was told each; or one failed, and the others were killed. RC_INTERRUPTED: a signal came;
 * jobs that had not ended have no end, and on_done is not told of them; if nobody else holds
 * signals, the program ends instead. RC_SYSTEM: no process can be made. A worker that dies ends its
 * job with RC_SYSTEM, and is replaced.
 */
must_check enum rc crew_run(const struct crew_task *task, struct why *why);
