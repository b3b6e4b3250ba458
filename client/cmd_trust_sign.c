/* SPDX-License-Identifier: Apache-2.0 */
#include "client/creation.h"
#include "client/credentials.h"
#include "client/docker_trust.h"
#include "client/engine.h"
#include "client/image_arg.h"
#include "client/push.h"
#include "client/released.h"
#include "client/signer_name.h"
#include "client/signer_role.h"
#include "client/signing.h"
#include "proto/bounds.h"

/*
 * Docker signs once more what is signed under a tag already, and never looks whether the registry
 * holds it; we sign what the registry holds. A tag that nobody has signed comes from the engine,
 * as with docker; but where there is no engine, or it has no such image, the registry is enough.
 */
struct trust_sign {
    struct session *session;
    const char *argument;
    struct image_arg image;
    bool exists;              /* the repository */
    struct released released; /* the tag, as others have signed it */
    bool is_from_engine;
};

static void
sign_done(struct trust_sign *sign)
{
    released_done(&sign->released);
    image_arg_done(&sign->image);
}

static enum rc
read_argument(struct trust_sign *sign, struct why *why)
{
    closing(reference_done) struct reference ref = {0};

    enum rc rc = reference_parse(&ref, sign->argument, why);
    if (rc)
        return rc;

    if (ref.digest)
        return fail(why, RC_MALFORMED, "cannot use a digest reference for IMAGE:TAG");
    if (!ref.tag)
        return fail(why, RC_MALFORMED, "no tag specified for %s", sign->argument);

    return image_arg_parse(&sign->image, sign->session, sign->argument, why);
}

static enum rc
look_at_tag(struct trust_sign *sign, struct why *why)
{
    struct repository *repository = sign->image.repository;

    enum rc rc = session_update(sign->session, repository, why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc)
        return rc;

    sign->exists = true;
    return released_for_docker(&sign->released, trust_role_at(repository->trust, 0),
        trust_n_roles(repository->trust), sign->image.reference.tag, why);
}

/* Where the image is, before anything is made for it. */
static enum rc
find_image(struct trust_sign *sign, struct why *why)
{
    const struct options *options = session_options(sign->session);
    bool is_local = options_has(options, OPTION_LOCAL);
    closing(engine_freep) struct engine *engine = NULL;

    if (sign->released.n > 0 && !is_local)
        return image_arg_fetch(&sign->image, why);

    enum rc rc = engine_new(&engine, options_has(options, OPTION_VERBOSE), why);
    if (!rc)
        rc = engine_find_image(engine, sign->image.name, NULL, why);
    if (!rc || is_local) {
        sign->is_from_engine = !rc;
        return rc;
    }

    if (rc != RC_NOT_FOUND)
        progress_note(
            session_progress(sign->session), "the registry alone is asked: %s", why->text);
    return image_arg_fetch(&sign->image, why);
}

/* The one key that is for signers of that name and for releases; NULL: there is none, or several.
 */
static const struct signer_key *
find_key(const struct signer *signer, const char *repository, const char *name)
{
    const struct signer_key *found = NULL;
    char role[ROLE_MAX_BYTES + 1];

    if (snprintf(role, sizeof role, "targets/%s", name) >= (int)sizeof role)
        return NULL;

    for (size_t i = 0; i < signer_n_keys(signer); i++) {
        const struct signer_key *key = signer_key_at(signer, i);
        if (!signer_may(key, repository, role) || !signer_public(key) ||
            !signer_may(key, repository, "targets/releases"))
            continue;
        if (found)
            return NULL;
        found = key;
    }
    return found;
}

/* Like docker: in a new repository, whoever is logged in to the registry is a signer, if there is a
 * key for one of that name. */
