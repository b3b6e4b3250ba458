/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * question — what is asked before something that cannot be undone.
 */
#include "client/session.h"

/*
 * Go on only if somebody at a terminal types "yes", or --yes was given. text: the question, without
 * a question mark. RC_INTERRUPTED: he types something else. RC_USAGE: there is no terminal to ask
 * at.
 */
must_check enum rc question_ask(struct session *session, const char *text, struct why *why);
