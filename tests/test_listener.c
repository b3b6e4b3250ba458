/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/policy_fixture.h"

#define STRANGER_UID 20000 /* and those above */
#define KNOWN_UID    10000 /* and those above */

/* A socket in a directory of its own. */
struct house {
    struct policy_fixture directory;
    char path[96];
    sd_event *event;
    struct listener *listener;
    int n_called;
};

static void
on_called(void *userdata, struct conn *conn, const struct message_call *call)
{
    struct house *h = userdata;

    (void)call;
    h->n_called++;
    conn_reply(conn, json_object());
}

static void
on_garbled(void *userdata, struct conn *conn)
{
    (void)userdata;
    (void)conn;
}

static bool
knows(void *userdata, const struct peer *peer)
{
    (void)userdata;
    return peer->uid < STRANGER_UID;
}

static enum rc
make(struct house *h, const char *path, struct why *why)
{
    struct listener_owner owner = {h, on_called, on_garbled, knows};
    struct listener *listener = NULL;

    enum rc rc = listener_new(&listener, h->event, path, &owner, why);
    if (!rc)
        h->listener = listener;
    return rc;
}

static int
set_up(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    struct rlimit files;
    void *directory = NULL;
    struct why why;

    assert_non_null(h);
    assert_int_equal(fixture_open(&directory), 0);
    h->directory = *(struct policy_fixture *)directory;
    assert_int_equal(chmod(h->directory.path, 0755), 0);
    snprintf(h->path, sizeof h->path, "%s/agent.sock", h->directory.path);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);

    assert_true(sd_event_new(&h->event) >= 0);
    assert_int_equal(make(h, h->path, &why), RC_OK);
    assert_int_equal(listener_start(h->listener, &why), RC_OK);
    *state = h;
    return 0;
}

static int
tear_down(void **state)
{
    struct house *h = *state;
    void *directory = &h->directory;

    listener_free(h->listener);
    sd_event_unref(h->event);
    fixture_close(&directory);
    free(h);
    return 0;
}

static void
pump(struct house *h)
{
    int n = 1;

    while (n > 0)
        n = sd_event_run(h->event, 0);
    assert_int_equal(n, 0);
}

static int
dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        fd_close(&fd);
    return fd;
}

/* As another user, whom the kernel names to the other side. */
static int
dial_as(struct house *h, uid_t uid)
{
    assert_int_equal(seteuid(uid), 0);
    int fd = dial(h->path);
    assert_int_equal(seteuid(0), 0);
    assert_true(fd >= 0);
    pump(h);
    return fd;
}

static void
skip_unless_root(void)
{
    if (geteuid() != 0)
        skip(); /* needs root, to become other users */
}

/* Whether the connection is there: nothing is said to it, and it has not ended. */
static bool
is_open(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void
assert_busy(int fd, const char *bound)
{
    char text[256] = "", want[256];
    int retry_ms = strcmp(bound, "CONN_MAX_PER_UID") ? BUSY_RETRY_MS : BUSY_RETRY_MAX_MS;

    snprintf(want, sizeof want,
        "{\"error\":\"org.countersign.Agent.Busy\","
        "\"parameters\":{\"bound\":\"%s\",\"retry_after_ms\":%d}}",
        bound, retry_ms);
    assert_true(recv(fd, text, sizeof text - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(text, want);
    assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), 0);
}

static void
call(struct house *h, int fd)
{
    static const char frame[] = "{\"method\":\"a.B\"}", want[] = "{\"parameters\":{}}";
    char text[64];
    int before = h->n_called;

    assert_int_equal(send(fd, frame, sizeof frame, MSG_NOSIGNAL), sizeof frame);
    pump(h);
    assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), sizeof want);
    assert_string_equal(text, want);
    assert_int_equal(h->n_called, before + 1);
}

static void
test_makes_a_socket_for_everybody_and_removes_it(void **state)
{
    struct house *h = *state;
    struct stat st;

    assert_string_equal(listener_path(h->listener), h->path);
    assert_int_equal(stat(h->path, &st), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0666);

    closing(fd_close) int fd = dial(h->path);
    call(h, fd);
    listener_free(steal(h->listener));
    assert_int_equal(stat(h->path, &st), -1);
    assert_false(is_open(fd));
}

static void
test_leaves_the_socket_of_another_agent_alone(void **state)
{
    struct house *h = *state;
    struct listener *own = h->listener;
    struct why why;

    assert_int_equal(make(h, h->path, &why), RC_BUSY);
    assert_non_null(strstr(why.text, "another agent listens"));
    assert_ptr_equal(h->listener, own);
    closing(fd_close) int fd = dial(h->path);
    call(h, fd);
}

