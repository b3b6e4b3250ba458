/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/policy_fixture.h"

#define POLICY "policy.yaml"

static enum rc
load(const struct policy_fixture *f, struct policy_files **ret, struct why *why)
{
    return policy_files_new(ret, fixture_path(f, POLICY), why);
}

/* That loading fails so, with a sentence that has this in it. */
static void
expect_refusal(const struct policy_fixture *f, enum rc want, const char *text)
{
    closing(policy_files_freep) struct policy_files *files = NULL;
    struct why why = {""};

    enum rc rc = load(f, &files, &why);
    if (rc != want || !strstr(why.text, text))
        fail_msg("want %d '%s', have %d '%s'", want, text, rc, why.text);
    assert_null(files);
}

static void
test_reads_policy_d_in_the_order_of_names(void **state)
{
    closing(policy_files_freep) struct policy_files *files = NULL;
    const struct policy_fixture *f = *state;
    struct why why;

    assert_int_equal(mkdir(fixture_path(f, "policy.d"), 0700), 0);
    fixture_write(f, POLICY, "main");
    fixture_write(f, "policy.d/b.yaml", "b");
    fixture_write(f, "policy.d/10-a.yaml", "a");
    fixture_write(f, "policy.d/9_x.yaml", "x");

    assert_int_equal(load(f, &files, &why), RC_OK);
    assert_int_equal(policy_files_n(files), 4);
    assert_string_equal(policy_files_get(files, 0)->name, "policy.yaml");
    assert_string_equal(bytes_text(&policy_files_get(files, 0)->text), "main");
    assert_string_equal(policy_files_get(files, 1)->name, "policy.d/10-a.yaml");
    assert_string_equal(policy_files_get(files, 2)->name, "policy.d/9_x.yaml");
    assert_string_equal(policy_files_get(files, 3)->name, "policy.d/b.yaml");
    assert_false(policy_files_have_changed(files));
}

static void
test_ignores_hidden_files_and_leftovers_only(void **state)
{
    static const char *const ignored[] = {".hidden.yaml", ".a.yaml.swp", "a.yaml~", "a.yaml.bak",
        "a.yaml.dpkg-old", "a.yaml.dpkg-dist", "a.yaml.rpmnew", "a.yaml.ucf-dist"};
    static const char *const refused[] = {
        "a.yml", "A.yaml", "_a.yaml", "-a.yaml", "a b.yaml", "a.b.yaml", "README", "a"};
    const struct policy_fixture *f = *state;
    char name[64];

    fixture_write(f, POLICY, "main");
    assert_int_equal(mkdir(fixture_path(f, "policy.d"), 0700), 0);
    for (size_t i = 0; i < N_ELEMENTS(ignored); i++) {
        snprintf(name, sizeof name, "policy.d/%s", ignored[i]);
        fixture_write(f, name, "x");
    }

    closing(policy_files_freep) struct policy_files *files = NULL;
    struct why why;
    assert_int_equal(load(f, &files, &why), RC_OK);
    assert_int_equal(policy_files_n(files), 1);

    for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
        snprintf(name, sizeof name, "policy.d/%s", refused[i]);
        fixture_write(f, name, "x");
        expect_refusal(f, RC_MALFORMED, name);
        unlink(fixture_path(f, name));
    }
}

static void
test_says_what_is_missing(void **state)
{
    const struct policy_fixture *f = *state;
    struct policy_files *files = NULL;
    struct why why;

    expect_refusal(f, RC_NOT_FOUND, "policy.yaml does not exist");
    assert_int_equal(policy_files_new(&files, "/no/such/policy.yaml", &why), RC_NOT_FOUND);
}

static void
test_refuses_files_that_others_may_write(void **state)
{
    const struct policy_fixture *f = *state;

    fixture_write(f, POLICY, "main");
    chmod(fixture_path(f, POLICY), 0620);
    expect_refusal(f, RC_DENIED, "policy.yaml has mode 0620");
    chmod(fixture_path(f, POLICY), 0602);
    expect_refusal(f, RC_DENIED, "policy.yaml has mode 0602");
    chmod(fixture_path(f, POLICY), 0644);

    chmod(f->path, 0720);
    expect_refusal(f, RC_DENIED, "has mode 0720");
    chmod(f->path, 01777);
    expect_refusal(f, RC_DENIED, "has mode 1777");
    chmod(f->path, 0700);

    assert_int_equal(mkdir(fixture_path(f, "policy.d"), 0700), 0);
    chmod(fixture_path(f, "policy.d"), 0770);
    expect_refusal(f, RC_DENIED, "policy.d has mode 0770");
    chmod(fixture_path(f, "policy.d"), 0755);

    fixture_write(f, "policy.d/a.yaml", "a");
    chmod(fixture_path(f, "policy.d/a.yaml"), 0666);
    expect_refusal(f, RC_DENIED, "policy.d/a.yaml has mode 0666");
}

