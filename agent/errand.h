/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * errand — what an admin wants of a token besides signatures, such as a new key.
 *
 * Errands of one token wait in a line, before signatures, for a worker that is free. What a worker
 * had begun when it was lost is not begun again: nobody knows how far it came.
 */
#include "agent/token/frame.h"

struct errand;

/* answer: NULL unless rc is RC_OK. RC_TOKEN, RC_LOCKED, RC_TIMEOUT: the token is not there, or was
 * lost. why: of a failure, what to do. */
typedef void errand_answered(
    void *userdata, enum rc rc, const struct frame *answer, const struct why *why);

/* What is asked for. */
struct errand_order {
    enum frame_type type;    /* FRAME_GENERATE, FRAME_IMPORT or FRAME_ATTEST */
    const char *label;       /* of the new key */
    const char *algorithm;   /* FRAME_GENERATE */
    const char *common_name; /* FRAME_GENERATE: of a certificate for it; NULL: none */
    uint32_t place;          /* FRAME_ATTEST: of the key, see pool.h */
    int client;              /* a descriptor beside it; a copy is kept; -1: none */
    errand_answered *callback;
    void (*dropped)(void *userdata); /* instead of the callback, where the agent ends before */
    void *userdata;
};

/* The order is copied. RC_SYSTEM: no descriptor is left. *ret: one of the following. */
must_check enum rc errand_new(
    struct errand **ret, const struct errand_order *order, struct why *why);
/* Tell whoever wants it, and free it; NULL is fine. Must not stand in a line. */
void errand_fail(struct errand *errand, enum rc rc, const struct why *why);
/* The worker that was on it is lost: detail says how. */
void errand_lose(struct errand *errand, enum rc rc, const char *detail);
/* The worker says so: MADE or ATTESTED. */
void errand_answer(struct errand *errand, const struct frame *answer);
void errand_free(struct errand *errand); /* untold; NULL is fine */
DEFINE_CLEANUP(struct errand, errand_free);

/* What goes to the worker; it borrows from errand. *ret_client: the descriptor beside it, borrowed;
 * -1: none. */
struct frame errand_format(const struct errand *errand, int *ret_client);

/* Those that wait for one token; zero it before its first use. */
struct errand_line {
    struct errand *first;
    size_t n;
};

/* Takes the errand, and NULLs it. RC_BUSY: TOKEN_ERRANDS_MAX wait already. */
must_check enum rc errand_line_put_take(
    struct errand_line *line, struct errand **errand, struct why *why);
struct errand *errand_line_take(struct errand_line *line); /* the oldest; NULL: none waits */
