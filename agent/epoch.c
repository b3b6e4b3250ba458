/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/epoch.h"

#include "agent/judgment.h"

/* FNV-1a */
static size_t
part_of(const char *repository)
{
    uint64_t hash = 14695981039346656037U;

    for (const char *c = repository; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 1099511628211U;
    return hash % EPOCH_PARTS;
}

/* Quotas are those of uids. */
static size_t
part_of_uid(uid_t uid)
{
    return uid % EPOCH_PARTS;
}

void
epoch_change(struct epoch *epoch)
{
    epoch->all++;
}

void
epoch_change_repository(struct epoch *epoch, const char *repository)
{
    epoch->parts[part_of(repository)]++;
}

void
epoch_change_by(struct epoch *epoch, const struct judgment *judgment, const struct peer *peer)
{
    for (size_t i = 0; i < judgment->n_subjects; i++)
        epoch_change_repository(epoch, judgment->subjects[i]->repository);
    for (size_t i = 0; i < judgment->request.n_bases; i++)
        epoch_change_repository(epoch, judgment->request.bases[i].repository);
    epoch->parts[part_of_uid(peer->uid)]++;
}

/* Whether any grant by which it is signed counts. */
static bool
has_quota(const struct decision *decision)
{
    for (size_t i = 0; decision && i < decision->n_verdicts; i++)
        for (size_t k = 0; k < decision->verdicts[i].n_choices; k++) {
            const struct decide_choice *choice = &decision->verdicts[i].choices[k];
            if (choice->grant && choice->grant->quota.n > 0)
                return true;
        }

    return false;
}

uint64_t
epoch_of(const struct epoch *epoch, const struct judgment *judgment, const struct peer *peer)
{
    uint64_t sum = epoch->all;

    for (size_t i = 0; i < judgment->n_subjects; i++)
        sum += epoch->parts[part_of(judgment->subjects[i]->repository)];
    for (size_t i = 0; i < judgment->request.n_bases; i++)
        sum += epoch->parts[part_of(judgment->request.bases[i].repository)];
    if (has_quota(judgment->decision))
        sum += epoch->parts[part_of_uid(peer->uid)];
    return sum;
}
