/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * command — one verb of the program: a line of the table in commands.c, and a function in
 * cmd_VERB.c.
 *
 * A command writes its result to standard output and returns the first thing that went wrong; main
 * reports that. arguments are those after the verb.
 */
#include "client/session.h"

struct command {
    const char *verb;      /* "delegation add" */
    const char *arguments; /* for the usage line */
    const char *summary;
    option_mask options; /* beyond OPTIONS_ALWAYS */
    size_t min, max;     /* number of arguments */
    enum rc (*run)(struct session *session, char **arguments, size_t n, struct why *why);
    bool unlocks; /* a user at a terminal is asked for the PIN of a locked token, and it runs again
                   */
};

/* A table of verbs, and the name by which people call it. */
struct program {
    const char *name;    /* "docker trust" */
    const char *summary; /* a sentence */
    const char *page;    /* "countersign(1)" */
    const struct command *commands;
    size_t n;
};

extern const struct program countersign;

/* The command that the first words of the arguments name, one or two; *ret_words says how many.
 * NULL: none. */
const struct command *command_find(
    const struct program *program, const struct options *options, size_t *ret_words);

/* Every command has this form. */
#define COMMAND(name)                                                                              \
    enum rc name(struct session *session, char **arguments, size_t n, struct why *why)

#define COMMAND_MANY SIZE_MAX

COMMAND(cmd_add);
COMMAND(cmd_addhash);
COMMAND(cmd_approve);
COMMAND(cmd_audit_export);
COMMAND(cmd_audit_show);
COMMAND(cmd_audit_verify);
COMMAND(cmd_cosignature_add);
COMMAND(cmd_cosignature_show);
COMMAND(cmd_delegation_add);
COMMAND(cmd_delegation_list);
COMMAND(cmd_delegation_purge);
COMMAND(cmd_delegation_remove);
COMMAND(cmd_delete);
COMMAND(cmd_deny);
COMMAND(cmd_explain_sign);
COMMAND(cmd_init);
COMMAND(cmd_inspect);
COMMAND(cmd_key_attest);
COMMAND(cmd_key_certificate);
COMMAND(cmd_key_generate);
COMMAND(cmd_key_import);
COMMAND(cmd_key_list);
COMMAND(cmd_key_load);
COMMAND(cmd_key_rotate);
COMMAND(cmd_list);
COMMAND(cmd_lookup);
COMMAND(cmd_lock);
COMMAND(cmd_reload);
COMMAND(cmd_pending);
COMMAND(cmd_push);
COMMAND(cmd_remove);
COMMAND(cmd_publish);
COMMAND(cmd_reset);
COMMAND(cmd_retire);
COMMAND(cmd_revoke);
COMMAND(cmd_root_id);
COMMAND(cmd_sign);
COMMAND(cmd_signer_add);
COMMAND(cmd_signer_remove);
COMMAND(cmd_staged);
COMMAND(cmd_status);
COMMAND(cmd_supersede);
COMMAND(cmd_unlock);
COMMAND(cmd_verify);
COMMAND(cmd_witness);
