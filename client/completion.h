/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * completion — what a word may become that is being typed, for shells. The question and the answer
 * are those of programs made with cobra, so docker's own completion has it from a plugin, too.
 *
 *     countersign __complete key generate --type ec-
 *     ec-p256
 *     ec-p384
 *     ec-p521
 *     :4
 *
 * The last argument is the word, "" where it is not begun. A candidate and a tabulator may be
 * followed by what it is. The number adds up: 2, no space after the candidate; 4, no files; 16, of
 * files only directories. What comes after "--option=" stands alone in candidates.
 *
 * Knows the tables of verbs and options, and nothing else: names of keys, tokens and requests come
 * from the agent, if it answers at once. No server is ever asked.
 */
#include "client/command.h"

/* "__complete", and "__completeNoDesc", without descriptions. */
bool completion_is_wanted(int argc, char **argv);
/* Writes the answer to standard output. argv as above; the exit status. */
int completion_run(const struct program *program, int argc, char **argv);
