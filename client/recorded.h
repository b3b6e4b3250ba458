/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * recorded — records of a ledger, one after another, from the agent or from a file that was
 * exported.
 */
#include <stdio.h>

#include "client/record_line.h"
#include "proto/members.h"

/* Called for each record, which is borrowed. What it returns ends the reading, if it fails. */
struct recorded_reader {
    enum rc (*take)(void *userdata, const struct record *record, struct why *why);
    void *userdata;
};

/* Ask the agent at path for what the parameters of Audit say. *ret: the newest record, as the agent
 * says. What agent_stream() says. */
must_check enum rc recorded_of_agent(struct record_end *ret, const char *path,
    const json_t *parameters, const struct recorded_reader *reader, struct why *why);

/* Read an export. name: for sentences. RC_UNTRUSTED: it is none, or was changed or cut off; names
 * the line. RC_SYSTEM. */
must_check enum rc recorded_of_file(struct record_end *ret, FILE *file, const char *name,
    const struct recorded_reader *reader, struct why *why);
