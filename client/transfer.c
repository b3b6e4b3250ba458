/* SPDX-License-Identifier: Apache-2.0 */
#include "client/transfer.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/crew.h"
#include "client/pause.h"
#include "client/registry_blob.h"
#include "client/session.h"
#include "proto/bounds.h"

/* A blob as small as that is sent without asking the registry whether it has it, once it had none
 * of those before: that takes as long as sending it. */
#define UNASKED_MAX_BYTES (64 * 1024)
#define UNASKED_AFTER     2
#define NAME_LEN          12            /* digits of a digest: as docker has it */
#define REPORT_MS         50            /* a worker says how far it is, after so long, */
#define REPORT_BYTES      (1024 * 1024) /* or so much */
#define ACQUAINTANCES_MAX 65536         /* no command line names as many repositories */

/* What became of a blob in one repository. */
enum outcome { OUTCOME_PRESENT, OUTCOME_MOUNTED, OUTCOME_UPLOADED };

/* What a worker says. */
enum said {
    SAID_POSITION, /* int64_t: bytes that are through */
    SAID_OUTCOME,  /* enum outcome, in one more repository */
};

/* A job, as the parent sees it. */
struct consignment {
    char name[NAME_LEN + 1];
    size_t line; /* of the meter */
    size_t n_mounted, n_uploaded;
};

struct shipping {
    const struct transfer *transfer;
    struct transfer_plan plan;
    struct consignment *consignments; /* for each job */
    struct transfer_result *result;
    enum rc rc; /* the first failure */
    struct why *why;
};

/* --- In a worker --- */

/* What a worker has seen of a repository. */
struct acquaintance {
    const char *host, *path;
    unsigned n_missed;     /* blobs in a row that were not there */
    bool is_never_mounted; /* nothing can be mounted from it */
};

/* What the jobs of a worker share. */
struct shipper {
    struct session *session;
    struct acquaintance *known;
    size_t n_known;
};

/* A blob on its way into one repository. */
struct shipment {
    struct shipper *shipper;
    const struct transfer_job *job;
    struct registry *registry;
    struct registry_blob blob;
    struct crew_voice *voice;
    int64_t position, reported, reported_at_ms;
};

static enum rc
start_shipper(void **ret_shared, void *data, struct why *why)
{
    const struct shipping *shipping = data;
    struct shipper *shipper = calloc(1, sizeof *shipper);
    if (!shipper)
        return fail_memory(why);

    shipper->session = shipping->transfer->session;
    *ret_shared = shipper;
    return RC_OK;
}

static enum rc
acquaint(struct acquaintance **ret, struct shipper *shipper, const char *host, const char *path,
    struct why *why)
{
    for (size_t i = 0; i < shipper->n_known; i++) {
        *ret = &shipper->known[i];
        if (!strcmp((*ret)->path, path) && !strcmp((*ret)->host, host))
            return RC_OK;
    }

    *ret = mem_grow(&shipper->known, shipper->n_known, sizeof **ret, ACQUAINTANCES_MAX);
    if (!*ret)
        return fail_memory(why);

    shipper->n_known++;
    **ret = (struct acquaintance){.host = host, .path = path};
    return RC_OK;
}

static void
say_position(struct shipment *s)
{
    int64_t now_ms = pause_clock_ms(), news = s->position - s->reported;

    /* What is small is through before anybody has looked. */
    if (s->blob.size <= UNASKED_MAX_BYTES ||
        (news >= 0 && news < REPORT_BYTES && now_ms - s->reported_at_ms < REPORT_MS))
        return;

    s->reported = s->position;
    s->reported_at_ms = now_ms;
    crew_say(
        s->voice, SAID_POSITION, (struct span){(const uint8_t *)&s->position, sizeof s->position});
}

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    struct shipment *s = data;

    (void)why;
    s->position += (int64_t)piece.len;
    say_position(s);
    return RC_OK;
}

