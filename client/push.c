/* SPDX-License-Identifier: Apache-2.0 */
#include "client/push.h"

#include "client/interrupt.h"
#include "client/push_crew.h"
#include "client/push_images.h"
#include "client/push_report.h"
#include "client/signing.h"

/* One command line on its way. */
struct push {
    struct session *session;
    const struct push_options *options;
    struct push_plan plan;
    struct push_images images;
};

static void
push_done(struct push *push)
{
    push_images_done(&push->images);
    push_plan_done(&push->plan);
}

/* What is to be pushed. The agent is asked first, as archives take their time. */
static enum rc
find(struct push *push, char **references, size_t n, struct why *why)
{
    struct signer *signer = NULL;

    enum rc rc = push_plan_read(&push->plan, push->session, references, n, why);
    if (!rc)
        rc = signing_restrict(push->session, why);
    if (!rc)
        rc = session_signer(&signer, push->session, why);
    return rc ? rc
              : push_images_find(&push->images, &push->plan, push->session, push->options, why);
}

/* Nothing is done to any repository unless all will succeed, as far as one can know. */
static enum rc
rehearse_all(struct push *push, struct why *why)
{
    enum rc rc = push_crew_rehearse(&push->plan, push->session, push->options, why);

    return rc ? rc : push_report_rehearsal(&push->plan, push->session, why);
}

static enum rc
upload(struct push *push, struct why *why)
{
    closing(meter_freep) struct meter *meter = NULL;
    const struct options *options = session_options(push->session);
    enum meter_style style =
        meter_style_of(options_has(options, OPTION_QUIET), options_has(options, OPTION_VERBOSE));

    enum rc rc = meter_new(&meter, style, why);
    return rc ? rc : push_images_upload(&push->images, &push->plan, push->session, meter, why);
}

/* Everything that is not done has failed, for one reason. */
static void
fail_all(struct push_plan *plan, enum rc rc, const struct why *why)
{
    for (size_t i = 0; i < plan->n_repositories; i++)
        if (!plan->repositories[i].rc && plan->repositories[i].stage != PUSH_DONE)
            plan->repositories[i].rc = fail(&plan->repositories[i].why, rc, "%s", why->text);
}

/* From here on something stays behind if it ends early: a signal ends it in order. */
static enum rc
carry_out(struct push *push, struct why *why)
{
    enum rc rc = upload(push, why);

    if (!rc)
        rc = push_crew_publish(&push->plan, push->session, push->options, why);
    push_images_clean(&push->images, push->session);
    if (rc)
        fail_all(&push->plan, rc, why);
    return push_report(&push->plan, &push->images.uploaded, push->session, why);
}

enum rc
push(struct session *session, char **references, size_t n, const struct push_options *options,
    struct why *why)
{
    closing(push_done) struct push push = {.session = session, .options = options};

    enum rc rc = find(&push, references, n, why);
    if (!rc)
        rc = rehearse_all(&push, why);
    if (rc)
        return rc;

    interrupt_hold();
    rc = carry_out(&push, why);
    interrupt_release();
    return rc;
}
