/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/doors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "tests/policy_fixture.h"

/* Doors in a directory of its own, and all that was said of them. */
struct house {
    struct policy_fixture directory;
    sd_event *event;
    struct doors *doors;
    char said[1024];
};

static void
say(struct house *h, const char *what, const char *name)
{
    size_t len = strlen(h->said);

    snprintf(h->said + len, sizeof h->said - len, "%s%s %s", len ? ", " : "", what, name);
}

static void
assert_said(struct house *h, const char *want)
{
    while (sd_event_run(h->event, 0) > 0)
        ;
    assert_string_equal(h->said, want);
    h->said[0] = 0;
}

static void
on_knock(void *userdata, const struct door *door)
{
    char name[64];

    closing(fd_close) int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    snprintf(name, sizeof name, "%s %u", door->name ? door->name : "main", door->number);
    say(userdata, "knock", name);
}

static void
on_closed(void *userdata, uint32_t number)
{
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    say(userdata, "out", text);
}

static void
on_told(void *userdata, enum doors_news news, const char *name, const char *detail)
{
    static const char *const words[] = {
        [DOORS_OPENED] = "open", [DOORS_CLOSED] = "closed", [DOORS_FAILED] = "failed"};

    assert_true(strlen(detail) > 0);
    say(userdata, words[news], name);
}

static enum rc
make(struct house *h, const char *path, struct why *why)
{
    const struct doors_owner owner = {h, on_knock, on_closed, on_told};

    return doors_new(&h->doors, h->event, path, &owner, why);
}

static int
set_up(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    void *directory = NULL;

    assert_non_null(h);
    assert_int_equal(fixture_open(&directory), 0);
    h->directory = *(struct policy_fixture *)directory;
    assert_int_equal(chmod(h->directory.path, 0755), 0);
    assert_true(sd_event_new(&h->event) >= 0);
    *state = h;
    return 0;
}

static int
tear_down(void **state)
{
    struct house *h = *state;
    void *directory = &h->directory;

    doors_free(h->doors);
    sd_event_unref(h->event);
    fixture_close(&directory);
    free(h);
    return 0;
}

static void
start(struct house *h)
{
    struct why why;

    if (make(h, fixture_path(&h->directory, "main"), &why) || doors_start(h->doors, &why))
        fail_msg("%s", why.text);
}

/* A policy with these sockets: a NULL path ends them. */
struct wish {
    const char *name, *path;
    mode_t mode;
};

static void
follow(struct house *h, const struct wish *wishes)
{
    struct policy_socket sockets[4] = {0};
    struct policy policy = {.sockets = sockets};

    for (; wishes->path; wishes++) {
        struct policy_socket *s = &sockets[policy.n_sockets++];
        s->name = strdup(wishes->name);
        s->path = strdup(fixture_path(&h->directory, wishes->path));
        s->mode = wishes->mode;
    }
    doors_follow(h->doors, &policy);
    for (size_t i = 0; i < policy.n_sockets; i++) {
        free(sockets[i].name);
        free(sockets[i].path);
    }
}

/* Whether somebody listens there; whoever does is told. */
static bool
knock(struct house *h, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    closing(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture_path(&h->directory, path));
    return !connect(fd, (const struct sockaddr *)&address, sizeof address);
}

static void
test_follows_the_policy(void **state)
{
    struct house *h = *state;

    start(h);
    assert_true(knock(h, "main"));
    assert_said(h, "knock main 0");
    follow(h, (struct wish[]){{"a", "A", 0600}, {"b", "B", 0666}, {0}});
    assert_said(h, "open a, open b");
    assert_true(knock(h, "A"));
    assert_said(h, "knock a 1");
    assert_true(knock(h, "B"));
    assert_said(h, "knock b 2");

    follow(h, (struct wish[]){{"b", "B", 0666}, {"a", "A", 0600}, {0}}); /* the same */
    assert_said(h, "");
    follow(h, (struct wish[]){{"b", "B", 0666}, {0}});
    assert_said(h, "out 1, closed a");
    assert_false(knock(h, "A"));
    assert_int_equal(access(fixture_path(&h->directory, "A"), F_OK), -1);

    follow(h, (struct wish[]){{"b", "B", 0600}, {"a", "A", 0600}, {0}});
    assert_said(h, "out 2, closed b, open b, open a");
    assert_true(knock(h, "A"));
    assert_said(h, "knock a 4");
    assert_true(knock(h, "B"));
    assert_said(h, "knock b 3");

    doors_free(steal(h->doors));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            access(fixture_path(&h->directory, (const char *[]){"A", "B", "main"}[i]), F_OK), -1);
}

static void
test_gives_the_path_of_one_to_another(void **state)
{
    struct house *h = *state;

    start(h);
    follow(h, (struct wish[]){{"a", "A", 0600}, {"b", "B", 0600}, {0}});
    assert_said(h, "open a, open b");
    follow(h, (struct wish[]){{"a", "B", 0600}, {"b", "A", 0600}, {0}});
    assert_said(h, "out 1, closed a, out 2, closed b, open a, open b");
    assert_true(knock(h, "A"));
    assert_said(h, "knock b 4");
}

