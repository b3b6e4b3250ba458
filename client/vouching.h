/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * vouching — who says which root is that of a repository, before this machine's cache and first
 * use do: the agent, else a pinning file.
 */
#include "client/session.h"

/* Find out, once in a run, and have the trust of the repository hold to it. What root_pin_ask() and
 * pinning_root() say; an agent that is not there says nothing. */
must_check enum rc vouching_ask(
    struct session *session, struct repository *repository, struct why *why);
/* The same for who only reads: an agent that cannot say what it pins keeps nobody from what a file
 * pins or this machine trusts already, but from first use. */
must_check enum rc vouching_ask_to_read(
    struct session *session, struct repository *repository, struct why *why);