static void
test_refuses_files_of_other_users(void **state)
{
    const struct policy_fixture *f = *state;

    if (geteuid() != 0)
        skip();

    fixture_write(f, POLICY, "main");
    assert_int_equal(chown(fixture_path(f, POLICY), 1234, 0), 0);
    expect_refusal(f, RC_DENIED, "policy.yaml belongs to uid 1234");
    assert_int_equal(chown(fixture_path(f, POLICY), 0, 0), 0);
    assert_int_equal(chown(f->path, 1234, 0), 0);
    expect_refusal(f, RC_DENIED, "belongs to uid 1234");
}

static void
test_refuses_links_and_special_files(void **state)
{
    const struct policy_fixture *f = *state;

    fixture_write(f, "real.yaml", "main");
    assert_int_equal(symlink("real.yaml", fixture_path(f, POLICY)), 0);
    expect_refusal(f, RC_DENIED, "policy.yaml is a symbolic link");

    unlink(fixture_path(f, POLICY));
    assert_int_equal(mkfifo(fixture_path(f, POLICY), 0600), 0);
    expect_refusal(f, RC_DENIED, "policy.yaml is no regular file");

    unlink(fixture_path(f, POLICY));
    assert_int_equal(mkdir(fixture_path(f, POLICY), 0700), 0);
    expect_refusal(f, RC_DENIED, "policy.yaml is no regular file");
    rmdir(fixture_path(f, POLICY));

    fixture_write(f, POLICY, "main");
    assert_int_equal(mkdir(fixture_path(f, "real.d"), 0700), 0);
    assert_int_equal(symlink("real.d", fixture_path(f, "policy.d")), 0);
    expect_refusal(f, RC_SYSTEM, "policy.d");
}

static void
test_bounds_the_size(void **state)
{
    const struct policy_fixture *f = *state;
    closing(freep) char *text = malloc(POLICY_FILE_MAX_BYTES + 2);
    closing(policy_files_freep) struct policy_files *files = NULL;
    struct why why;

    assert_non_null(text);
    memset(text, 'x', POLICY_FILE_MAX_BYTES + 1);
    text[POLICY_FILE_MAX_BYTES] = 0;
    fixture_write(f, POLICY, text);
    assert_int_equal(load(f, &files, &why), RC_OK);

    text[POLICY_FILE_MAX_BYTES] = 'x';
    text[POLICY_FILE_MAX_BYTES + 1] = 0;
    fixture_write(f, POLICY, text);
    expect_refusal(f, RC_TOO_LARGE, "policy.yaml");
}

static void
test_reads_other_files_from_the_policys_directory(void **state)
{
    closing(policy_files_freep) struct policy_files *files = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(100);
    const struct policy_fixture *f = *state;
    struct why why;

    fixture_write(f, POLICY, "main");
    assert_int_equal(mkdir(fixture_path(f, "certs"), 0755), 0);
    fixture_write(f, "certs/qa.pem", "PEM");
    assert_int_equal(load(f, &files, &why), RC_OK);

    assert_int_equal(policy_files_read(files, "certs/qa.pem", &text, &why), RC_OK);
    assert_string_equal(bytes_text(&text), "PEM");
    bytes_clear(&text);
    const char *absolute = fixture_path(f, "certs/qa.pem");
    assert_int_equal(policy_files_read(files, absolute, &text, &why), RC_OK);
    assert_string_equal(bytes_text(&text), "PEM");

    assert_int_equal(policy_files_read(files, "certs/no.pem", &text, &why), RC_NOT_FOUND);
    chmod(fixture_path(f, "certs"), 0777);
    assert_int_equal(policy_files_read(files, "certs/qa.pem", &text, &why), RC_DENIED);
}

