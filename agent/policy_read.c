/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_read.h"

#include <ctype.h>

#include "agent/policy_uri.h"
#include "agent/policy_who.h"
#include "proto/bounds.h"
#include "proto/pattern.h"
#include "proto/reference.h"

#define CREDENTIAL "credential:"
#define FILE_PATH  "file:"

enum rc
policy_read_need(
    const struct policy_member *member, const struct policy_entry *entry, struct why *why)
{
    if (member->value)
        return RC_OK;

    return policy_node_fail(entry->name, why, "'%s' has no '%s'", entry->name->text, member->name);
}

enum rc
policy_read_texts(char ***ret, size_t *ret_n, const struct policy_node *node,
    policy_read_check *check, struct why *why)
{
    enum rc rc = policy_node_want_list(node, why);

    for (size_t i = 0; !rc && i < node->n; i++) {
        char **text = mem_grow(ret, *ret_n, sizeof *text, POLICY_ENTRIES_MAX);
        if (!text)
            return fail_memory(why);

        rc = policy_node_dup(text, &node->values[i], why);
        if (rc)
            return rc;

        ++*ret_n;
        rc = policy_node_within(&node->values[i], why, check(*text, why));
        for (size_t j = 0; !rc && j < i; j++)
            if (!strcmp((*ret)[j], *text))
                rc = policy_node_fail(&node->values[i], why, "'%s' is there twice", *text);
    }

    return rc;
}

static enum rc
read_uri(char **ret, const struct policy_node *node, enum policy_uri_kind kind, struct why *why)
{
    enum rc rc = policy_node_dup(ret, node, why);

    return rc ? rc : policy_node_within(node, why, policy_uri_check(*ret, kind, why));
}

static enum rc
read_absolute_path(char **ret, const struct policy_node *node, struct why *why)
{
    enum rc rc = policy_node_dup(ret, node, why);
    if (rc)
        return rc;

    if (**ret != '/')
        return policy_node_fail(node, why, "'%s' is no absolute path", *ret);

    return RC_OK;
}

static enum rc
read_pin(struct policy_token *token, const struct policy_node *node, struct policy_files *files,
    struct why *why)
{
    const char *pin = NULL;

    enum rc rc = policy_node_text(&pin, node, why);
    if (rc)
        return rc;

    if (!strcmp(pin, "prompt")) {
        token->pin = POLICY_PIN_PROMPT;
        return RC_OK;
    }

    bool is_file = !strncmp(pin, FILE_PATH, strlen(FILE_PATH));
    if (!is_file && strncmp(pin, CREDENTIAL, strlen(CREDENTIAL)) != 0)
        return policy_node_fail(node, why,
            "want " CREDENTIAL "NAME, " FILE_PATH
            "PATH or prompt; a PIN itself has no place in a policy");

    const char *source = strchr(pin, ':') + 1;
    token->pin = is_file ? POLICY_PIN_FILE : POLICY_PIN_CREDENTIAL;
    token->pin_source = strdup(source);
    if (!token->pin_source)
        return fail_memory(why);

    if (is_file && *source != '/')
        return policy_node_fail(node, why, "'%s' is no absolute path", source);

    /* systemd.exec(5): the name of a credential is that of a file below $CREDENTIALS_DIRECTORY. */
    if (!is_file && (!*source || *source == '.' || strchr(source, '/')))
        return policy_node_fail(node, why, "'%s' is no name of a credential", source);

    /* In a unit of its own the worker has a user of its own, and checks the file itself. */
    return is_file && !token->worker
               ? policy_node_within(node, why, policy_files_check_secret(files, source, why))
               : RC_OK;
}

static enum rc
read_worker(struct policy_token *token, const struct policy_node *node, struct why *why)
{
    enum rc rc = read_absolute_path(&token->worker, node, why);
    if (rc)
        return rc;

    if (strlen(token->worker) > WORKER_PATH_BYTES)
        return policy_node_fail(node, why, "'%s' is longer than a socket's path can be, %d bytes",
            token->worker, WORKER_PATH_BYTES);

    return RC_OK;
}

