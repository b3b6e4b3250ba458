/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/guard.h"

#include <signal.h>
#include <sys/prctl.h>

#include "proto/bounds.h"

static unsigned timeout = TOKEN_CALL_TIMEOUT_S;

void
guard_set_timeout(unsigned timeout_s)
{
    timeout = timeout_s;
}

unsigned
guard_timeout_s(void)
{
    return timeout;
}

void
guard_outlive_agent(bool outlives)
{
    (void)prctl(PR_SET_PDEATHSIG, outlives ? 0 : SIGKILL);
}
