/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/question.h"
#include "client/rotation.h"
#include "client/tag_list.h"
#include "proto/bounds.h"

/* The name of a key that may be the agent's, and its ID. */
static void
put_key(struct bytes *b, const struct signer *signer, const struct keyid *id)
{
    const struct signer_key *key = signer_find_id(signer, id);

    bytes_printf(b, "%s", b->len > 0 ? ", " : "");
    if (key)
        bytes_printf(b, "'%s' (%.16s)", key->name, id->hex);
    else
        bytes_printf(b, "%.16s", id->hex);
}

static enum rc
note_comeback(struct session *session, const struct trust_role *role, const struct tuf_file *file,
    const struct tuf_targets *document, struct why *why)
{
    closing(bytes_done) struct bytes keys = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(bytes_done) struct bytes names = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    struct signer *signer = NULL;

    enum rc rc = session_signer(&signer, session, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < file->n_signatures; i++)
        put_key(&keys, signer, &file->signatures[i].keyid);
    tag_list_add_all(&names, document);
    if (document->n_roles > 0)
        bytes_printf(&names, "; it lists %zu role%s below it", document->n_roles,
            document->n_roles == 1 ? "" : "s");
    rc = bytes_check(&names, why);
    if (rc)
        return rc;

    progress_note(session_progress(session),
        "%s: version %" PRId64
        " comes back to life, %s; it was signed by %s, with %zu target%s: %s",
        role->name, document->version,
        role->problem ? "which does not verify under the keys of now" : "which has expired",
        keys.len > 0 ? bytes_text(&keys) : "nobody", document->n_targets,
        document->n_targets == 1 ? "" : "s", bytes_text(&names));
    return RC_OK;
}

/* What does not verify; nothing of it is believed, but somebody may want to sign it. */
static enum rc
look_at_unverified(struct session *session, const struct trust_role *role, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_targets_freep) struct tuf_targets *document = NULL;

    if (role->unverified.len == 0)
        return fail(why, role->problem, "%s cannot be read: %s", role->name, role->why.text);

    enum rc rc = tuf_file_parse(&file, bytes_span(&role->unverified), TUF_TOLERANT, why);
    if (!rc)
        rc = tuf_targets_parse(&document, bytes_span(&file->message), why);
    if (rc)
        return within(why, RC_UNTRUSTED, "%s", role->name);

    progress_note(session_progress(session), "%s", role->why.text);
    return note_comeback(session, role, file, document, why);
}

/* Say what is signed again; *ret_is_doubtful: it does not verify as it is. */
static enum rc
look_at(bool *ret_is_doubtful, struct session *session, const struct repository *repository,
    const char *name, struct why *why)
{
    const struct trust_role *role = trust_find(repository->trust, name);
    enum rank rank = role_rank(span_of(name));

    if (rank == RANK_SNAPSHOT || rank == RANK_TIMESTAMP)
        return fail(
            why, RC_UNSUPPORTED, "%s: the trust server signs it again when it is due", name);
    if (rank != RANK_TARGETS && rank != RANK_DELEGATION)
        return fail(why, RC_MALFORMED, "'%s': want root, targets or targets/NAME", name);
    if (!role)
        return fail(why, RC_NOT_FOUND,
            "'%s' has no role %s, or a role above it does not verify; see 'countersign delegation "
            "list'",
            repository->name, name);

    if (role->is_mislisted)
        progress_note(session_progress(session),
            "%s: the snapshot lists another file, which the server does not have: version %" PRId64
            ", which it has, is signed again",
            name, role->version);
    if (role->problem) {
        *ret_is_doubtful = true;
        return look_at_unverified(session, role, why);
    }
    if (!role->document)
        return fail(
            why, RC_NOT_FOUND, "nothing is published of %s, so there is nothing to sign", name);

    return role->document->expires_at <= session_now(session)
               ? note_comeback(session, role, role->file, role->document, why)
               : RC_OK;
}

/* What was shown, and nothing that comes meanwhile. */
static struct publish_role
witnessed(const char *name, const struct trust_role *role)
{
    struct publish_role ret = {
        .role = name, .is_renewed = true, .is_witnessed = true, .is_pinned = true};

    digest_of(
        &ret.pinned, role->file ? bytes_span(&role->file->raw) : bytes_span(&role->unverified));
    return ret;
}

static bool
is_named(char *const *names, size_t n, const char *role)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], role))
            return true;

    return false;
}

COMMAND(cmd_witness)
{
    closing(freep) struct publish_role *roles = calloc(n, sizeof *roles);
    struct repository *repository = NULL;
    bool is_doubtful = false, has_root = is_named(&arguments[1], n - 1, "root");
    size_t n_roles = 0;

    if (!roles)
        return fail_memory(why);

    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc) {
        trust_allow_mislisted(repository->trust);
        if (has_root)
            trust_allow_unreadable_root(repository->trust);
        rc = session_update_existing(session, repository, why);
    }
    for (size_t i = 1; !rc && i < n; i++) {
        if (!strcmp(arguments[i], "root"))
            continue;
        rc = look_at(&is_doubtful, session, repository, arguments[i], why);
        bool is_there = false;
        for (size_t k = 0; k < n_roles; k++)
            is_there = is_there || !strcmp(roles[k].role, arguments[i]);
        if (!rc && !is_there)
            roles[n_roles++] = witnessed(arguments[i], trust_find(repository->trust, arguments[i]));
    }
    if (!rc && has_root)
        return n_roles == 0 ? rotation_renew(session, repository, why)
                            : fail(why, RC_USAGE, "root is witnessed in a command of its own");
    if (!rc && is_doubtful)
        rc = question_ask(
            session, "Sign again what nobody who may sign now has signed, as it is", why);
    return rc ? rc : session_publish(session, repository, roles, n_roles, why);
}
