/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/keyid_arg.h"
#include "client/mending.h"
#include "client/pubkey_arg.h"
#include "proto/bounds.h"

static const struct span every_path[] = {{(const uint8_t *)"", 0}};

/* Paths of a command line, or those of a role. */
struct paths {
    struct span list[PATHS_MAX];
    size_t n;
    char *owned[PATHS_MAX]; /* those that had to be decoded */
    size_t n_owned;
};

static void
paths_done(struct paths *paths)
{
    for (size_t i = 0; i < paths->n_owned; i++)
        free(paths->owned[i]);
}

/* "a,b" → two paths; none without the option. */
static enum rc
paths_read(struct paths *ret, const struct options *options, struct why *why)
{
    const char *at = options->values[OPTION_PATHS];

    if (at && options_has(options, OPTION_ALL_PATHS))
        return fail(why, RC_MALFORMED, "--paths and --all-paths exclude each other");

    for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (ret->n == PATHS_MAX)
            return fail(why, RC_TOO_LARGE, "more than %d paths", PATHS_MAX);

        /* An unset variable of a script must not admit every tag. */
        struct span path = {(const uint8_t *)at, strcspn(at, ",")};
        if (path.len == 0)
            return fail(why, RC_MALFORMED,
                "--paths '%s': an empty path admits every tag: say --all-paths if that is meant",
                options->values[OPTION_PATHS]);
        ret->list[ret->n++] = path;
    }
    return RC_OK;
}

/* What is changed: a role, and the one above, whose document lists it. */
struct change_of_role {
    struct session *session;
    struct repository *repository;
    const struct trust_role *role; /* NULL: it is not there */
    const struct trust_role *parent;
};

static enum rc
check_role(const char *name, struct why *why)
{
    return role_rank(span_of(name)) == RANK_DELEGATION
               ? RC_OK
               : fail(why, RC_MALFORMED, "'%s' is no delegation: want targets/NAME", name);
}

/* GUN and ROLE of the command line. */
static enum rc
find_role(struct change_of_role *ret, struct session *session, char **arguments, struct why *why)
{
    struct span name = span_of(arguments[1]);
    *ret = (struct change_of_role){.session = session};

    enum rc rc = session_repository(&ret->repository, session, arguments[0], why);
    if (!rc)
        rc = session_update_existing(session, ret->repository, why);
    if (rc)
        return rc;

    closing(freep) char *parent = span_dup(role_parent(name));
    if (!parent)
        return fail_memory(why);

    ret->role = trust_find(ret->repository->trust, arguments[1]);
    ret->parent = trust_find(ret->repository->trust, parent);
    if (!ret->parent)
        return fail(why, RC_NOT_FOUND,
            "'%s' has no role %s, which would list %s; 'countersign delegation add %s %s KEY' "
            "makes it",
            ret->repository->name, parent, arguments[1], ret->repository->name, parent);
    if (ret->parent->problem)
        return fail(why, RC_UNTRUSTED,
            "nothing is listed below a role that does not verify: %s; 'countersign witness %s %s' "
            "signs it again",
            ret->parent->why.text, ret->repository->name, parent);

    return RC_OK;
}

/* All that the role above may sign: readers heed nothing beyond. */
static enum rc
add_paths_of_parent(struct paths *paths, const struct change_of_role *change, struct why *why)
{
    const struct trust *trust = change->repository->trust;
    const char *parent = change->parent->name;

    if (trust_admits(trust, parent, every_path[0])) {
        paths->list[paths->n++] = every_path[0];
        return RC_OK;
    }

    for (size_t i = 0; i < change->parent->listed->n_paths; i++) {
        closing(bytes_done) struct bytes path = BYTES_INIT(DOCUMENT_MAX_BYTES);
        canon_decode(&path, change->parent->listed->paths[i]);
        char *text = span_dup(bytes_span(&path));
        if (!text)
            return fail_memory(why);

        paths->owned[paths->n_owned++] = text;
        if (trust_admits(trust, parent, span_of(text)) && paths->n < PATHS_MAX)
            paths->list[paths->n++] = span_of(text);
    }
    progress_note(session_progress(change->session),
        "%s may sign some tags only, and so may what is below it", parent);
    return RC_OK;
}

static enum rc
check_paths(const struct paths *paths, const struct change_of_role *change, struct why *why)
{
    for (size_t i = 0; i < paths->n; i++)
        if (!trust_admits(change->repository->trust, change->parent->name, paths->list[i]))
            return fail(why, RC_REFUSED,
                "the paths of '%s' exclude '%.*s' below it; say --paths with longer ones",
                change->parent->name, (int)paths->list[i].len, (const char *)paths->list[i].p);

    return RC_OK;
}

/* The edits are of the document of the role above. */
static enum rc
publish_edits(
    const struct change_of_role *change, const struct edit *edits, size_t n_edits, struct why *why)
{
    closing(mending_done) struct mending mending = {0};
    closing(freep) char *parent = strdup(change->parent->name);
    if (!parent)
        return fail_memory(why);

    const struct publish_role role = {.role = parent, .edits = edits, .n_edits = n_edits};
    enum rc rc = mending_plan(&mending, change->session, change->repository, &role, 1, why);
    return rc ? rc : mending_publish(&mending, change->session, change->repository, why);
}

static enum rc
read_threshold(int64_t *ret, const struct options *options, struct why *why)
{
    const char *text = options->values[OPTION_THRESHOLD];
    if (!text)
        return RC_OK;

    enum rc rc = integer_parse(ret, span_of(text), 1, KEYS_MAX, why);
    return rc ? within(why, RC_USAGE, "--threshold '%s'", text) : RC_OK;
}

