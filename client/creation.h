/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * creation — a new repository: its root certificate, its keys, its first root and targets.
 *
 * Root and targets keys are the agent's; snapshot and timestamp are the server's.
 */
#include "client/session.h"

/*
 * Choose the keys (--root-key, --targets-key, or the only ones that the caller may use) and
 * publish. One that was begun before and got no further than the agent is finished with what was
 * signed then. RC_UNSUPPORTED: the repository exists already. What publish() and signer_choose()
 * say.
 */
must_check enum rc creation_run(
    struct session *session, struct repository *repository, struct why *why);
