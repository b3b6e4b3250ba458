/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of credentials as docker and podman write it; behind it what a credential helper says that
 * the file may name, and the value of NOTARY_AUTH. What is found is in one of them.
 */
#include "client/credentials.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz.h"

#define HOST "localhost:5000"
#define PATH "shop/web"

static char directory[] = "/tmp/countersign-fuzz-XXXXXX";
static char answer_path[64];

static void
remove_all(void)
{
    char path[64];

    snprintf(path, sizeof path, "%s/docker-credential-fuzz", directory);
    unlink(path);
    unlink(answer_path);
    rmdir(directory);
}

static void
write_file(const char *path, struct span text)
{
    FILE *file = fopen(path, "we");

    assert(file && fwrite(text.p, 1, text.len, file) == text.len && !fclose(file));
}

/* The one helper that there is says what is in a file. */
static void
set_up(void)
{
    char path[64], script[128];

    assert(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/docker-credential-fuzz", directory);
    snprintf(answer_path, sizeof answer_path, "%s/answer", directory);
    snprintf(script, sizeof script, "#!/bin/sh\nexec /bin/cat %s\n", answer_path);
    write_file(path, span_of(script));
    assert(!chmod(path, 0700));
    setenv("PATH", directory, true);
    setenv("HOME", "/nonexistent", true);
    for (const char *const *name = (const char *const[]){"DOCKER_CONFIG", "XDG_CONFIG_HOME",
             "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE", NULL};
         *name; name++)
        unsetenv(*name);
    atexit(remove_all);
}

/* Whether the text, or base64 in it, can hold the words. */
static bool
mentions(json_t *value, const char *user, struct span secret)
{
    closing(bytes_done) struct bytes pair = BYTES_INIT(SECRET_MAX_BYTES);
    const char *name = NULL, *text = json_string_value(value);
    json_t *inner = NULL;

    if (text && span_is(secret, text))
        return true;
    if (text && !base64_parse(&pair, span_of(text), NULL)) {
        size_t len = strlen(user);
        return pair.len > len && !memcmp(pair.p, user, len) && pair.p[len] == ':' &&
               memmem(pair.p + len + 1, pair.len - len - 1, secret.p, secret.len);
    }

    json_object_foreach(value, name, inner)
        if (mentions(inner, user, secret))
            return true;
    return false;
}

static void
check(const struct credentials *found, const char *config, struct span answer, const char *auth)
{
    closing(bytes_done) struct bytes none = BYTES_INIT(16);
    struct span secret = bytes_span(&found->secret);

    if (!found->user) {
        assert(secret.len == 0 && !found->is_identity_token);
        return;
    }

    bytes_puts(&none, "");
    if (secret.len == 0)
        secret = bytes_span(&none);
    json_auto_t *file = fuzz_json(span_of(config));
    json_auto_t *said = fuzz_json(answer);
    json_auto_t *given = json_pack("{s:s%}", "auth", auth, strcspn(auth, " \t\r\n"));
    assert(!found->is_identity_token || !*found->user);
    assert(mentions(file, found->user, secret) || mentions(said, found->user, secret) ||
           mentions(given, found->user, secret));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bool is_set_up;
    struct span rest = {data, len};
    struct span first = fuzz_part(&rest), answer = fuzz_part(&rest);

    if (!is_set_up)
        set_up();
    is_set_up = true;

    closing(freep) char *config = fuzz_text(first);
    closing(freep) char *auth = fuzz_text(rest);
    setenv("DOCKER_AUTH_CONFIG", config, true);
    setenv("NOTARY_AUTH", auth, true);
    write_file(answer_path, answer);
    for (int i = 0; i < 3; i++) {
        closing(credentials_done) struct credentials found = CREDENTIALS_INIT;
        const char *host = i == 2 ? "docker.io" : HOST;

        enum rc rc = credentials_find(&found, host, i == 0 ? NULL : PATH, i == 1, NULL);
        assert(rc != RC_SYSTEM && rc != RC_NOT_FOUND && rc != RC_NO_MEMORY);
        assert(!rc || (!found.user && found.secret.len == 0));
        check(&found, config, answer, auth);
    }

    return 0;
}
