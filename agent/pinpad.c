/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pinpad.h"

#include <stdio.h>

static void
enter_failed(struct pinpad *pad, enum rc rc, const char *detail)
{
    pad->step = PINPAD_FAILED;
    pad->rc = fail(&pad->why, rc, "%s", detail);
}

void
pinpad_start(struct pinpad *pad)
{
    pad->wants_pin = pad->is_last_try = pad->is_held_back = pad->is_ending = false;
}

void
pinpad_lost(struct pinpad *pad, bool begins_anew, const char *detail)
{
    pinpad_start(pad);
    if (pad->step == PINPAD_READS || (pad->step == PINPAD_TRIES && !begins_anew))
        enter_failed(pad, RC_TOKEN, detail);
}

void
pinpad_found(struct pinpad *pad, const struct frame_found *found)
{
    pad->wants_pin = found->wants_pin;
    pad->is_last_try = found->is_last_try;
    pad->is_held_back = pad->is_refused = false;
}

void
pinpad_explain(struct why *ret, const struct pinpad *pad, const char *token)
{
    snprintf(ret->text, sizeof ret->text, "it wants its PIN%s: countersign unlock %s%s",
        pad->is_last_try ? ", and one more wrong one locks it for good" : "",
        pad->is_last_try ? "--force " : "", token);
}

bool
pinpad_read(struct pinpad *pad, const struct frame_unlocked *unlocked, const char *detail)
{
    closing(freep) char *problem = span_dup(unlocked->detail);

    if (pad->step != PINPAD_READS)
        return false;

    if (unlocked->rc)
        enter_failed(pad, unlocked->rc, problem ? problem : "");
    else if (!pad->wants_pin)
        enter_failed(pad, RC_TOKEN, detail);
    else
        pad->step = PINPAD_TRIES;
    pad->wants_pin = pad->wants_pin && unlocked->rc;
    return true;
}

void
pinpad_fail(struct pinpad *pad, enum rc rc, const char *detail)
{
    if (pad->step == PINPAD_TRIES)
        enter_failed(pad, rc, detail);
}
