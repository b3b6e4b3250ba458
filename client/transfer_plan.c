/* SPDX-License-Identifier: Apache-2.0 */
#include "client/transfer_plan.h"

/* One blob of one item. */
struct need {
    const struct transfer_item *item;
    const struct descriptor *blob;
    size_t order;
};

void
transfer_plan_done(struct transfer_plan *plan)
{
    free(plan->jobs);
    free(plan->paths);
}

/* Of the same registry and digest. */
static int
compare_blobs(const struct need *a, const struct need *b)
{
    int order = strcmp(a->item->host, b->item->host);

    return order ? order : memcmp(&a->blob->digest, &b->blob->digest, sizeof a->blob->digest);
}

static int
compare_needs(const void *left, const void *right)
{
    const struct need *a = left, *b = right;

    int order = compare_blobs(a, b);
    if (!order)
        order = strcmp(a->item->path, b->item->path);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static int
compare_jobs(const void *left, const void *right)
{
    const struct transfer_job *a = left, *b = right;

    return (a->order > b->order) - (a->order < b->order);
}

static void
list_needs(struct need *ret, const struct transfer_item *items, size_t n_items)
{
    size_t n = 0;

    for (size_t i = 0; i < n_items; i++)
        for (size_t k = 0; k < items[i].image->n_blobs; k++) {
            ret[n] = (struct need){&items[i], &items[i].image->blobs[k], n};
            n++;
        }
}

/* Needs of one blob come one after the other, and among them those of one repository. */
static void
join(struct transfer_plan *plan, const struct need *needs, size_t n)
{
    const char **paths = plan->paths;
    struct transfer_job *job = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct transfer_item *item = needs[i].item;
        bool is_new = !job || compare_blobs(&needs[i - 1], &needs[i]) != 0;

        if (is_new) {
            job = &plan->jobs[plan->n_jobs++];
            *job = (struct transfer_job){.host = item->host,
                .blob = needs[i].blob,
                .source = item->source,
                .paths = paths,
                .order = needs[i].order};
        }
        if (needs[i].order < job->order)
            job->order = needs[i].order;
        if (is_new || strcmp(paths[-1], item->path) != 0) {
            *paths++ = item->path;
            job->n_paths++;
        }
    }
}

enum rc
transfer_plan_make(
    struct transfer_plan *ret, const struct transfer_item *items, size_t n_items, struct why *why)
{
    size_t n = 0;

    for (size_t i = 0; i < n_items; i++)
        n += items[i].image->n_blobs;

    *ret = (struct transfer_plan){0};
    if (n == 0)
        return RC_OK;

    closing(freep) struct need *needs = calloc(n, sizeof *needs);
    closing(transfer_plan_done) struct transfer_plan plan = {
        .jobs = calloc(n, sizeof *plan.jobs),
        .paths = calloc(n, sizeof *plan.paths),
    };
    if (!needs || !plan.jobs || !plan.paths)
        return fail_memory(why);

    list_needs(needs, items, n_items);
    qsort(needs, n, sizeof *needs, compare_needs);
    join(&plan, needs, n);
    qsort(plan.jobs, plan.n_jobs, sizeof *plan.jobs, compare_jobs);
    *ret = plan;
    plan = (struct transfer_plan){0};
    return RC_OK;
}
