/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/door.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "tests/policy_fixture.h"

/* A place in a directory of its own. */
struct site {
    struct policy_fixture directory;
    char path[96];
};

static int
set_up(void **state)
{
    struct site *s = calloc(1, sizeof *s);
    void *directory = NULL;

    assert_non_null(s);
    assert_int_equal(fixture_open(&directory), 0);
    s->directory = *(struct policy_fixture *)directory;
    assert_int_equal(chmod(s->directory.path, 0755), 0);
    snprintf(s->path, sizeof s->path, "%s/agent.sock", s->directory.path);
    *state = s;
    return 0;
}

static int
tear_down(void **state)
{
    struct site *s = *state;
    void *directory = &s->directory;

    fixture_close(&directory);
    free(s);
    return 0;
}

/* Whether it could be opened there. */
static enum rc
try_open(const struct site *s, mode_t mode, struct why *why)
{
    const struct door_place place = {"ci", s->path, mode};
    closing(door_freep) struct door *door = NULL;

    return door_open(&door, &place, why);
}

static void
test_has_its_mode_whatever_the_umask(void **state)
{
    static const mode_t modes[] = {0600, 0660, 0666};
    struct site *s = *state;
    mode_t was = umask(0);

    for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
        const struct door_place place = {"ci", s->path, modes[i]};
        closing(door_freep) struct door *door = NULL;
        struct stat st;

        umask(i == 0 ? 0 : 0077);
        assert_int_equal(door_open(&door, &place, NULL), RC_OK);
        assert_int_equal(umask(0), i == 0 ? 0 : 0077);
        assert_int_equal(lstat(s->path, &st), 0);
        assert_int_equal(st.st_mode, S_IFSOCK | modes[i]);
        assert_string_equal(door->name, "ci");
        assert_false(door->is_shut);
    }
    umask(was);
    assert_int_equal(access(s->path, F_OK), -1); /* it goes with the door */
}

static void
test_is_only_where_nobody_else_could_have_put_it(void **state)
{
    static const struct {
        const char *says;
        mode_t mode;
        const char *problem; /* NULL: none */
    } cases[] = {
        {"its owner alone", 0700, NULL},
        {"others pass through", 0711, NULL},
        {"others look", 0755, NULL},
        {"the group writes", 0770, "writable by others: mode 0770, want 0750"},
        {"all write", 0777, "writable by others: mode 0777, want 0755"},
        {"all write, but not over others", 01777, "writable by others: mode 1777, want 1755"},
    };
    struct site *s = *state;
    struct why why;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        assert_int_equal(chmod(s->directory.path, cases[i].mode), 0);
        enum rc rc = try_open(s, 0600, &why);
        if (rc != (cases[i].problem ? RC_SYSTEM : RC_OK))
            fail_msg("%s: %s", cases[i].says, rc ? why.text : "opened");
        if (cases[i].problem)
            assert_non_null(strstr(why.text, cases[i].problem));
    }

    assert_int_equal(chmod(s->directory.path, 0755), 0);
    if (geteuid() != 0)
        return;

    assert_int_equal(chown(s->directory.path, 10001, 10001), 0);
    assert_int_equal(try_open(s, 0600, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "belongs to uid 10001, want root or 0"));
    assert_int_equal(chown(s->directory.path, 0, 0), 0);
}

static void
test_is_in_no_directory_that_is_a_link_or_missing(void **state)
{
    struct site *s = *state;
    char link[128], inside[192], missing[192];
    struct why why;

    snprintf(link, sizeof link, "%s/link", s->directory.path);
    snprintf(inside, sizeof inside, "%s/agent.sock", link);
    snprintf(missing, sizeof missing, "%s/none/agent.sock", s->directory.path);
    assert_int_equal(symlink(s->directory.path, link), 0);
    const char *const paths[] = {inside, missing};
    for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
        const struct door_place place = {"ci", paths[i], 0600};
        struct door *door = NULL;
        assert_int_equal(door_open(&door, &place, &why), RC_SYSTEM);
        assert_non_null(strstr(why.text, i == 0 ? "it is none, or a link" : "No such file"));
    }
    assert_int_equal(unlink(link), 0);
}

static void
test_replaces_a_socket_that_nobody_listens_on_and_nothing_else(void **state)
{
    struct site *s = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct why why;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", s->path);
    int old = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(old, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(old, 1), 0);
    assert_int_equal(try_open(s, 0600, &why), RC_BUSY);
    assert_non_null(strstr(why.text, "another agent listens"));
    close(old);
    assert_int_equal(try_open(s, 0600, &why), RC_OK);

    fixture_write(&s->directory, "agent.sock", "precious");
    assert_int_equal(try_open(s, 0600, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "exists and is no socket"));
    assert_int_equal(access(s->path, F_OK), 0);
    assert_int_equal(unlink(s->path), 0);

    assert_int_equal(symlink("/dev/null", s->path), 0);
    assert_int_equal(try_open(s, 0600, &why), RC_SYSTEM);
    assert_int_equal(unlink(s->path), 0);
}

/* As a service manager would. */
static int
listen_at(const char *path, mode_t mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(chmod(path, mode), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void
test_is_shut_where_systemd_listens_until_it_was_checked(void **state)
{
    struct site *s = *state;
    closing(door_freep) struct door *door = NULL;
    struct why why;

    int fd = listen_at(s->path, 0600);
    int given = fd;
    assert_int_equal(door_adopt(&door, &fd, "ci", &why), RC_OK);
    assert_int_equal(fd, -1);
    assert_true(door->is_shut);
    assert_true(fcntl(given, F_GETFL) & O_NONBLOCK);
    assert_string_equal(door->path, s->path);

    assert_int_equal(door_check(door, &(struct door_place){"ci", s->path, 0600}, &why), RC_OK);
    assert_int_equal(door_check(door, &(struct door_place){"ci", s->path, 0666}, &why), RC_OK);
    assert_int_equal(
        door_check(door, &(struct door_place){"ci", "/run/other", 0600}, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "and the policy wants '/run/other'"));
    assert_int_equal(chmod(s->path, 0666), 0);
    assert_int_equal(door_check(door, &(struct door_place){"ci", s->path, 0600}, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "has mode 0666, and the policy wants 0600"));
    assert_int_equal(chmod(s->path, 0600), 0);
    assert_int_equal(chmod(s->directory.path, 0777), 0);
    assert_int_equal(door_check(door, &(struct door_place){"ci", s->path, 0600}, &why), RC_SYSTEM);
    assert_int_equal(unlink(s->path), 0);
}

static void
test_takes_nothing_from_systemd_that_does_not_listen(void **state)
{
    struct door *door = NULL;
    struct why why;
    int fds[] = {open("/dev/null", O_RDONLY | O_CLOEXEC), socket(AF_UNIX, SOCK_STREAM, 0),
        socket(AF_UNIX, SOCK_DGRAM, 0)};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
        assert_int_equal(door_adopt(&door, &fds[i], NULL, &why), RC_SYSTEM);
        assert_non_null(strstr(why.text, "no listening Unix socket"));
        assert_int_equal(fds[i], -1);
    }
}

int
main(void)
{
#define SITE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SITE(test_has_its_mode_whatever_the_umask),
        SITE(test_is_only_where_nobody_else_could_have_put_it),
        SITE(test_is_in_no_directory_that_is_a_link_or_missing),
        SITE(test_replaces_a_socket_that_nobody_listens_on_and_nothing_else),
        SITE(test_is_shut_where_systemd_listens_until_it_was_checked),
        cmocka_unit_test(test_takes_nothing_from_systemd_that_does_not_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
