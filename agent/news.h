/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * news — what the log says of tokens, keys and doors.
 */
#include "agent/keyring.h"
#include "agent/listener.h"

void news_of_token(void *unused, const struct keyring_token *token);
/* It signs on another token than before. */
void news_of_key(const struct keyring_key *key);
/* changes: a JSON array to which the sentence is added, too; may be NULL. */
void news_of_door(json_t *changes, enum doors_news news, const char *name, const char *detail);
/* Children of the agent keep themselves from what is the agent's, as far as the kernel lets them:
 * where it does not, a warning. */
void news_of_seclusion(const struct policy *policy);
