/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/job.h"

void
job_finish(struct keyring_job *job, enum rc rc, struct span signature, const struct why *why)
{
    keyring_signed *callback = job->callback;
    void *userdata = job->userdata;

    if (job->slot)
        *job->slot = NULL;
    job->slot = NULL;
    if (rc && job->send_on && job->send_on(job, rc))
        return;

    job_cancel(job);
    callback(userdata, rc, rc == RC_OK ? signature : (struct span){0}, why);
}

void
job_cancel(struct keyring_job *job)
{
    if (!job)
        return;

    if (job->queue)
        queue_remove(job->queue, &job->item);
    if (job->slot)
        *job->slot = NULL;
    free(job);
}
