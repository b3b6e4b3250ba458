/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * docker_trust — docker trust as scripts write it: the table of its words, each with a command of
 * ours, and its spelling of options. What those commands write to standard output are docker's own
 * messages, where they are true; what they have to say beyond that goes to standard error.
 */
#include "client/command.h"

extern const struct program docker_trust;

/* From docker's spelling to ours, in place: "--yes=true" is "--yes", "--yes=false" is left out, and
 * "-f" is "--yes", too: neither wants to be asked. */
void docker_trust_translate(int *argc, char **argv);

COMMAND(cmd_trust_key_generate);
COMMAND(cmd_trust_key_load);
COMMAND(cmd_trust_revoke);
COMMAND(cmd_trust_sign);
COMMAND(cmd_trust_signer_add);
COMMAND(cmd_trust_signer_remove);