COMMAND(cmd_delegation_add)
{
    const struct options *options = session_options(session);
    closing(pubkey_args_done) struct pubkey_args keys = {0};
    closing(paths_done) struct paths paths = {0};
    struct change_of_role change;
    struct edit edit = {.kind = EDIT_DELEGATE, .name = span_of(arguments[1])};

    enum rc rc = check_role(arguments[1], why);
    if (!rc)
        rc = paths_read(&paths, options, why);
    if (!rc)
        rc = read_threshold(&edit.threshold, options, why);
    if (!rc)
        rc = pubkey_args_read(&keys, session, (const char *const *)arguments + 2, n - 2, why);
    if (!rc)
        rc = find_role(&change, session, arguments, why);
    if (rc)
        return rc;

    bool is_all = options_has(options, OPTION_ALL_PATHS);
    if (keys.n == 0 && (!change.role || (paths.n == 0 && !is_all && edit.threshold == 0)))
        return fail(
            why, RC_USAGE, "a key for %s is missing: its PEM file, or agent:NAME", arguments[1]);

    /* A key that is given to a role which is there does not widen its paths. */
    if (is_all || (paths.n == 0 && !change.role))
        rc = add_paths_of_parent(&paths, &change, why);
    else
        rc = check_paths(&paths, &change, why);
    if (rc)
        return rc;

    edit.needs_role = change.role && paths.n == 0; /* alone it would be a role for no tag */
    edit.keys = keys.keys;
    edit.n_keys = keys.n;
    edit.paths = paths.list;
    edit.n_paths = paths.n;
    return publish_edits(&change, &edit, 1, why);
}

static bool
role_has_key(const struct trust_role *role, const struct keyid *id)
{
    const struct edit edit = {.kind = EDIT_REMOVE_KEYS, .ids = id, .n_ids = 1};

    for (size_t i = 0; i < role->listed->n_keyids; i++)
        if (edit_takes_key(&edit, &role->listed->keyids[i],
                tuf_keys_find(role->listed_keys, &role->listed->keyids[i])))
            return true;

    return false;
}

static bool
role_has_path(const struct trust_role *role, struct span path)
{
    for (size_t i = 0; i < role->listed->n_paths; i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        canon_decode(&text, role->listed->paths[i]);
        if (span_eq(bytes_span(&text), path))
            return true;
    }

    return false;
}

/* What is to be removed must be there: who mistypes an ID believes that a key is gone. */
static enum rc
check_removal(const struct trust_role *role, const struct keyid_args *keys,
    const struct paths *paths, struct why *why)
{
    for (size_t i = 0; i < keys->n; i++)
        if (!role_has_key(role, &keys->ids[i]))
            return fail(why, RC_NOT_FOUND,
                "%s has no key %s, so nothing was changed; see 'countersign delegation list'",
                role->name, keys->ids[i].hex);

    for (size_t i = 0; i < paths->n; i++)
        if (!role_has_path(role, paths->list[i]))
            return fail(why, RC_NOT_FOUND,
                "%s has no path '%.*s', so nothing was changed; see 'countersign delegation list'",
                role->name, (int)paths->list[i].len, (const char *)paths->list[i].p);

    return RC_OK;
}

static enum rc
remove_role(const struct change_of_role *change, struct why *why)
{
    closing(freep) char *name = strdup(change->role->name);
    int64_t version = change->role->version;
    if (!name)
        return fail_memory(why);

    const struct edit edit = {.kind = EDIT_REMOVE_ROLE, .name = span_of(name)};
    enum rc rc = publish_edits(change, &edit, 1, why);
    if (!rc && version > 0 && !options_has(session_options(change->session), OPTION_OUT))
        progress_note(session_progress(change->session),
            "%s: the trust server keeps version %" PRId64
            " of its file, which no reader heeds any more",
            name, version);
    return rc;
}

COMMAND(cmd_delegation_remove)
{
    const struct options *options = session_options(session);
    bool is_all = options_has(options, OPTION_ALL_PATHS);
    closing(paths_done) struct paths paths = {0};
    struct keyid_args keys = {0};
    struct change_of_role change;
    struct edit edits[2];
    size_t n_edits = 0;

    enum rc rc = check_role(arguments[1], why);
    if (!rc)
        rc = paths_read(&paths, options, why);
    if (!rc)
        rc = keyid_args_read(&keys, session, (const char *const *)arguments + 2, n - 2, why);
    if (!rc)
        rc = find_role(&change, session, arguments, why);
    if (!rc && !change.role)
        rc = fail(why, RC_NOT_FOUND, "'%s' has no role %s", change.repository->name, arguments[1]);
    if (rc)
        return rc;

    if (keys.n == 0 && paths.n == 0 && !is_all)
        return remove_role(&change, why);

    rc = check_removal(change.role, &keys, &paths, why);
    if (rc)
        return rc;

    if (keys.n > 0)
        edits[n_edits++] = (struct edit){.kind = EDIT_REMOVE_KEYS,
            .name = span_of(arguments[1]),
            .ids = keys.ids,
            .n_ids = keys.n};
    if (paths.n > 0 || is_all)
        edits[n_edits++] = (struct edit){.kind = is_all ? EDIT_SET_PATHS : EDIT_REMOVE_PATHS,
            .name = span_of(arguments[1]),
            .paths = paths.list,
            .n_paths = paths.n};
    return publish_edits(&change, edits, n_edits, why);
}
