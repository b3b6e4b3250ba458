/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_things.h"

#include "agent/policy_words.h"
#include "proto/bounds.h"

#define TEXT_MAX_BYTES ((size_t)16 * POLICY_FILE_MAX_BYTES) /* lists of a file, in words */

static const struct {
    const char *heading, *noun;
} kinds[POLICY_THING_KIND_MAX_] = {
    [POLICY_THING_TOKEN] = {"tokens", "token"},
    [POLICY_THING_KEY] = {"keys", "key"},
    [POLICY_THING_SOCKET] = {"sockets", "socket"},
    [POLICY_THING_ROOTS] = {"roots", "roots of"},
};

const char *
policy_thing_heading(enum policy_thing_kind kind)
{
    return kinds[kind].heading;
}

const char *
policy_thing_noun(enum policy_thing_kind kind)
{
    return kinds[kind].noun;
}

int
policy_thing_compare(const struct policy_thing *a, const struct policy_thing *b)
{
    return a->kind != b->kind ? (int)a->kind - (int)b->kind : strcmp(a->name, b->name);
}

static int
compare(const void *a, const void *b)
{
    return policy_thing_compare(a, b);
}

/* text is emptied for the next one. */
static enum rc
add(struct policy_things *things, const struct policy_thing *thing, struct bytes *text,
    struct why *why)
{
    enum rc rc = bytes_check(text, why);
    if (rc)
        return rc;

    struct policy_thing *place = mem_grow(&things->things, things->n, sizeof *place,
        TOKENS_MAX + SOCKETS_MAX + 2 * POLICY_ENTRIES_MAX);
    if (!place)
        return fail_memory(why);

    *place = *thing;
    place->text = span_dup(bytes_span(text));
    things->n++;
    bytes_clear(text);
    return place->text ? RC_OK : fail_memory(why);
}

static enum rc
add_all(struct policy_things *things, const struct policy *policy, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(TEXT_MAX_BYTES);
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < policy->n_tokens; i++) {
        const struct policy_token *token = &policy->tokens[i];
        policy_words_token(&text, token);
        rc = add(things, &(struct policy_thing){POLICY_THING_TOKEN, token->name, NULL, token},
            &text, why);
    }

    for (size_t i = 0; !rc && i < policy->n_keys; i++) {
        const struct policy_key *key = &policy->keys[i];
        policy_words_key(&text, key);
        rc = add(
            things, &(struct policy_thing){POLICY_THING_KEY, key->name, NULL, NULL}, &text, why);
    }

    for (size_t i = 0; !rc && i < policy->n_sockets; i++) {
        const struct policy_socket *socket = &policy->sockets[i];
        policy_words_socket(&text, socket);
        rc = add(things, &(struct policy_thing){POLICY_THING_SOCKET, socket->name, NULL, NULL},
            &text, why);
    }

    for (size_t i = 0; !rc && i < policy->n_roots; i++) {
        const struct policy_pin_root *root = &policy->roots[i];
        policy_words_root(&text, root);
        rc = add(things, &(struct policy_thing){POLICY_THING_ROOTS, root->repositories, NULL, NULL},
            &text, why);
    }

    return rc;
}

enum rc
policy_things_of(struct policy_things *ret, const struct policy *policy, struct why *why)
{
    closing(policy_things_done) struct policy_things things = {0};

    enum rc rc = add_all(&things, policy, why);
    if (rc)
        return rc;

    if (things.n > 1)
        qsort(things.things, things.n, sizeof *things.things, compare);
    *ret = things;
    things = (struct policy_things){0};
    return RC_OK;
}

void
policy_things_done(struct policy_things *things)
{
    for (size_t i = 0; i < things->n; i++)
        free(things->things[i].text);
    free(things->things);
    *things = (struct policy_things){0};
}