static void
test_replaces_a_socket_that_nobody_listens_on(void **state)
{
    struct house *h = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    listener_free(steal(h->listener));
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", h->path);
    assert_int_equal(bind(dead, (const struct sockaddr *)&address, sizeof address), 0);
    fd_close(&dead);

    assert_int_equal(make(h, h->path, NULL), RC_OK);
    assert_int_equal(listener_start(h->listener, NULL), RC_OK);
    closing(fd_close) int fd = dial(h->path);
    call(h, fd);
}

static void
test_refuses_paths_that_are_no_place_for_a_socket(void **state)
{
    struct house *h = *state;
    char path[256];
    struct why why;

    listener_free(steal(h->listener));
    fixture_write(&h->directory, "file", "precious");
    assert_int_equal(make(h, fixture_path(&h->directory, "file"), &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "exists and is no socket"));
    assert_int_equal(make(h, fixture_path(&h->directory, "none/agent.sock"), &why), RC_SYSTEM);

    size_t max = sizeof((struct sockaddr_un *)0)->sun_path;
    snprintf(path, sizeof path, "%s/%0*d", h->directory.path,
        (int)(max - strlen(h->directory.path) - 1), 0);
    assert_int_equal(strlen(path), max);
    assert_int_equal(make(h, path, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "longer than"));
    path[max - 1] = 0;
    assert_int_equal(make(h, path, &why), RC_OK);
}

/* In a process of its own: descriptor 3 is what systemd passes. */
static void
listen_as_activated(struct house *h, int fd)
{
    char pid[32];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (dup2(fd, 3) != 3 || setenv("LISTEN_PID", pid, 1) || setenv("LISTEN_FDS", "1", 1))
        _exit(2);
    /* The parent's does not survive fork(), and 3 may have been its. */
    if (sd_event_new(&h->event) < 0)
        _exit(1);
    if (make(h, "/nonexistent", NULL) || listener_start(h->listener, NULL))
        _exit(3);
    if (strcmp(listener_path(h->listener), h->path) != 0)
        _exit(4);
    while (h->n_called < 2)
        if (sd_event_run(h->event, UINT64_MAX) < 0)
            _exit(5);
    while (sd_event_run(h->event, 0) > 0)
        ;
    listener_free(h->listener);
    _exit(access(h->path, F_OK) == 0 ? 0 : 6); /* the file is systemd's */
}

