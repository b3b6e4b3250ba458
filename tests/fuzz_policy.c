/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole policy: policy.yaml, a file of policy.d and a certificate. One that is taken is complete:
 * names are unique, everything that is named is there, and nothing is beyond its bounds.
 */
#include "agent/policy_describe.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/policy_diff.h"
#include "proto/pattern.h"
#include "tests/fuzz.h"

static char directory[] = "/tmp/countersign-fuzz-XXXXXX";
static const char *const files[] = {"policy.yaml", "policy.d/50-more.yaml", "key.pem"};

/* libfyaml 0.7.12 loses what it has of a document that it then refuses. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static const char *
path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void
remove_all(void)
{
    for (size_t i = 0; i < N_ELEMENTS(files); i++)
        unlink(path_of(files[i]));
    rmdir(path_of("policy.d"));
    rmdir(directory);
}

static void
set_up(void)
{
    assert(mkdtemp(directory));
    umask(077);
    assert(!mkdir(path_of("policy.d"), 0700));
    atexit(remove_all);
}

static void
write_files(struct span rest)
{
    for (size_t i = 0; i < N_ELEMENTS(files); i++) {
        struct span text = fuzz_part(&rest);

        unlink(path_of(files[i]));
        if (i == 1 && text.len == 0)
            continue;

        FILE *file = fopen(path_of(files[i]), "wxe");
        assert(file && fwrite(text.p, 1, text.len, file) == text.len && !fclose(file));
    }
}

static void
check_who(const struct policy_who *who)
{
    for (size_t i = 0; i < who->n_names; i++) {
        const struct policy_name *name = &who->names[i];

        assert(*name->name);
        assert(!name->is_resolved ||
               name->id != (name->is_group ? peer_overflow_gid() : peer_overflow_uid()));
    }
}

static void
check_patterns(char **patterns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert(!pattern_check(patterns[i], NULL));
}

static void
check_key(const struct policy *policy, const struct policy_key *key)
{
    assert(policy_find_key(policy, key->name) == key);
    assert(key->rank != RANK_TIMESTAMP && key->rank < RANK_MAX_);
    assert(key->n_at >= 1 && key->n_scope >= 1);
    for (size_t i = 0; i < key->n_at; i++) {
        assert(policy_find_token(policy, key->at[i].token->name) == key->at[i].token);
        assert(!strncmp(key->at[i].uri, "pkcs11:", 7));
    }
    for (size_t i = 0; i < key->n_scope; i++) {
        const struct policy_scope *scope = &key->scope[i];

        assert(scope->n_repositories >= 1 && scope->n_roles >= 1);
        check_patterns(scope->repositories, scope->n_repositories);
        for (size_t k = 0; k < scope->n_roles; k++) {
            assert(!strncmp(scope->roles[k], "targets/", 8) == (key->rank == RANK_DELEGATION));
            assert(
                key->rank == RANK_DELEGATION || role_rank(span_of(scope->roles[k])) == key->rank);
        }
    }
    if (key->certificate)
        assert(pubkey_is_x509(key->certificate) && pubkey_evp(key->certificate));
}

static void
check_narrowings(const struct policy *policy, const struct policy_grant *grant)
{
    const struct policy_approvals *approvals = &grant->approvals;

    for (size_t i = 0; i < grant->n_sockets; i++)
        assert(grant->sockets[i] >= policy->sockets &&
               grant->sockets[i] < policy->sockets + policy->n_sockets);

    assert(!grant->unit || (*grant->unit && strlen(grant->unit) <= UNIT_NAME_MAX_BYTES));
    assert(grant->quota.n >= 0 && grant->quota.n <= QUOTA_MAX);
    assert((grant->quota.n > 0) == (grant->quota.window_s > 0));
    assert(grant->quota.window_s <= QUOTA_WINDOW_MAX_S);
    assert(approvals->count <= APPROVALS_MAX);
    assert((approvals->count > 0) == (approvals->who.n_names > 0));
    check_who(&approvals->who);
}

static void
check_grant(const struct policy *policy, const struct policy_grant *grant)
{
    assert(grant->n_keys >= 1 && grant->who.n_names + grant->n_sockets >= 1);
    assert(grant->max_validity_s >= 0 && grant->max_validity_s <= VALIDITY_MAX_S);
    check_who(&grant->who);
    check_patterns(grant->repositories, grant->n_repositories);
    check_patterns(grant->tags, grant->n_tags);
    check_narrowings(policy, grant);
    for (size_t i = 0; i < grant->n_keys; i++) {
        assert(policy_find_key(policy, grant->keys[i]->name) == grant->keys[i]);
        assert(policy_grant_has_key(grant, grant->keys[i]));
        assert(!grant->repositories || grant->keys[i]->rank == RANK_ROOT);
        assert(!grant->tags || policy_key_is_single(grant->keys[i]));
    }
}

static void
check_doors(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_sockets; i++) {
        const struct policy_socket *socket = &policy->sockets[i];

        assert(strcmp(socket->name, PEER_MAIN_DOOR) != 0 && policy_is_name(socket->name));
        assert(socket->path[0] == '/' && strlen(socket->path) <= SOCKET_PATH_BYTES);
        assert((socket->mode & 0600) == 0600 && !(socket->mode & ~(mode_t)0666));
        for (size_t k = 0; k < i; k++)
            assert(strcmp(policy->sockets[k].path, socket->path) != 0);
    }
}

static void
check_roots(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_roots; i++) {
        const struct policy_pin_root *root = &policy->roots[i];

        assert(!pattern_check(root->repositories, NULL));
        assert(root->n_keys >= 1 && strlen(root->keys[0].hex) == DIGEST_HEX_LEN);
    }
}

static void
check(const struct policy *policy)
{
    closing(bytes_done) struct bytes described = BYTES_INIT(64 * 1024 * 1024);
    closing(policy_diff_done) struct policy_diff same = {0};
    closing(policy_diff_done) struct policy_diff all = {0};

    for (size_t i = 0; i < policy->n_tokens; i++) {
        const struct policy_token *token = &policy->tokens[i];

        assert(policy_find_token(policy, token->name) == token);
        assert(token->module[0] == '/' && token->workers >= 1 && token->workers <= WORKERS_MAX);
        assert(token->timeout_s >= 1 && token->timeout_s <= TOKEN_TIMEOUT_MAX_S);
        bool has_source = token->pin == POLICY_PIN_CREDENTIAL || token->pin == POLICY_PIN_FILE;
        assert(has_source == (token->pin_source != NULL));
    }
    for (size_t i = 0; i < policy->n_keys; i++)
        check_key(policy, &policy->keys[i]);
    for (size_t i = 0; i < policy->n_grants; i++) {
        check_grant(policy, &policy->grants[i]);
        for (size_t k = 0; k < i; k++)
            assert(strcmp(policy->grants[i].name, policy->grants[k].name) != 0);
    }
    check_who(&policy->admins);
    check_doors(policy);
    check_roots(policy);
    assert(!policy_describe(&described, policy, NULL));
    assert(!bytes_check(&described, NULL));
    assert(!policy_diff_of(&same, policy, policy, NULL));
    assert(same.n == 0);
    assert(!policy_diff_of(&all, NULL, policy, NULL));
    assert(all.n >= policy->n_tokens + policy->n_keys + policy->n_sockets + policy->n_roots);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(policy_unrefp) struct policy *again = NULL;
    static bool is_set_up;
    struct why why = {""};

    if (!is_set_up)
        set_up();
    is_set_up = true;

    write_files((struct span){data, len});
    enum rc rc = policy_load(&policy, path_of("policy.yaml"), &why);
    assert(rc == RC_OK || *why.text);
    if (rc)
        return 0;

    check(policy);
    assert(!policy_load(&again, path_of("policy.yaml"), NULL));
    assert(digest_eq(&policy->digest, &again->digest));
    return 0;
}