/* A worker in a unit of its own is not started by the agent, and is what its unit makes it. */
static enum rc
check_unit_decides(
    const struct policy_token *token, const struct policy_member *member, struct why *why)
{
    if (!token->worker || !member->value)
        return RC_OK;

    return policy_node_fail(member->value, why,
        "beside 'worker', '%s' is what the unit of that socket says; move it there", member->name);
}

static enum rc
read_environment(struct policy_token *token, const struct policy_node *node, struct why *why)
{
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

    enum rc rc = policy_node_want_map(node, why);
    if (rc)
        return rc;

    if (node->n > POLICY_ENVIRONMENT_MAX)
        return policy_node_fail(node, why, "more than %d variables", POLICY_ENVIRONMENT_MAX);

    for (size_t i = 0; i < node->n; i++) {
        const char *name = node->names[i].text, *value = NULL;
        if (isdigit((unsigned char)*name) || name[strspn(name, characters)])
            return policy_node_fail(
                &node->names[i], why, "'%s' is no name of an environment variable", name);

        rc = policy_node_text(&value, &node->values[i], why);
        if (rc)
            return rc;

        if (asprintf(&token->environment[i], "%s=%s", name, value) < 0) {
            token->environment[i] = NULL;
            return fail_memory(why);
        }
    }

    return RC_OK;
}

enum rc
policy_read_token(struct policy_token *token, const struct policy_entry *entry,
    struct policy_files *files, struct why *why)
{
    enum { MODULE, URI, SERIAL, PIN, ENVIRONMENT, WORKERS, WORKER, NETWORK, TIMEOUT, N_MEMBERS };
    static const struct policy_duration timeout = {"sm", "30s or 2m", TOKEN_TIMEOUT_MAX_S};
    struct policy_member m[N_MEMBERS] = {
        [MODULE] = {"module"},
        [URI] = {"uri"},
        [SERIAL] = {"serial"},
        [PIN] = {"pin"},
        [ENVIRONMENT] = {"environment"},
        [WORKERS] = {"workers"},
        [WORKER] = {"worker"},
        [NETWORK] = {"network"},
        [TIMEOUT] = {"timeout"},
    };
    int64_t workers = 1, timeout_s = TOKEN_CALL_TIMEOUT_S;

    token->environment = calloc(POLICY_ENVIRONMENT_MAX + 1, sizeof *token->environment);
    if (!token->environment)
        return fail_memory(why);

    enum rc rc = policy_node_members(m, N_MEMBERS, entry->value, "a token", why);
    if (!rc)
        rc = policy_read_need(&m[MODULE], entry, why);
    if (!rc)
        rc = policy_read_need(&m[URI], entry, why);
    if (!rc)
        rc = read_absolute_path(&token->module, m[MODULE].value, why);
    if (!rc)
        rc = read_uri(&token->uri, m[URI].value, POLICY_URI_TOKEN, why);
    if (!rc && m[SERIAL].value)
        rc = policy_node_dup(&token->serial, m[SERIAL].value, why);
    if (!rc && m[WORKER].value)
        rc = read_worker(token, m[WORKER].value, why);
    if (!rc)
        rc = check_unit_decides(token, &m[ENVIRONMENT], why);
    if (!rc)
        rc = check_unit_decides(token, &m[NETWORK], why);
    if (!rc && m[NETWORK].value)
        rc = policy_node_bool(&token->network, m[NETWORK].value, why);
    if (!rc && m[PIN].value)
        rc = read_pin(token, m[PIN].value, files, why);
    if (!rc && m[ENVIRONMENT].value)
        rc = read_environment(token, m[ENVIRONMENT].value, why);
    if (!rc && m[WORKERS].value)
        rc = policy_node_integer(&workers, m[WORKERS].value, 1, WORKERS_MAX, why);

