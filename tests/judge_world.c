/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/judge_world.h"

#include <stdio.h>
#include <string.h>

#include "agent/ledger_unpublished.h"
#include "proto/bounds.h"

#define INPUT_MAX 100000

/* A test that errs is mended, not told about. */
#define must(is)                                                                                   \
    do {                                                                                           \
        if (!(is)) {                                                                               \
            fprintf(stderr, "judge: line %d: not so: %s\n", __LINE__, #is);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void *
allocate(size_t n, size_t size)
{
    void *array = calloc(n + 1, size);

    must(array);
    return array;
}

static const char *
text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int64_t
number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static struct digest
digest_in(const json_t *object, const char *name)
{
    struct digest digest = {{0}};
    const char *hex = text_of(object, name);

    if (hex)
        must(!hex_parse(digest.b, sizeof digest.b, span_of(hex), NULL));
    return digest;
}

static size_t
count(const json_t *json, const char *name)
{
    size_t n = json_array_size(json_object_get(json, name));

    must(n < INPUT_MAX);
    return n;
}

#define each_of(i, value, json, name) json_array_foreach(json_object_get(json, name), i, value)

static void
read_peers(struct world *world, const json_t *json)
{
    size_t i, k;
    const json_t *value, *gid;

    world->n_peers = count(json, "peers");
    world->peers = allocate(world->n_peers, sizeof *world->peers);
    each_of(i, value, json, "peers")
    {
        struct peer *peer = &world->peers[i];
        *peer = (struct peer){.uid = (uid_t)number_of(value, "uid"),
            .gid = (gid_t)number_of(value, "gid"),
            .gids = allocate(count(value, "gids"), sizeof(gid_t)),
            .door = (char *)text_of(value, "door"),
            .unit = (char *)text_of(value, "unit"),
            .n_refs = 1};
        each_of(k, gid, value, "gids")
        {
            peer->gids[peer->n_gids++] = (gid_t)json_integer_value(gid);
        }
    }
}

static struct decide_key
read_state(const struct policy_key *key, const json_t *value)
{
    static const struct {
        const char *name;
        enum reason state;
        enum rc rc;
    } states[] = {{"ready", REASON_NONE, RC_OK}, {"away", REASON_TOKEN, RC_TOKEN},
        {"locked", REASON_TOKEN, RC_LOCKED}, {"changed", REASON_KEY_CHANGED, RC_OK},
        {"unseen", REASON_TOKEN, RC_TOKEN}};
    const char *state = text_of(value, "state"), *id = text_of(value, "id");
    struct decide_key read = {.policy = key, .token = "hsm", .detail = "as the test says"};

    must(state);
    for (size_t i = 0; i < N_ELEMENTS(states); i++)
        if (!strcmp(state, states[i].name)) {
            read.state = states[i].state;
            read.rc = states[i].rc;
        }
    if (id)
        must(!keyid_parse(&read.id, span_of(id), NULL));
    return read;
}

static void
read_states(struct world *world, const json_t *json)
{
    size_t i, k;
    const json_t *list, *value;

    world->n_states = count(json, "states");
    world->states = allocate(world->n_states, sizeof *world->states);
    each_of(i, list, json, "states")
    {
        world->states[i] = allocate(world->policy->n_keys, sizeof **world->states);
        must(json_array_size(list) == world->policy->n_keys);
        json_array_foreach(list, k, value) {
            const struct policy_key *key = policy_find_key(world->policy, text_of(value, "name"));
            must(key);
            world->states[i][key - world->policy->keys] = read_state(key, value);
        }
    }
}

static void
read_used(struct world *world, const json_t *json)
{
    size_t i;
    const json_t *value;

    world->n_used = count(json, "used");
    world->used = allocate(world->n_used, sizeof *world->used);
    each_of(i, value, json, "used")
    {
        world->used[i] = allocate(world->policy->n_grants, sizeof **world->used);
        for (size_t k = 0; k < world->policy->n_grants; k++)
            world->used[i][k] = number_of(value, world->policy->grants[k].name);
    }
}

static void
read_subject(struct world *world, size_t i, const json_t *value)
{
    struct world_document *own = &world->documents[i];
    size_t k;
    const json_t *key;
    struct why why = {""};

    own->keys = allocate(count(value, "keys"), sizeof *own->keys);
    own->document = (struct message_document){.format = "notary",
        .repository = text_of(value, "repository"),
        .role = text_of(value, "role"),
        .message = BYTES_INIT(DOCUMENT_MAX_BYTES),
        .keys = own->keys};
    must(!base64_parse(&own->document.message, span_of(text_of(value, "message")), NULL));
    each_of(k, key, value, "keys")
    {
        must(!keyid_parse(
            &own->keys[own->document.n_keys++], span_of(json_string_value(key)), NULL));
    }
    if (subject_new(&world->subjects[i], &own->document, world->now, &why))
        must(why.text[0]);
    json_array_append_new(world->problems, json_string(why.text));
}

static void
read_subjects(struct world *world, const json_t *json)
{
    size_t i;
    const json_t *value;

    world->n_subjects = count(json, "subjects");
    world->documents = allocate(world->n_subjects, sizeof *world->documents);
    world->subjects = allocate(world->n_subjects, sizeof(void *));
    world->problems = json_array();
    each_of(i, value, json, "subjects")
    {
        read_subject(world, i, value);
    }
}

static enum decide_base
base_of(const char *name)
{
    static const char *const names[] = {[DECIDE_BASE_NONE] = "none",
        [DECIDE_BASE_EMPTY] = "empty",
        [DECIDE_BASE_FILE] = "file",
        [DECIDE_BASE_UNREADABLE] = "unreadable"};
    size_t i = 0;

    must(name);
    while (strcmp(name, names[i]) != 0)
        must(++i < N_ELEMENTS(names));
    return (enum decide_base)i;
}

static void
read_lists(struct world_known *own, const json_t *value)
{
    size_t i;
    const json_t *each;

    own->tags = allocate(count(value, "tags"), sizeof(char *));
    own->unpublished = allocate(count(value, "unpublished"), sizeof(char *));
    own->listings = allocate(count(value, "listings"), sizeof *own->listings);
    each_of(i, each, value, "tags")
    {
        own->tags[own->known.n_tags++] = json_string_value(each);
    }
    each_of(i, each, value, "unpublished")
    {
        own->unpublished[own->known.n_unpublished++] = json_string_value(each);
    }
    each_of(i, each, value, "listings")
    {
        struct subject_listing *listing = &own->listings[own->known.n_listings++];
        listing->role = span_of(json_string_value(json_array_get(each, 0)));
        must(
            !keyid_parse(&listing->key, span_of(json_string_value(json_array_get(each, 1))), NULL));
    }
    own->known.tags = own->tags;
    own->known.unpublished = own->unpublished;
    own->known.knows_unpublished = json_is_array(json_object_get(value, "unpublished"));
    own->known.listings = own->listings;
}

/* What the agent's own modules make of a request in the open transaction. */
static struct known *
gather(struct world *world, struct message_sign *sign, const json_t *parameters,
    struct subject *subject)
{
    struct known *known = NULL;
    struct why why = {""};

    if (message_sign_parse(sign, parameters, false, &why) || bases_check(sign, &why)) {
        fprintf(stderr, "judge: a request that is none: %s\n", why.text);
        abort();
    }
    struct subject *const subjects[] = {subject};
    const struct known_request request = {
        {sign, world->ledger, world->policy, world->seen, world->now}, subjects, 1};
    must(!known_new(&known, &request, &why));
    return known;
}

/* A chain that the agent was shown before. */
static void
see(struct world *world, const json_t *parameters, struct subject *subject)
{
    struct message_sign sign = {0};

    closing(known_freep) struct known *known = gather(world, &sign, parameters, subject);
    for (size_t i = 0; i < known->n_chains; i++)
        if (published_is_sound(&known->chains[i]))
            must(!published_put(&known->chains[i], world->ledger, NULL));
    message_sign_done(&sign);
}

/* As a release leaves it in the ledger. */
static void
release(struct world *world, const struct subject *subject, const json_t *mark)
{
    const struct ledger_mark released = {
        number_of(mark, "version"), digest_in(mark, "digest"), digest_in(mark, "delegations")};
    closing(freep) const char **tags = allocate(count(mark, "tags"), sizeof *tags);
    struct ledger_change change = {.repository = subject->repository,
        .role = subject->role,
        .version = released.version,
        .base_version = number_of(mark, "base_version"),
        .known_version = number_of(mark, "base_version"),
        .tags = tags};
    size_t i;
    const json_t *tag;

    each_of(i, tag, mark, "tags")
    {
        tags[change.n_tags++] = json_string_value(tag);
    }
    must(!ledger_put_mark(world->ledger, subject->repository, subject->role, &released, NULL));
    if (released.version > change.base_version)
        must(!ledger_put_unpublished(world->ledger, &change, NULL));
}

static void
find_out(struct world *world, struct world_known *own, const json_t *value)
{
    struct subject *subject = world->subjects[number_of(value, "subject")];
    const json_t *mark = json_object_get(value, "mark"), *seen = json_object_get(value, "seen");

    must(!ledger_begin(world->ledger, NULL));
    if (seen)
        see(world, seen, subject);
    if (mark)
        release(world, subject, mark);
    own->gathered = gather(world, &own->sign, json_object_get(value, "sign"), subject);
    own->known = own->gathered->facts[0];
    ledger_rollback(world->ledger);
}

static void
open_ledger(struct world *world, const json_t *json)
{
    const char *directory = text_of(json, "ledger");

    if (!directory)
        return;

    must(!ledger_open(&world->ledger, directory, NULL));
    must(!seen_new(&world->seen, NULL));
}

static void
read_known(struct world *world, const json_t *json)
{
    size_t i;
    const json_t *value;

    open_ledger(world, json);
    world->n_known = count(json, "known");
    world->known = allocate(world->n_known, sizeof *world->known);
    each_of(i, value, json, "known")
    {
        if (json_object_get(value, "sign")) {
            find_out(world, &world->known[i], value);
            continue;
        }

        world->known[i].known = (struct decide_known){.version = number_of(value, "version"),
            .digest = digest_in(value, "digest"),
            .base_version = number_of(value, "base_version"),
            .base_delegations = digest_in(value, "base_delegations"),
            .newest_delegations = digest_in(value, "newest_delegations"),
            .base_problem = text_of(value, "base_problem"),
            .base = base_of(text_of(value, "base")),
            .needs_base = json_is_true(json_object_get(value, "needs_base")),
            .stale_role = text_of(value, "stale_role"),
            .stale_version = number_of(value, "stale_version"),
            .lowers_threshold = json_is_true(json_object_get(value, "lowers_threshold"))};
        read_lists(&world->known[i], value);
    }
}

enum rc
world_read(struct world *world, json_t *json, struct why *why)
{
    world_done(world);
    world->json = json_incref(json);
    world->now = number_of(json, "now");
    enum rc rc = policy_load(&world->policy, text_of(json, "policy"), why);
    if (rc)
        return rc;

    read_peers(world, json);
    read_states(world, json);
    read_used(world, json);
    read_subjects(world, json);
    read_known(world, json);
    return RC_OK;
}

void
world_done(struct world *world)
{
    for (size_t i = 0; i < world->n_peers; i++)
        free(world->peers[i].gids);
    for (size_t i = 0; i < world->n_states; i++)
        free(world->states[i]);
    for (size_t i = 0; i < world->n_used; i++)
        free(world->used[i]);
    for (size_t i = 0; i < world->n_subjects; i++) {
        subject_freep(&world->subjects[i]);
        bytes_done(&world->documents[i].document.message);
        free(world->documents[i].keys);
    }
    for (size_t i = 0; i < world->n_known; i++) {
        free(world->known[i].tags);
        free(world->known[i].unpublished);
        free(world->known[i].listings);
        known_freep(&world->known[i].gathered);
        message_sign_done(&world->known[i].sign);
    }
    free(world->peers);
    free(world->states);
    free(world->used);
    free(world->documents);
    free(world->subjects);
    free(world->known);
    json_decref(world->problems);
    json_decref(world->json);
    policy_unrefp(&world->policy);
    ledger_closep(&world->ledger);
    seen_freep(&world->seen);
    *world = (struct world){0};
}
