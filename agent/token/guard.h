/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * guard — the deadline of every call into a module. SIGALRM keeps its default action and ends the
 * process, whatever the module is blocked in. There is one alarm() in a process, and so one
 * deadline.
 */
#include <stdbool.h>
#include <unistd.h>

/* Before the first call; TOKEN_CALL_TIMEOUT_S if nobody says anything. */
void guard_set_timeout(unsigned timeout_s);
unsigned guard_timeout_s(void);

/* SoftHSM 2.6 writes its token anew at each login, and has lost it, with all keys, if it is killed
 * meanwhile: so an agent that dies takes this process with it only afterwards. */
void guard_outlive_agent(bool outlives);

#define GUARDED(call) GUARDED_FOR(guard_timeout_s(), call)
#define GUARDED_FOR(seconds, call)                                                                 \
    __extension__({                                                                                \
        alarm(seconds);                                                                            \
        __typeof__(call) result_ = (call);                                                         \
        alarm(0);                                                                                  \
        result_;                                                                                   \
    })