    if (!rc && m[TIMEOUT].value)
        rc = policy_node_duration(&timeout_s, m[TIMEOUT].value, &timeout, why);

    token->workers = (size_t)workers;
    token->timeout_s = (unsigned)timeout_s;
    return rc;
}

static enum rc
read_place(struct policy_place *place, const struct policy_node *token,
    const struct policy_node *uri, const struct policy *policy, struct why *why)
{
    const char *name = NULL;

    enum rc rc = policy_node_name(&name, token, why);
    if (rc)
        return rc;

    place->token = policy_find_token(policy, name);
    if (!place->token)
        return policy_node_fail(token, why, "there is no token '%s'", name);

    return read_uri(&place->uri, uri, POLICY_URI_KEY, why);
}

static enum rc
read_places(struct policy_key *key, const struct policy_node *node, const struct policy *policy,
    struct why *why)
{
    enum rc rc = policy_node_want_list(node, why);

    for (size_t i = 0; !rc && i < node->n; i++) {
        enum { TOKEN, URI, N_MEMBERS };
        struct policy_member m[N_MEMBERS] = {[TOKEN] = {"token"}, [URI] = {"uri"}};
        const struct policy_node *value = &node->values[i];

        rc = policy_node_members(m, N_MEMBERS, value, "the place of a key", why);
        if (!rc && (!m[TOKEN].value || !m[URI].value))
            rc = policy_node_fail(value, why, "want a token and a uri");
        if (rc)
            return rc;

        struct policy_place *place =
            mem_grow(&key->at, key->n_at, sizeof *place, POLICY_ENTRIES_MAX);
        if (!place)
            return fail_memory(why);

        key->n_at++;
        rc = read_place(place, m[TOKEN].value, m[URI].value, policy, why);
    }

    return rc;
}

enum rc
policy_read_check_repository(const char *text, struct why *why)
{
    closing(freep) char *normal = NULL;

    enum rc rc = pattern_check(text, why);
    if (rc || !pattern_is_literal(text))
        return rc;

    rc = repository_normalise(&normal, text, why);
    if (rc || !strcmp(normal, text))
        return rc;

    return fail(
        why, RC_MALFORMED, "'%s' matches nothing, as its normal form is '%s'", text, normal);
}

/* Literal base roles, patterns only below "targets/". */
static enum rc
check_role(const char *text, struct why *why)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-/*?";
    static const char delegations[] = "targets/";

    enum rank rank = role_rank(span_of(text));
    if (rank == RANK_TIMESTAMP)
        return fail(why, RC_MALFORMED, "role timestamp is never signed: the server keeps its key");

    if (rank != RANK_MAX_)
        return RC_OK;

    enum rc rc = pattern_check(text, why);
    if (rc)
        return rc;

    if (strncmp(text, delegations, strlen(delegations)) != 0 || pattern_is_literal(text))
        return fail(why, RC_MALFORMED,
            "'%s' is no role: want root, targets, snapshot, or targets/ and a name or pattern",
            text);

    if (text[strspn(text, characters)] || strstr(text, "//"))
        return fail(why, RC_MALFORMED,
            "'%s' matches no role: their names have only a-z, 0-9, '_', '-' and single '/'", text);

    return RC_OK;
}

/* All roles of a key have one rank; i: the scope that was read last. */
static enum rc
derive_rank(struct policy_key *key, size_t i, const struct policy_node *roles, struct why *why)
{
    for (size_t j = 0; j < key->scope[i].n_roles; j++) {
        enum rank rank = role_rank(span_of(key->scope[i].roles[j]));
        if (rank == RANK_MAX_)
            rank = RANK_DELEGATION; /* a pattern */

        if ((i > 0 || j > 0) && rank != key->rank)
            return policy_node_fail(&roles->values[j], why,
                "'%s' and '%s' are of different ranks: a key is for root, for targets, for"
                " snapshot, or for delegations",
                key->scope[i].roles[j], key->scope[0].roles[0]);

        key->rank = rank;
    }

    return RC_OK;
}

