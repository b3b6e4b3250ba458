/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "client/command.h"
#include "client/keysource.h"
#include "client/newkey.h"
#include "client/secret.h"
#include "client/stanza.h"
#include "client/token_arg.h"
#include "client/userdir.h"
#include "proto/bounds.h"
#include "proto/privkey.h"

#define ASK_MAX 3 /* times that a passphrase is asked for */

/* One run of the verb. */
struct import {
    struct session *session;
    char *token;
    struct bytes passphrase; /* the last one that fitted, or was given */
    struct newkeys done;
};

static void
import_done(struct import *import)
{
    free(import->token);
    bytes_wipe(&import->passphrase);
    newkeys_done(&import->done);
}

static enum rc
ask(struct import *import, const struct keysource *source, struct why *why)
{
    closing(freep) char *prompt = NULL;

    if (asprintf(&prompt, "passphrase of '%s'%s%.*s", source->path,
            source->file.role.len > 0 ? ", role " : "", (int)source->file.role.len,
            (const char *)source->file.role.p) < 0)
        return fail_memory(why);

    struct secret_question question = {
        .source = session_options(import->session)->values[OPTION_PASSPHRASE],
        .prompt = prompt,
        .option = options_name(OPTION_PASSPHRASE),
    };
    bytes_wipe(&import->passphrase);
    return secret_read(&import->passphrase, &question, why);
}

/* The key, with the passphrase of the one before it if that fits. */
static enum rc
open_key(
    struct privkey **ret, struct import *import, const struct keysource *source, struct why *why)
{
    bool is_asked = !session_options(import->session)->values[OPTION_PASSPHRASE];
    enum rc rc = RC_LOCKED;

    if (!source->file.is_encrypted)
        return privkey_open(ret, &source->file, SPAN(""), why);

    if (import->passphrase.len > 0)
        rc = privkey_open(ret, &source->file, bytes_span(&import->passphrase), why);
    for (int i = 0; rc == RC_LOCKED && i < (is_asked ? ASK_MAX : 1); i++) {
        rc = ask(import, source, why);
        if (rc)
            return rc;

        rc = privkey_open(ret, &source->file, bytes_span(&import->passphrase), why);
    }
    return rc;
}

/* What the file is named by, or lies beside, is about this key. */
static enum rc
check_source(const struct keysource *source, const struct pubkey *pubkey, struct why *why)
{
    const struct keyid *id = pubkey_canonical_id(pubkey);

    if (source->id.hex[0] && !keyid_eq(&source->id, id))
        return fail(
            why, RC_MALFORMED, "it holds key %s, and not the one that it is named by", id->hex);

    if (source->certificate && !keyid_eq(pubkey_canonical_id(source->certificate), id))
        return fail(
            why, RC_MALFORMED, "'%s' is not the certificate of this key", source->certificate_path);

    return RC_OK;
}

static enum rc
send_key(struct import *import, const struct keysource *source, const char *name,
    const struct pubkey *pubkey, struct why *why)
{
    closing(json_decrefp) json_t *parameters =
        json_pack("{s:s,s:s}", "token", import->token, "name", name);
    closing(json_decrefp) json_t *reply = NULL;
    struct agent_call *agent = NULL;
    struct span secrets[] = {bytes_span(&source->text),
        source->file.is_encrypted ? bytes_span(&import->passphrase) : SPAN("")};

    if (!parameters)
        return fail_memory(why);

    enum rc rc = session_agent(&agent, import->session, why);
    if (!rc)
        rc = agent_call_with_secrets(
            &reply, agent, "ImportKey", parameters, secrets, N_ELEMENTS(secrets), why);
    if (rc)
        return rc;

    struct newkey_origin origin = {
        .path = source->path,
        .certificate = source->certificate_path,
        .role = source->file.role,
        .repository = source->file.gun,
        .expected = pubkey_canonical_id(pubkey),
    };
    return newkeys_add(&import->done, reply, &origin, why);
}

/* One that neither the policy nor another key has. */
static enum rc
propose(char **ret, struct import *import, const struct keysource *source, const struct keyid *id,
    struct why *why)
{
    struct signer *signer = NULL;

    enum rc rc = session_signer(&signer, import->session, why);
    if (!rc)
        rc = stanza_name(ret, source->file.role, source->file.gun, NULL, why);
    if (rc)
        return rc;

    if (!signer_find(signer, *ret) && !newkeys_has(&import->done, *ret))
        return RC_OK;