static void
test_takes_the_socket_that_systemd_passes(void **state)
{
    static const char frame[] = "{\"method\":\"a.B\"}";
    struct house *h = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status = -1;
    char text[64];

    listener_free(steal(h->listener));
    snprintf(address.sun_path, sizeof address.sun_path, "%s", h->path);
    closing(fd_close) int passed = socket(AF_UNIX, SOCK_STREAM, 0); /* which may block */
    assert_int_equal(bind(passed, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(passed, 8), 0);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        listen_as_activated(h, passed);
    fd_close(&passed);

    /* Two, one after the other: who waits in accept() for a third serves neither. */
    for (int i = 0; i < 2; i++) {
        closing(fd_close) int fd = dial(h->path);
        assert_int_equal(send(fd, frame, sizeof frame, MSG_NOSIGNAL), sizeof frame);
        assert_true(recv(fd, text, sizeof text, 0) > 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_bounds_the_connections_of_a_user(void **state)
{
    struct house *h = *state;
    int fds[CONN_MAX_PER_UID];

    for (size_t i = 0; i < CONN_MAX_PER_UID; i++)
        fds[i] = dial(h->path);
    pump(h);
    for (size_t i = 0; i < CONN_MAX_PER_UID; i++)
        assert_true(is_open(fds[i]));

    closing(fd_close) int over = dial(h->path);
    pump(h);
    assert_busy(over, "CONN_MAX_PER_UID");

    fd_close(&fds[0]);
    pump(h);
    fds[0] = dial(h->path);
    call(h, fds[0]);
    for (size_t i = 0; i < CONN_MAX_PER_UID; i++)
        fd_close(&fds[i]);
}

/* Root of a container is uid 0, too. */
static void
test_bounds_a_user_at_each_door_alone(void **state)
{
    struct house *h = *state;
    struct policy_socket socket = {(char *)"ci", strdup(fixture_path(&h->directory, "ci")), 0600};
    const struct policy with = {.sockets = &socket, .n_sockets = 1}, without = {0};
    int fds[CONN_MAX_PER_UID];

    listener_follow(h->listener, &with);
    for (size_t i = 0; i < CONN_MAX_PER_UID; i++)
        fds[i] = dial(socket.path);
    pump(h);
    closing(fd_close) int over = dial(socket.path), main_one = dial(h->path);
    pump(h);
    assert_busy(over, "CONN_MAX_PER_UID");
    call(h, main_one);
    call(h, fds[0]);

    listener_follow(h->listener, &without);
    pump(h);
    for (size_t i = 0; i < CONN_MAX_PER_UID; i++) {
        assert_false(is_open(fds[i]));
        fd_close(&fds[i]);
    }
    call(h, main_one);
    free(socket.path);
}

static void
test_bounds_strangers_more_narrowly(void **state)
{
    struct house *h = *state;
    static char large[FRAME_SMALL_MAX_BYTES + 1];
    int fds[CONN_MAX_PER_STRANGER];
    char text[256] = "";

    skip_unless_root();
    for (size_t i = 0; i < CONN_MAX_PER_STRANGER; i++)
        fds[i] = dial_as(h, STRANGER_UID);
    call(h, fds[0]);
    closing(fd_close) int over = dial_as(h, STRANGER_UID);
    assert_busy(over, "CONN_MAX_PER_STRANGER");

    memset(large, ' ', sizeof large);
    assert_int_equal(send(fds[0], large, sizeof large, MSG_NOSIGNAL), sizeof large);
    pump(h);
    assert_true(recv(fds[0], text, sizeof text - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(text, "\"bound\":\"FRAME_SMALL_MAX_BYTES\""));
    for (size_t i = 0; i < CONN_MAX_PER_STRANGER; i++)
        fd_close(&fds[i]);
}

static void
test_closes_the_longest_idle_stranger_where_there_are_too_many(void **state)
{
    struct house *h = *state;
    static int fds[CONN_MAX_STRANGERS];

    skip_unless_root();
    closing(fd_close) int known = dial_as(h, KNOWN_UID);
    for (size_t i = 0; i < CONN_MAX_STRANGERS; i++)
        fds[i] = dial_as(h, STRANGER_UID + (uid_t)(i / CONN_MAX_PER_STRANGER));
    call(h, fds[0]); /* so that it is not the longest idle one */
    call(h, fds[2]);

    /* Who is over the own bound takes nobody's place. */
    closing(fd_close) int over = dial_as(h, STRANGER_UID + 1);
    assert_busy(over, "CONN_MAX_PER_STRANGER");
    assert_true(is_open(fds[1]));

    closing(fd_close) int next = dial_as(h, STRANGER_UID + 60000);
    assert_true(is_open(next));
    assert_false(is_open(fds[1]));
    assert_true(is_open(fds[0]) && is_open(fds[2]) && is_open(fds[3]) && is_open(known));
    for (size_t i = 0; i < CONN_MAX_STRANGERS; i++)
        fd_close(&fds[i]);
}

static void
test_closes_the_longest_idle_connection_of_the_largest_holder(void **state)
{
    struct house *h = *state;
    static int fds[CONN_MAX];
    size_t n = 0;

    skip_unless_root();
    closing(fd_close) int small = dial_as(h, KNOWN_UID - 1);
    while (n < CONN_MAX_PER_UID)
        fds[n++] = dial_as(h, KNOWN_UID);
    for (uid_t uid = KNOWN_UID + 1; n < CONN_MAX - 1; uid++)
        for (size_t i = 0; i < CONN_MAX_PER_UID - 1 && n < CONN_MAX - 1; i++)
            fds[n++] = dial_as(h, uid);
    call(h, fds[0]);

    closing(fd_close) int next = dial_as(h, KNOWN_UID - 2);
    assert_true(is_open(next) && is_open(small) && is_open(fds[0]) && is_open(fds[2]));
    assert_false(is_open(fds[1]));
    while (n > 0)
        fd_close(&fds[--n]);
}

static void
test_waits_a_little_where_descriptors_ran_out(void **state)
{
    struct house *h = *state;
    struct rlimit files, none;
    char c;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    closing(fd_close) int first = dial(h->path);
    assert_int_equal(send(first, "{", 1, MSG_NOSIGNAL), 1); /* not idle: it keeps its place */
    pump(h);

    closing(fd_close) int fd = dial(h->path);
    none = files;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 9; i++) /* it does not ask again and again */
        if (sd_event_run(h->event, 0) == 0)
            break;
    assert_int_equal(sd_event_run(h->event, 0), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);

    clock_advance_ms(100);
    pump(h);
    call(h, fd);
    assert_int_equal(recv(first, &c, 1, MSG_DONTWAIT), -1);
}

int
main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HOUSE(test_makes_a_socket_for_everybody_and_removes_it),
        HOUSE(test_leaves_the_socket_of_another_agent_alone),
        HOUSE(test_replaces_a_socket_that_nobody_listens_on),
        HOUSE(test_refuses_paths_that_are_no_place_for_a_socket),
        HOUSE(test_takes_the_socket_that_systemd_passes),
        HOUSE(test_bounds_the_connections_of_a_user),
        HOUSE(test_bounds_a_user_at_each_door_alone),
        HOUSE(test_bounds_strangers_more_narrowly),
        HOUSE(test_closes_the_longest_idle_stranger_where_there_are_too_many),
        HOUSE(test_closes_the_longest_idle_connection_of_the_largest_holder),
        HOUSE(test_waits_a_little_where_descriptors_ran_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
