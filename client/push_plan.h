/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * push_plan — what one command line pushes: its references, put together by repository, and what
 * became of each.
 */
#include "client/image.h"
#include "client/session.h"

/* One reference. */
struct push_tag {
    char *tag;
    char *name;                        /* "localhost:5000/shop/web:v1", for people */
    const struct image *image;         /* NULL: the engine has it */
    struct registry_manifest manifest; /* that the tag is to name; of the engine's images a
                                          placeholder, until they are pushed */
    bool is_put;                       /* the tag names it */
};

/* How far a repository has come. */
enum push_stage {
    PUSH_BEFORE,     /* its trust data is as it was */
    PUSH_PUBLISHING, /* it is as it was, or what it is to be */
    PUSH_PUBLISHED,  /* it is what it is to be; tags are being put */
    PUSH_DONE,
    PUSH_STAGE_MAX_
};

struct push_repository {
    struct repository *repository;
    char *path; /* "shop/web" */
    struct push_tag *tags;
    size_t n_tags;

    enum rc rc;     /* the first thing that went wrong with it */
    struct why why; /* and its sentence */
    enum push_stage stage;
    bool is_over;       /* nothing more becomes of it */
    struct bytes lines; /* what was published, for standard output */
};

struct push_plan {
    struct push_repository *repositories; /* in the order of the command line */
    size_t n_repositories;
    size_t n_tags; /* of all of them */
    size_t n_told; /* repositories whose outcome is on standard output, if they have one */
};
void push_plan_done(struct push_plan *plan);

/* references: "HOST/NAME[:TAG]", latest where none is given; one that comes twice counts once.
 * RC_MALFORMED: no such form, or a digest. push_plan_done(), also after a failure. */
must_check enum rc push_plan_read(
    struct push_plan *ret, struct session *session, char **references, size_t n, struct why *why);

/* The edits of a repository, one for each tag: *ret is free()d, and borrows from repository. */
must_check enum rc push_plan_edits(
    struct edit **ret, const struct push_repository *repository, struct why *why);
