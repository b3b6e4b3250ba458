/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/news.h"

#include "agent/log.h"
#include "agent/token/landlock.h"

void
news_of_token(void *unused, const struct keyring_token *token)
{
    bool is_ready = token->state == KEYRING_READY;

    (void)unused;
    log_line(is_ready ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "token '%s' is %s%s%s",
        token->policy->name, keyring_state_name(token->state), is_ready ? "" : ": ", token->detail);
}

void
news_of_key(const struct keyring_key *key)
{
    log_line(LOG_LEVEL_INFO, "key '%s' signs on token '%s' now%s%s", key->policy->name,
        key->token->name, key->stand_in[0] ? ", because of " : "", key->stand_in);
}

void
news_of_door(json_t *changes, enum doors_news news, const char *name, const char *detail)
{
    static const char *const words[] = {
        [DOORS_OPENED] = "is open: listening on ",
        [DOORS_CLOSED] = "is closed: ",
        [DOORS_FAILED] = "is not there, so nothing is granted through it: ",
    };
    char text[512];

    snprintf(text, sizeof text, "socket '%s' %s%s", name, words[news], detail);
    log_line(news == DOORS_FAILED ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s", text);
    if (changes)
        json_array_append_new(changes, json_string(text));
}

void
news_of_seclusion(const struct policy *policy)
{
    int version = landlock_version();
    bool has_children = false;

    for (size_t i = 0; i < policy->n_tokens; i++)
        has_children |= !policy->tokens[i].worker;
    if (has_children && version < LANDLOCK_VERSION_NETWORK)
        log_line(LOG_LEVEL_WARNING,
            "this kernel's Landlock does not keep modules of tokens from %s;"
            " give the tokens units of their own, see 'worker' in countersign-policy(5)",
            version == 0 ? "the ledger and the PINs of others" : "the network");
}