    free(steal(*ret));
    return stanza_name(ret, source->file.role, source->file.gun, id, why);
}

static enum rc
import_one(struct import *import, const char *path, const char *name, struct why *why)
{
    closing(keysource_done) struct keysource source = {0};
    closing(privkey_freep) struct privkey *key = NULL;
    closing(freep) char *proposed = NULL;

    enum rc rc = keysource_load(&source, path, why);
    if (rc)
        return rc;

    rc = open_key(&key, import, &source, why);
    if (!rc)
        rc = check_source(&source, privkey_pubkey(key), why);
    if (!rc && !name) {
        rc = propose(&proposed, import, &source, pubkey_canonical_id(privkey_pubkey(key)), why);
        name = proposed;
    }
    if (!rc && source.is_exposed)
        progress_note(session_progress(import->session),
            "others than its owner may read '%s': a key that they have is worth nothing in a token",
            source.path);
    if (!rc)
        rc = send_key(import, &source, name, privkey_pubkey(key), why);
    /* It is the file that is locked, and no token. */
    return rc ? within(why, rc == RC_LOCKED ? RC_REFUSED : rc, "'%s'", source.path) : RC_OK;
}

static enum rc
begin(struct import *import, struct session *session, struct why *why)
{
    const struct rlimit none = {0, 0};

    *import = (struct import){
        .session = session,
        .passphrase = BYTES_INIT(PASSPHRASE_MAX_BYTES),
        .done = NEWKEYS_INIT,
    };
    if (setrlimit(RLIMIT_CORE, &none)) /* it would hold the key */
        return fail(why, RC_SYSTEM, "cannot forbid core files");

    return token_arg_find(&import->token, session, why);
}

COMMAND(cmd_key_import)
{
    const char *name = session_options(session)->values[OPTION_NAME];
    closing(import_done) struct import import = {0};

    (void)n;
    enum rc rc = begin(&import, session, why);
    if (!rc && !name)
        rc = fail(why, RC_MALFORMED, "--name is missing: the key's name in the policy");
    if (!rc)
        rc = import_one(&import, arguments[0], name, why);
    return newkeys_print(&import.done, session, rc, why);
}

/* Every key below path. What fails is told at once, and the others go on. */
static enum rc
load_path(struct import *import, const char *path, struct why *why)
{
    const char *name = session_options(import->session)->values[OPTION_NAME];
    enum rc first = RC_OK;
    char **paths = NULL;
    size_t n = 0;

    enum rc rc = keysource_find(&paths, &n, path, why);
    if (rc)
        return rc;

    if (name && n > 1)
        first = fail(
            why, RC_MALFORMED, "'%s' holds %zu keys, which cannot all have one --name", path, n);
    for (size_t i = 0; i < n && (!name || n == 1); i++) {
        struct why problem;
        rc = import_one(import, paths[i], name, &problem);
        if (rc && n > 1)
            progress_note(session_progress(import->session), "left out: %s", problem.text);
        if (rc && !first) {
            first = rc;
            *why = problem;
        }
    }
    keysource_paths_free(paths, n);
    return first;
}

/* Where docker and notary keep theirs. */
static enum rc
load_usual(struct import *import, struct why *why)
{
    const char *home = getenv("HOME");
    closing(freep) char *docker = NULL;
    closing(freep) char *notary = NULL;

    enum rc rc = userdir_path(&docker, USERDIR_DOCKER, "trust", why);
    if (!rc && asprintf(&notary, "%s/.notary", home ? home : "") < 0)
        rc = fail_memory(why);
    if (rc)
        return rc;

    const char *const paths[] = {docker, notary};
    enum rc none = RC_NOT_FOUND;
    for (size_t i = 0; i < N_ELEMENTS(paths) && rc == RC_OK; i++) {
        rc = load_path(import, paths[i], why);
        if (rc == RC_OK)
            none = RC_OK;
        if (rc == RC_NOT_FOUND)
            rc = RC_OK;
    }
    return rc ? rc : none;
}

COMMAND(cmd_key_load)
{
    closing(import_done) struct import import = {0};

    enum rc rc = begin(&import, session, why);
    if (!rc && n == 0)
        rc = load_usual(&import, why);
    for (size_t i = 0; !rc && i < n; i++)
        rc = load_path(&import, arguments[i], why);
    return newkeys_print(&import.done, session, rc, why);
}
