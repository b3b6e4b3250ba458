/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registries and trust servers answer, token servers included. A manifest is what its digest
 * says, a key is the one that was sent, and no password goes where it must not.
 */
#include "client/registry.h"
#include "client/repo.h"
#include "client/server_key.h"
#include "tests/fuzz.h"
#include "tests/softhttp.h"

#define HOST     "registry.example.com"
#define PATH     "shop/web"
#define REPO     HOST "/" PATH
#define PASSWORD "secret"

static void
set_up(void)
{
    setenv("HOME", "/nonexistent", true);
    setenv("DOCKER_AUTH_CONFIG",
        "{\"auths\":{\"" HOST "\":{\"username\":\"alice\",\"password\":\"" PASSWORD "\"}}}", true);
    unsetenv("DOCKER_CONFIG");
    unsetenv("XDG_CONFIG_HOME");
}

/* Both servers are https, so whoever is told the password is too. */
static void
check_asked(void)
{
    assert(softhttp_n_asked() <= 16);
    for (size_t i = 0; i < softhttp_n_asked(); i++)
        if (softhttp_asked(i)->has_authorization)
            assert(!strncasecmp(softhttp_asked(i)->url, "https://", 8));
    softhttp_end();
}

static void
check_registry(struct span answers)
{
    closing(registry_freep) struct registry *registry = NULL;
    struct registry_manifest manifest = {0};
    struct digest digest;
    struct why why = {""};

    assert(!registry_new(&registry, HOST, false, NULL));
    softhttp_start(answers);
    enum rc rc = registry_manifest(&manifest, registry, PATH, "v1", &why);
    if (rc) {
        assert(rc == RC_NETWORK || rc == RC_NOT_FOUND || rc == RC_UNTRUSTED);
        assert(*why.text);
        assert(!strstr(why.text, PASSWORD) || memmem(answers.p, answers.len, PASSWORD, 6));
    } else {
        digest_of(&digest, softhttp_body());
        assert(digest_eq(&digest, &manifest.digest));
        assert(manifest.size == (int64_t)softhttp_body().len);
    }
    check_asked();
}

static void
check_key(struct repo *repo, struct span answers)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    closing(bytes_done) struct bytes base64 = BYTES_INIT(2 * 64 * 1024);
    struct why why = {""};

    softhttp_start(answers);
    enum rc rc = server_key_get(&key, repo, "snapshot", &why);
    if (rc) {
        assert(rc == RC_NETWORK || rc == RC_TOO_LARGE);
    } else {
        json_auto_t *object = fuzz_json(softhttp_body());
        const json_t *keyval = json_object_get(object, "keyval");

        bytes_put_base64(&base64, pubkey_public(key));
        assert(span_is(pubkey_keytype(key), json_string_value(json_object_get(object, "keytype"))));
        assert(!strcmp(bytes_text(&base64), json_string_value(json_object_get(keyval, "public"))));
    }
    check_asked();
}

static void
check_file(struct repo *repo, struct span answers)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(1024 * 1024);
    struct why why = {""};

    softhttp_start(answers);
    enum rc rc = repo_get(&file, repo, "timestamp", 1024 * 1024, &why);
    assert(!rc || rc == RC_NETWORK || rc == RC_NOT_FOUND);
    assert(rc ? file.len == 0 : span_eq(bytes_span(&file), softhttp_body()));
    check_asked();
}

static void
check_publish(struct repo *repo, struct span answers)
{
    const struct repo_upload upload = {"targets", SPAN("{}")};
    struct why why = {""};

    softhttp_start(answers);
    enum rc rc = repo_publish(repo, &upload, 1, &why);
    assert(!rc || rc == RC_NETWORK || rc == RC_CONFLICT || rc == RC_TIMEOUT);
    assert(!rc || *why.text);
    check_asked();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(repo_server_freep) struct repo_server *server = NULL;
    closing(repo_freep) struct repo *repo = NULL;
    const struct repo_server_options options = {.url = "https://trust.example.com"};
    struct span answers = {data, len};

    set_up();
    assert(!repo_server_new(&server, &options, HOST, NULL));
    assert(!repo_new(&repo, server, REPO, NULL));
    check_registry(answers);
    check_key(repo, answers);
    check_file(repo, answers);
    check_publish(repo, answers);
    return 0;
}
