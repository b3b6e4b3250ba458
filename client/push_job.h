/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * push_job — what a worker does with one repository of a plan, from first to last.
 */
#include "client/push.h"
#include "client/push_plan.h"

struct push_job {
    struct session *session;
    const struct push_repository *repository;
    const struct push_options *options;
};

/*
 * Whether every step would succeed: whether the registry and the trust server take what we have,
 * the agent signs it, and the tags may be put. RC_CONFLICT: a tag that exists, where it may not be
 * moved. What signing_plan(), rehearse() and registry_check_push() say, but for RC_PENDING, which
 * is noted: the request has to be made before others can agree to it.
 */
must_check enum rc push_job_rehearse(const struct push_job *job, struct why *why);

/* What a repository has come to. */
struct push_listener {
    void (*on_stage)(void *data, enum push_stage stage);
    void (*on_lines)(void *data, struct span lines); /* for standard output */
    void (*on_tag)(void *data, size_t tag);          /* it is put */
    void *data;
};

/* Manifests by digest, the publication, and all tags that can be put. The first failure. */
must_check enum rc push_job_publish(
    const struct push_job *job, const struct push_listener *listener, struct why *why);
