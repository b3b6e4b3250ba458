/* SPDX-License-Identifier: Apache-2.0 */
#include "client/rotation.h"

#include "client/base_keys.h"
#include "client/question.h"
#include "client/server_key.h"
#include "client/table.h"

static enum rc
publish_root(struct session *session, struct repository *repository, const struct root_plan *plan,
    struct why *why)
{
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    struct publication publication;

    enum rc rc = session_publication(&publication, session, repository, NULL, 0, why);
    publication.root = plan;
    if (!rc)
        rc = session_run_publication(&lines, session, &publication, why);
    if (rc)
        return within(why, rc, "%s", repository->name);

    fputs(bytes_text(&lines), stdout);
    return RC_OK;
}

enum rc
rotation_renew(struct session *session, struct repository *repository, struct why *why)
{
    const struct root_plan plan = {.is_renewed = true};

    return publish_root(session, repository, &plan, why);
}

static void
print_key(const char *when, const struct pubkey *key)
{
    printf("root key %s: %s\n  its certificate: %s\n", when, pubkey_canonical_id(key)->hex,
        pubkey_id(key)->hex);
}

static void
add_id(json_t *ids, const struct pubkey *key)
{
    const char *id = pubkey_canonical_id(key)->hex;

    for (size_t i = 0; i < json_array_size(ids); i++)
        if (!strcmp(json_string_value(json_array_get(ids, i)), id))
            return;

    json_array_append_new(ids, json_string(id));
}

/* What daemon.json of Mirantis Container Runtime has to have before, so that neither root is
 * refused. */
static enum rc
print_pinning(const char *repository, const json_t *ids, struct why *why)
{
    json_auto_t *pinning = json_pack(
        "{s:{s:{s:{s:O}}}}", "content-trust", "trust-pinning", "root-keys", repository, ids);

    puts("for daemon.json, before the rotation:");
    return table_print_json(pinning, why);
}

static enum rc
announce(const struct session *session, const struct repository *repository,
    const struct base_keys *keys, struct why *why)
{
    const struct tuf_root *root = trust_root(repository->trust);
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    json_auto_t *ids = json_array();

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (!key)
            continue;
        print_key("now", key);
        add_id(ids, key);
    }
    for (size_t i = 0; i < keys->n; i++) {
        print_key("next", keys->keys[i]);
        add_id(ids, keys->keys[i]);
    }
    enum rc rc = print_pinning(repository->name, ids, why);

    progress_note(session_progress(session),
        "who pins the root of '%s' has to know the new key first: 'roots' in the policies of other "
        "agents, 'root-keys' in daemon.json; 'cert-ids' there are of certificates, and the new one "
        "is another",
        repository->name);
    return rc;
}

static enum rc
run_with_keys(
    struct session *session, struct repository *repository, enum rank rank, struct why *why)
{
    const struct options *options = session_options(session);
    const struct base_keys_choice choice = {
        session, repository, rank, options->keys, options->n_keys};
    closing(base_keys_done) struct base_keys keys = {.n = 0};
    struct root_plan plan = {.is_first = false};

    enum rc rc = base_keys_replace(&keys, &choice, why);
    plan.roles[rank] = (struct root_plan_role){keys.keys, keys.n, 0};
    if (!rc)
        rc = base_keys_threshold(&plan.roles[rank].threshold, session, why);
    if (rc)
        return rc;

    if (root_plan_is_met(&plan, trust_root(repository->trust), NULL))
        return fail(
            why, RC_REFUSED, "'%s' has these keys already; nothing was done", repository->name);

    if (rank == RANK_ROOT)
        rc = announce(session, repository, &keys, why);
    if (!rc && rank == RANK_ROOT)
        rc = question_ask(session, "Rotate the root key", why);
    return rc ? rc : publish_root(session, repository, &plan, why);
}

static enum rc
run_on_server(
    struct session *session, struct repository *repository, enum rank rank, struct why *why)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    struct root_plan plan = {.is_first = false};

    enum rc rc = server_key_make(
        &key, repository->repo, rank == RANK_SNAPSHOT ? "snapshot" : "timestamp", why);
    if (rc)
        return rc;

    plan.roles[rank] = (struct root_plan_role){&key, 1, 1};
    return publish_root(session, repository, &plan, why);
}

enum rc
rotation_run(
    struct session *session, struct repository *repository, enum rank rank, struct why *why)
{
    bool is_of_server = rank == RANK_SNAPSHOT || rank == RANK_TIMESTAMP;

    return is_of_server ? run_on_server(session, repository, rank, why)
                        : run_with_keys(session, repository, rank, why);
}