static enum rc
read_scope(struct policy_key *key, const struct policy_node *node, struct why *why)
{
    enum { REPOSITORIES, ROLES, N_MEMBERS };
    enum rc rc = policy_node_want_list(node, why);

    for (size_t i = 0; !rc && i < node->n; i++) {
        struct policy_member m[N_MEMBERS] = {
            [REPOSITORIES] = {"repositories"}, [ROLES] = {"roles"}};
        const struct policy_node *value = &node->values[i];

        rc = policy_node_members(m, N_MEMBERS, value, "a scope", why);
        if (!rc && (!m[REPOSITORIES].value || !m[ROLES].value))
            rc = policy_node_fail(value, why, "want repositories and roles");
        if (rc)
            return rc;

        struct policy_scope *scope =
            mem_grow(&key->scope, key->n_scope, sizeof *scope, POLICY_ENTRIES_MAX);
        if (!scope)
            return fail_memory(why);

        key->n_scope++;
        rc = policy_read_texts(&scope->repositories, &scope->n_repositories, m[REPOSITORIES].value,
            policy_read_check_repository, why);
        if (!rc)
            rc = policy_read_texts(&scope->roles, &scope->n_roles, m[ROLES].value, check_role, why);
        if (!rc)
            rc = derive_rank(key, i, m[ROLES].value, why);
    }

    return rc;
}

static enum rc
read_certificate(struct policy_key *key, const struct policy_node *node, struct policy_files *files,
    struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    const char *path = NULL;

    enum rc rc = policy_node_text(&path, node, why);
    if (rc)
        return rc;

    rc = policy_files_read(files, path, &text, why);
    if (!rc)
        rc = pubkey_from_pem(&key->certificate, bytes_span(&text), why);
    if (!rc && !pubkey_is_x509(key->certificate))
        rc = fail(why, RC_MALFORMED, "'%s' has a public key, want a certificate", path);

    return policy_node_within(node, why, rc);
}

enum rc
policy_read_key(struct policy_key *key, const struct policy_entry *entry,
    const struct policy *policy, struct policy_files *files, struct why *why)
{
    enum { AT, TOKEN, URI, CERTIFICATE, SCOPE, N_MEMBERS };
    struct policy_member m[N_MEMBERS] = {
        [AT] = {"at"},
        [TOKEN] = {"token"},
        [URI] = {"uri"},
        [CERTIFICATE] = {"certificate"},
        [SCOPE] = {"scope"},
    };

    enum rc rc = policy_node_members(m, N_MEMBERS, entry->value, "a key", why);
    if (rc)
        return rc;

    if (m[AT].value && (m[TOKEN].value || m[URI].value))
        return policy_node_fail(m[AT].value, why,
            "want 'at' or 'token' and 'uri', which is short for one place, not both");

    if (!m[AT].value)
        rc = policy_read_need(&m[TOKEN], entry, why);
    if (!rc && !m[AT].value)
        rc = policy_read_need(&m[URI], entry, why);
    if (!rc)
        rc = policy_read_need(&m[SCOPE], entry, why);
    if (rc)
        return rc;

    if (m[AT].value) {
        rc = read_places(key, m[AT].value, policy, why);
    } else {
        key->at = calloc(1, sizeof *key->at);
        if (!key->at)
            return fail_memory(why);

        key->n_at = 1;
        rc = read_place(key->at, m[TOKEN].value, m[URI].value, policy, why);
    }

    if (!rc)
        rc = read_scope(key, m[SCOPE].value, why);
    if (!rc && m[CERTIFICATE].value)
        rc = read_certificate(key, m[CERTIFICATE].value, files, why);

    return rc;
}
