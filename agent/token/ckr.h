/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ckr — what a return code of a module means: what the token is in now, how much must be torn down
 * before it is looked for again, and what people can do. Modules answer one event with different
 * codes, so a code is only where the ladder of recovery begins (ladder.h).
 */
#include <p11-kit/p11-kit.h>

#include "agent/token/frame.h"

/* How much is torn down. Each one includes those before it. */
enum rung {
    RUNG_NONE,    /* nothing: the code is about the request, and the token is as it was */
    RUNG_LOGIN,   /* the login: the session stays */
    RUNG_SESSION, /* the session, with it all handles */
    RUNG_MODULE,  /* the module: C_Finalize, C_Initialize */
    RUNG_PROCESS, /* this process */
};

struct ckr {
    CK_RV rv;
    enum rung rung;
    enum token_state state; /* where rung is RUNG_NONE: TOKEN_READY */
    const char *advice;     /* for people: what to do */
};

/* Of any call but C_Login; codes that no list has are like CKR_GENERAL_ERROR. rv is not CKR_OK. */
const struct ckr *ckr_find(CK_RV rv);
/* Of C_Login, which says other things by some codes. */
const struct ckr *ckr_find_login(CK_RV rv);

/* A refused PIN, whatever was called. */
bool ckr_is_refused_pin(CK_RV rv);

/* The sentence for people; returns RC_TOKEN. rv may be one that ckr does not list. */
enum rc ckr_fail(const struct ckr *ckr, CK_RV rv, const char *call, struct why *why);