static void
test_wants_secrets_closed(void **state)
{
    static const struct {
        mode_t mode;
        enum rc want;
    } modes[] = {{0400, RC_OK}, {0600, RC_OK}, {0440, RC_DENIED}, {0604, RC_DENIED},
        {0601, RC_DENIED}, {0620, RC_DENIED}};
    closing(policy_files_freep) struct policy_files *files = NULL;
    const struct policy_fixture *f = *state;
    const char *pin = fixture_path(f, "pin");
    struct why why;

    fixture_write(f, POLICY, "main");
    fixture_write(f, "pin", "1234");
    assert_int_equal(load(f, &files, &why), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
        chmod(pin, modes[i].mode);
        assert_int_equal(policy_files_check_secret(files, pin, &why), modes[i].want);
    }

    unlink(pin);
    assert_int_equal(policy_files_check_secret(files, pin, &why), RC_NOT_FOUND);
    assert_int_equal(symlink(POLICY, pin), 0);
    assert_int_equal(policy_files_check_secret(files, pin, &why), RC_DENIED);
}

static void
digest(const struct policy_fixture *f, struct digest *ret)
{
    closing(policy_files_freep) struct policy_files *files = NULL;
    struct why why;

    assert_int_equal(load(f, &files, &why), RC_OK);
    assert_int_equal(policy_files_digest(ret, files, &why), RC_OK);
}

static void
test_digests_names_and_contents(void **state)
{
    const struct policy_fixture *f = *state;
    struct digest first, again, renamed, other;

    assert_int_equal(mkdir(fixture_path(f, "policy.d"), 0700), 0);
    fixture_write(f, POLICY, "main");
    fixture_write(f, "policy.d/a.yaml", "a");
    digest(f, &first);
    fixture_write(f, POLICY, "main");
    digest(f, &again);
    assert_true(digest_eq(&first, &again));

    rename(fixture_path(f, "policy.d/a.yaml"), fixture_path(f, "policy.d/b.yaml"));
    digest(f, &renamed);
    assert_false(digest_eq(&first, &renamed));
    fixture_write(f, "policy.d/b.yaml", "b");
    digest(f, &other);
    assert_false(digest_eq(&renamed, &other));
}

static void
test_sees_changes(void **state)
{
    static const char *const changes[] = {"policy.yaml", "policy.d/a.yaml", "policy.d/new.yaml"};
    const struct policy_fixture *f = *state;
    struct why why;

    for (size_t i = 0; i < N_ELEMENTS(changes); i++) {
        closing(policy_files_freep) struct policy_files *files = NULL;

        fixture_write(f, POLICY, "main");
        mkdir(fixture_path(f, "policy.d"), 0700);
        fixture_write(f, "policy.d/a.yaml", "a");
        assert_int_equal(load(f, &files, &why), RC_OK);
        assert_false(policy_files_have_changed(files));
        fixture_write(f, changes[i], "other");
        assert_true(policy_files_have_changed(files));
    }
}

static void
test_sees_that_policy_d_appears(void **state)
{
    closing(policy_files_freep) struct policy_files *files = NULL;
    const struct policy_fixture *f = *state;
    struct why why;

    fixture_write(f, POLICY, "main");
    assert_int_equal(load(f, &files, &why), RC_OK);
    mkdir(fixture_path(f, "policy.d"), 0700);
    assert_true(policy_files_have_changed(files));
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_reads_policy_d_in_the_order_of_names),
        IN_A_DIRECTORY(test_ignores_hidden_files_and_leftovers_only),
        IN_A_DIRECTORY(test_says_what_is_missing),
        IN_A_DIRECTORY(test_refuses_files_that_others_may_write),
        IN_A_DIRECTORY(test_refuses_files_of_other_users),
        IN_A_DIRECTORY(test_refuses_links_and_special_files),
        IN_A_DIRECTORY(test_bounds_the_size),
        IN_A_DIRECTORY(test_reads_other_files_from_the_policys_directory),
        IN_A_DIRECTORY(test_wants_secrets_closed),
        IN_A_DIRECTORY(test_digests_names_and_contents),
        IN_A_DIRECTORY(test_sees_changes),
        IN_A_DIRECTORY(test_sees_that_policy_d_appears),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
