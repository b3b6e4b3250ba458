/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/ladder.h"

#define PAUSE_MS      250  /* after the second loss; doubles */
#define PAUSE_MAX_MS  1000 /* a token that is back is seen within a second */
#define FRUITLESS_MAX 4    /* looks; SoftHSM 2.6 may never show its token to this process */

void
ladder_fall(struct ladder *ladder, enum rung wanted)
{
    /* The rung of the loss before, which did not help. */
    enum rung next = ladder->n_losses > 0 && ladder->rung < RUNG_PROCESS
                         ? (enum rung)(ladder->rung + 1)
                         : ladder->rung;

    ladder->n_losses++;
    ladder->rung = wanted > next ? wanted : next;
    ladder->is_due = true;
}

void
ladder_looked(struct ladder *ladder, bool has_found)
{
    ladder->is_due = false;
    ladder->n_fruitless = has_found ? 0 : ladder->n_fruitless + 1;
    if (ladder->n_fruitless >= FRUITLESS_MAX)
        ladder->rung = RUNG_PROCESS;
}

void
ladder_signed(struct ladder *ladder)
{
    *ladder = (struct ladder){0};
}

unsigned
ladder_pause_ms(const struct ladder *ladder)
{
    unsigned pause_ms = PAUSE_MS;

    if (ladder->n_losses < 2)
        return 0;

    for (unsigned i = 2; i < ladder->n_losses && pause_ms < PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    return pause_ms;
}
