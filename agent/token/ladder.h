/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ladder — how a token that was lost is won back: log in again, open a session again, start the
 * module again, start a process again. What does not help is followed by what does more, and by a
 * longer pause.
 */
#include "agent/token/ckr.h"

struct ladder {
    enum rung rung;       /* what is to be torn down before the token is looked for again */
    bool is_due;          /* and was not yet */
    unsigned n_losses;    /* since the last signature */
    unsigned n_fruitless; /* looks in a row that did not find the token */
};

/* The token was lost, or a login failed. wanted: where its code begins. */
void ladder_fall(struct ladder *ladder, enum rung wanted);
/* It was looked for, after what was due was torn down. */
void ladder_looked(struct ladder *ladder, bool has_found);
void ladder_signed(struct ladder *ladder);

/* Before the next look, so that who fails for ever is not busy with it. */
unsigned ladder_pause_ms(const struct ladder *ladder);
