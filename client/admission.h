/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * admission — a question of Kubernetes to a webhook (AdmissionReview of admission.k8s.io/v1): which
 * images an object wants to run, and the answer, which names them by their digests. Pure.
 *
 *     rc = admission_parse(&admission, text, why);
 *     for (size_t i = 0; i < admission.n_images; i++)
 *         references[i] = what to run instead of admission.images[i].image;
 *     rc = admission_answer(&answer, &admission, references, NULL, why);
 */
#include "proto/members.h"

/* Where an object names an image. */
struct admission_image {
    char *path;        /* RFC 6901: "/spec/containers/0/image" */
    const char *image; /* as it stands there */
};

struct admission {
    json_t *review; /* what follows points into it */
    const char *uid;
    struct admission_image *images;
    size_t n_images;
    struct why objection; /* why the object cannot be let in, whatever its images; or empty */
};

/*
 * Pods, what makes pods (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob,
 * ReplicationController, PodTemplate), with all their kinds of containers and volumes from images;
 * an object that goes away has none. An object whose images cannot be read is a matter of the
 * answer, and has an objection.
 * RC_MALFORMED: no such question, for which there can be no answer. RC_TOO_LARGE: more than
 * ADMISSION_MAX_BYTES. RC_NO_MEMORY.
 */
must_check enum rc admission_parse(struct admission *ret, struct span text, struct why *why);
void admission_done(struct admission *admission);

/*
 * references: by image, what is to stand in its place. denial: then nothing is let in, and
 * references may be NULL; NULL: all is. *ret: json_decref(). RC_NO_MEMORY.
 */
must_check enum rc admission_answer(json_t **ret, const struct admission *admission,
    const char *const *references, const char *denial, struct why *why);
