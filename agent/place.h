/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * place — where a key of the policy should be: a URI on one token, and what a worker says about it.
 */
#include "agent/token/frame.h"

struct place {
    char *uri;
    struct pubkey *pubkey; /* the only key that may be there; NULL: none is known yet */
    bool is_known;         /* a worker has looked; what follows holds since then */
    bool is_other;         /* another key than pubkey is there */
    uint32_t n_matches;
    unsigned methods;      /* 1 << enum verify_method */
    unsigned with_message; /* those of them for which the token wants the message */
    struct key_provenance provenance;
    char detail[200]; /* why it can do nothing */
};

void place_done(struct place *place);

/* FIND for one of the places, from which it borrows. is_anew: as in frame.h. */
struct frame place_format_find(const struct place *places, uint32_t index, bool is_anew);
/* Take over what a worker says; the first key that is seen is the one from then on. */
void place_learn(struct place *place, const struct frame_key *key);