static enum rc
make_signer(const struct trust_sign *sign, struct why *why)
{
    const struct reference *reference = &sign->image.reference;
    closing(credentials_done) struct credentials login = CREDENTIALS_INIT;
    struct repository *repository = sign->image.repository;
    struct signer *signer = NULL;
    struct why problem;

    enum rc rc = credentials_find(&login, reference->host, reference->path, false, why);
    if (!rc)
        rc = session_signer(&signer, sign->session, why);
    if (rc)
        return rc;

    const char *name = login.user ? login.user : "";
    const struct signer_key *key = signer_name_check(name, "signer", &problem)
                                       ? NULL
                                       : find_key(signer, repository->name, name);
    if (!key) {
        progress_note(session_progress(sign->session),
            "'%s' has no signers: there is no one key of yours for signers of the name '%s', who "
            "is "
            "logged in to %s; its own key signs until 'docker trust signer add'",
            repository->name, name, reference->host);
        return RC_OK;
    }

    struct pubkey *keys[] = {signer_public(key)};
    rc = signer_role_add(sign->session, repository, name, keys, N_ELEMENTS(keys), why);
    if (!rc)
        printf("Created signer: %s\n", name);
    return rc;
}

static enum rc
make_repository(const struct trust_sign *sign, struct why *why)
{
    enum rc rc = creation_run(sign->session, sign->image.repository, why);

    if (!rc)
        rc = session_update(sign->session, sign->image.repository, why);
    if (!rc)
        rc = make_signer(sign, why);
    if (!rc)
        printf("Finished initializing signed repository for %s\n", sign->argument);
    return rc;
}

static int
name_cmp(const void *a, const void *b)
{
    const struct trust_role *const *x = a, *const *y = b;

    return strcmp(released_signer(*x), released_signer(*y));
}

/* In docker's words, and then what it would not say. */
static void
tell_existing(const struct trust_sign *sign)
{
    const struct released_row *row = sign->released.rows;
    const struct digest *held = &sign->image.manifest.digest;
    char was[DIGEST_HEX_LEN + 1] = "", is[DIGEST_HEX_LEN + 1];

    if (sign->released.n == 0)
        return;

    if (row->target->hashes.has_sha256)
        digest_hex(was, &row->target->hashes.sha256);
    digest_hex(is, held);
    qsort(row->signers, row->n_signers, sizeof *row->signers, name_cmp);
    printf("Existing signatures for tag %s digest %s from:\n", row->name, was);
    for (size_t i = 0; i < row->n_signers; i++)
        printf("%s%s", i > 0 ? ", " : "", released_signer(row->signers[i]));
    putchar('\n');
    if (strcmp(was, is) != 0)
        progress_note(session_progress(sign->session),
            "%s was signed as sha256:%s; the registry holds sha256:%s now, and that is signed",
            sign->image.name, was, is);
}

static enum rc
sign_registry(const struct trust_sign *sign, struct why *why)
{
    closing(signing_done) struct signing signing = {0};
    struct edit edit = image_arg_edit(&sign->image);
    struct repository *repository = sign->image.repository;

    printf("Signing and pushing trust metadata for %s\n", sign->argument);
    tell_existing(sign);
    enum rc rc = signing_plan(&signing, sign->session, repository, &edit, 1, why);
    return rc ? rc
              : session_publish(sign->session, repository, signing.roles, signing.n_roles, why);
}

static enum rc
push_local(const struct trust_sign *sign, struct why *why)
{
    const struct push_options options = {0};
    char *references[] = {sign->image.name};

    progress_note(session_progress(sign->session),
        "Signing and pushing trust data for local image %s, may overwrite remote trust data",
        sign->argument);
    enum rc rc = push(sign->session, references, N_ELEMENTS(references), &options, why);
    if (!rc)
        puts("Signing and pushing trust metadata");
    return rc;
}

COMMAND(cmd_trust_sign)
{
    closing(sign_done) struct trust_sign sign = {.session = session, .argument = arguments[0]};

    (void)n;
    session_set_results_aside(session);
    enum rc rc = read_argument(&sign, why);
    if (!rc)
        rc = signing_restrict(session, why);
    if (!rc)
        rc = look_at_tag(&sign, why);
    if (!rc)
        rc = find_image(&sign, why);
    if (!rc && !sign.exists)
        rc = make_repository(&sign, why);
    if (rc)
        return rc;

    rc = sign.is_from_engine ? push_local(&sign, why) : sign_registry(&sign, why);
    if (rc)
        return within(why, rc, "failed to sign %s", sign.image.name);

    printf("Successfully signed %s\n", sign.image.name);
    return RC_OK;
}