static void
on_again(void *data)
{
    struct shipment *s = data;

    s->position = 0;
    say_position(s);
}

/* *ret is untouched where nothing can be mounted, for whatever reason: then bytes are sent, and if
 * those are refused as well, that says why. */
static enum rc
try_mount(bool *ret, struct shipment *s, const char *from, struct why *why)
{
    struct acquaintance *known = NULL;

    enum rc rc = acquaint(&known, s->shipper, s->job->host, from, why);
    if (rc || known->is_never_mounted)
        return rc;

    if (registry_mount(ret, s->registry, &s->blob, from, NULL) || !*ret)
        known->is_never_mounted = true;
    return RC_OK;
}

static enum rc
ask(bool *ret, struct shipment *s, struct why *why)
{
    struct acquaintance *known = NULL;

    enum rc rc = acquaint(&known, s->shipper, s->job->host, s->blob.path, why);
    if (rc || (s->blob.size <= UNASKED_MAX_BYTES && known->n_missed >= UNASKED_AFTER))
        return rc;

    rc = registry_has_blob(ret, s->registry, &s->blob, why);
    known->n_missed = *ret ? 0 : known->n_missed + 1;
    return rc;
}

static enum rc
upload(struct shipment *s, struct why *why)
{
    const struct http_watch watch = {.piece = on_piece, .again = on_again, .data = s};
    closing(content_done) struct content content = CONTENT_NONE;
    bool is_mounted = false;

    enum rc rc = source_open_blob(&content, s->job->source, s->job->blob, why);
    return rc ? rc
              : registry_upload(&is_mounted, s->registry, &s->blob, &content, NULL, &watch, why);
}

/* from: a repository of the registry in which it is; NULL: none is known. */
static enum rc
ship(enum outcome *ret, struct shipment *s, const char *from, struct why *why)
{
    bool is_mounted = false, is_there = from && !strcmp(from, s->blob.path);
    enum rc rc = RC_OK;

    if (from && !is_there)
        rc = try_mount(&is_mounted, s, from, why);
    if (!rc && !is_there && !is_mounted)
        rc = ask(&is_there, s, why);
    if (!rc && !is_there && !is_mounted)
        rc = upload(s, why);
    *ret = is_mounted ? OUTCOME_MOUNTED : is_there ? OUTCOME_PRESENT : OUTCOME_UPLOADED;
    return rc;
}

/* A blob into all repositories of one registry that need it. */
static enum rc
ship_all(void *data, void *shared, size_t i, struct crew_voice *voice, struct why *why)
{
    const struct shipping *shipping = data;
    const struct transfer_job *job = &shipping->plan.jobs[i];
    const char *from = source_path_on(job->source, job->host);
    struct shipper *shipper = shared;
    struct registry *registry = NULL;

    enum rc rc = session_registry(&registry, shipper->session, job->host, why);
    for (size_t k = 0; !rc && k < job->n_paths; k++) {
        struct shipment s = {
            .shipper = shipper,
            .job = job,
            .registry = registry,
            .blob = {job->paths[k], job->blob->digest, job->blob->size},
            .voice = voice,
        };
        enum outcome outcome = OUTCOME_PRESENT;

        rc = ship(&outcome, &s, from, why);
        if (!rc)
            crew_say(voice, SAID_OUTCOME, (struct span){(const uint8_t *)&outcome, sizeof outcome});
        from = job->paths[k];
    }

    return rc;
}

/* --- In the parent --- */

