/* SPDX-License-Identifier: Apache-2.0 */
#include "client/push_crew.h"

#include "client/crew.h"
#include "client/push_job.h"
#include "client/push_report.h"
#include "proto/bounds.h"

/* What a worker says. */
enum {
    SAY_STAGE,
    SAY_LINES, /* a part of them */
    SAY_TAG,   /* its number */
};

struct run {
    struct push_plan *plan;
    struct session *session;
    const struct push_options *options;
    size_t first; /* of the repositories: the one of job 0 */
    enum rc (*work)(
        void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why);
    void (*on_done)(void *data, size_t job, enum rc rc, const struct why *why);
};

static struct push_repository *
repository_of(const struct run *run, size_t job)
{
    return &run->plan->repositories[run->first + job];
}

static struct push_job
job_of(const struct run *run, size_t job)
{
    return (struct push_job){run->session, repository_of(run, job), run->options};
}

/* The same in a worker, where there may be others. */
static struct push_job
take_job(const struct run *run, size_t job)
{
    if (run->plan->n_repositories > 1)
        session_tell_of(run->session, repository_of(run, job)->repository);
    return job_of(run, job);
}

static enum rc
rehearse_one(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct push_job one = take_job(data, job);

    (void)shared;
    (void)voice;
    return push_job_rehearse(&one, why);
}

static void
on_stage(void *data, enum push_stage stage)
{
    crew_say(data, SAY_STAGE, (struct span){(const uint8_t *)&stage, sizeof stage});
}

static void
on_lines(void *data, struct span lines)
{
    while (lines.len > 0) {
        struct span part = {
            lines.p, lines.len < CREW_MESSAGE_MAX_BYTES ? lines.len : CREW_MESSAGE_MAX_BYTES};
        crew_say(data, SAY_LINES, part);
        lines = (struct span){lines.p + part.len, lines.len - part.len};
    }
}

static void
on_tag(void *data, size_t tag)
{
    crew_say(data, SAY_TAG, (struct span){(const uint8_t *)&tag, sizeof tag});
}

static enum rc
publish_one(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct push_job one = take_job(data, job);
    const struct push_listener listener = {on_stage, on_lines, on_tag, voice};

    (void)shared;
    return one.repository->rc ? RC_OK : push_job_publish(&one, &listener, why);
}

static void
on_message(void *data, size_t job, int kind, struct span message)
{
    const struct run *run = data;
    struct push_repository *repository = repository_of(run, job);
    size_t tag = 0;

    if (kind == SAY_LINES)
        bytes_put(&repository->lines, message);
    if (kind == SAY_STAGE && message.len == sizeof repository->stage)
        memcpy(&repository->stage, message.p, sizeof repository->stage);
    if (kind == SAY_TAG && message.len == sizeof tag) {
        memcpy(&tag, message.p, sizeof tag);
        repository->tags[tag].is_put = true;
    }
}

static void
on_done(void *data, size_t job, enum rc rc, const struct why *why)
{
    const struct run *run = data;
    struct push_repository *repository = repository_of(run, job);

    if (rc && !repository->rc)
        repository->rc = fail(&repository->why, rc, "%s", why->text);
    else if (!rc && repository->stage == PUSH_PUBLISHED)
        repository->stage = PUSH_DONE;
}

static void
on_published(void *data, size_t job, enum rc rc, const struct why *why)
{
    const struct run *run = data;

    on_done(data, job, rc, why);
    repository_of(run, job)->is_over = true;
    push_report_progress(run->plan, run->session);
}

static enum rc
run_crew(struct run *run, struct why *why)
{
    enum rc rc = session_disconnect(run->session, why);

    return rc ? rc
              : crew_run(
                    &(struct crew_task){
                        .n_jobs = run->plan->n_repositories - run->first,
                        .n_workers = PUBLISH_WORKERS,
                        .work = run->work,
                        .on_message = on_message,
                        .on_done = run->on_done,
                        .data = run,
                    },
                    why);
}

enum rc
push_crew_rehearse(struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why)
{
    struct run run = {plan, session, options, 0, rehearse_one, on_done};
    const struct push_job first = job_of(&run, 0);
    struct why problem = {""};

    on_done(&run, 0, push_job_rehearse(&first, &problem), &problem);
    run.first = 1;
    return run_crew(&run, why);
}

enum rc
push_crew_publish(struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why)
{
    return run_crew(&(struct run){plan, session, options, 0, publish_one, on_published}, why);
}