static void
test_goes_on_without_one_that_cannot_be_opened(void **state)
{
    struct house *h = *state;

    start(h);
    fixture_write(&h->directory, "A", "precious");
    follow(h, (struct wish[]){{"a", "A", 0600}, {"b", "B", 0600}, {0}});
    assert_said(h, "failed a, open b");
    assert_false(doors_is_open(h->doors, "a"));
    assert_true(doors_is_open(h->doors, "b"));
    follow(h, (struct wish[]){{"a", "A", 0600}, {"b", "B", 0600}, {0}});
    assert_said(h, "failed a");
    assert_int_equal(unlink(fixture_path(&h->directory, "A")), 0);
    follow(h, (struct wish[]){{"a", "A", 0600}, {"b", "B", 0600}, {0}});
    assert_said(h, "open a");
}

static void
test_has_a_main_door_or_none(void **state)
{
    struct house *h = *state;
    struct why why;

    fixture_write(&h->directory, "main", "precious");
    assert_int_equal(make(h, fixture_path(&h->directory, "main"), &why), RC_SYSTEM);
    assert_null(h->doors);
}

/* What systemd passes, which is more than there is: descriptors 3, 4, … of a process of its own,
 * under these names; NULL: it says none. The exit status of body(). */
static int
as_activated(struct house *h, const char *names, size_t n, int (*body)(struct house *h))
{
    int fds[3], status = -1;

    for (size_t i = 0; i < n; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s/%zu", h->directory.path, i);
        (void)unlink(address.sun_path);
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fds[i], (const struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(chmod(address.sun_path, 0600), 0);
        assert_int_equal(listen(fds[i], 8), 0);
    }

    pid_t child = fork();
    if (child == 0) {
        char pid[32], count[8];
        for (size_t i = n; i > 0; i--) /* beyond those that they are put to */
            fds[i - 1] = dup2(fds[i - 1], 100 + (int)i);
        for (size_t i = 0; i < n; i++)
            (void)dup2(fds[i], 3 + (int)i);
        snprintf(pid, sizeof pid, "%d", getpid());
        snprintf(count, sizeof count, "%zu", n);
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", count, 1);
        if (names)
            setenv("LISTEN_FDNAMES", names, 1);
        if (sd_event_new(&h->event) < 0)
            _exit(99);
        _exit(body(h));
    }

    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static bool
has_said(struct house *h, const char *want)
{
    while (sd_event_run(h->event, 0) > 0)
        ;
    bool has = !strcmp(h->said, want);
    if (!has)
        fprintf(stderr, "said '%s', want '%s'\n", h->said, want);
    h->said[0] = 0;
    return has;
}

static int
serve_passed(struct house *h)
{
    if (make(h, "/nonexistent", NULL) || doors_start(h->doors, NULL))
        return 1;

    if (strcmp(doors_main_path(h->doors), fixture_path(&h->directory, "1")) != 0)
        return 2;

    /* Nobody is let in before the policy has it, there, and with that mode. */
    if (!knock(h, "0") || !knock(h, "2") || !knock(h, "1") || !has_said(h, "knock main 0"))
        return 3;

    follow(h, (struct wish[]){{"ci", "elsewhere", 0600}, {0}});
    if (!has_said(h, "failed ci, failed other") || !knock(h, "0") || !has_said(h, "") ||
        doors_is_open(h->doors, "ci"))
        return 4;

    follow(h, (struct wish[]){{"ci", "0", 0600}, {0}});
    if (!has_said(h, "open ci, failed other") || !knock(h, "0") || !has_said(h, "knock ci 1"))
        return 5;

    follow(h, (struct wish[]){{"other", "2", 0666}, {0}});
    if (!has_said(h, "failed ci, out 1, open other") || !knock(h, "0") || !knock(h, "2") ||
        !has_said(h, "knock other 2"))
        return 6;

    doors_free(steal(h->doors));
    return access(fixture_path(&h->directory, "0"), F_OK) ? 7 : 0; /* the file is systemd's */
}

static int
refuse_passed(struct house *h)
{
    struct why why;

    return make(h, "/nonexistent", &why) == RC_SYSTEM ? 0 : 1;
}

static void
test_takes_what_systemd_passes_by_name(void **state)
{
    static const struct {
        const char *says, *names;
        size_t n;
        int (*body)(struct house *h);
    } cases[] = {
        {"by its unit", "ci:countersign-agent.socket:other", 3, serve_passed},
        {"by name", "ci:agent:other", 3, serve_passed},
        {"no main one", "ci:other", 2, refuse_passed},
        {"two main ones", "agent:countersign-agent.socket", 2, refuse_passed},
        {"two of one name", "agent:ci:ci", 3, refuse_passed},
        {"several without names", NULL, 2, refuse_passed},
    };
    struct house *h = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        int status = as_activated(h, cases[i].names, cases[i].n, cases[i].body);
        if (status != 0)
            fail_msg("%s: %d", cases[i].says, status);
    }
}

int
main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HOUSE(test_follows_the_policy),
        HOUSE(test_gives_the_path_of_one_to_another),
        HOUSE(test_goes_on_without_one_that_cannot_be_opened),
        HOUSE(test_has_a_main_door_or_none),
        HOUSE(test_takes_what_systemd_passes_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