static void
on_message(void *data, size_t job, int kind, struct span message)
{
    struct shipping *shipping = data;
    struct transfer_result *total = shipping->result;
    struct consignment *to = &shipping->consignments[job];
    int64_t size = shipping->plan.jobs[job].blob->size, position = 0;
    enum outcome outcome = OUTCOME_PRESENT;

    if (kind == SAID_POSITION && message.len == sizeof position) {
        memcpy(&position, message.p, sizeof position);
        meter_set(shipping->transfer->meter, to->line, "Pushing", position, size);
    }
    if (kind != SAID_OUTCOME || message.len != sizeof outcome)
        return;

    memcpy(&outcome, message.p, sizeof outcome);
    total->n_present += outcome == OUTCOME_PRESENT;
    total->n_mounted += outcome == OUTCOME_MOUNTED;
    total->n_uploaded += outcome == OUTCOME_UPLOADED;
    to->n_mounted += outcome == OUTCOME_MOUNTED;
    to->n_uploaded += outcome == OUTCOME_UPLOADED;
    if (outcome == OUTCOME_UPLOADED) {
        total->uploaded_bytes += size;
        meter_set(shipping->transfer->meter, to->line, "Pushing", size, size);
    }
}

static void
on_done(void *data, size_t job, enum rc rc, const struct why *why)
{
    struct shipping *shipping = data;
    const struct consignment *to = &shipping->consignments[job];
    char words[64] = "Already exists";

    if (to->n_uploaded > 0 && to->n_mounted > 0)
        snprintf(words, sizeof words, "Pushed, and mounted into %zu more", to->n_mounted);
    else if (to->n_mounted > 1)
        snprintf(words, sizeof words, "Mounted into %zu repositories", to->n_mounted);
    else if (to->n_mounted > 0)
        snprintf(words, sizeof words, "Mounted");
    else if (to->n_uploaded > 0)
        snprintf(words, sizeof words, "Pushed");

    meter_end(shipping->transfer->meter, to->line, rc ? "Failed" : words);
    if (rc && !shipping->rc) {
        *shipping->why = *why;
        /* Of files and processes: what the registry says names the blob. */
        shipping->rc = rc == RC_SYSTEM ? within(shipping->why, rc, "layer %s", to->name) : rc;
    }
}

static void
on_tick(void *data)
{
    const struct shipping *shipping = data;

    meter_draw(shipping->transfer->meter);
}

static enum rc
add_lines(struct shipping *shipping, struct why *why)
{
    const struct transfer_plan *plan = &shipping->plan;
    enum rc rc = RC_OK;

    shipping->consignments = calloc(plan->n_jobs + 1, sizeof *shipping->consignments);
    if (!shipping->consignments)
        return fail_memory(why);

    for (size_t i = 0; !rc && i < plan->n_jobs; i++) {
        struct consignment *to = &shipping->consignments[i];
        char hex[DIGEST_HEX_LEN + 1];

        digest_hex(hex, &plan->jobs[i].blob->digest);
        memcpy(to->name, hex, NAME_LEN);
        rc = meter_add(
            &to->line, shipping->transfer->meter, to->name, plan->jobs[i].blob->size, why);
    }
    return rc;
}

static void
shipping_done(struct shipping *shipping)
{
    transfer_plan_done(&shipping->plan);
    free(shipping->consignments);
}

enum rc
transfer_run(struct transfer_result *ret, const struct transfer *transfer, struct why *why)
{
    closing(shipping_done) struct shipping shipping = {
        .transfer = transfer, .result = ret, .why = why};

    *ret = (struct transfer_result){0};
    enum rc rc = transfer_plan_make(&shipping.plan, transfer->items, transfer->n_items, why);
    if (!rc)
        rc = add_lines(&shipping, why);
    if (!rc)
        rc = session_disconnect(transfer->session, why);
    if (rc)
        return rc;

    const struct crew_task task = {
        .n_jobs = shipping.plan.n_jobs,
        .n_workers = UPLOAD_WORKERS,
        .start = start_shipper,
        .work = ship_all,
        .on_message = on_message,
        .on_done = on_done,
        .on_tick = on_tick,
        .data = &shipping,
        .is_stopped_by_failure = true,
    };
    rc = crew_run(&task, why);
    meter_settle(transfer->meter);
    return rc ? rc : shipping.rc;
}
