/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer.h"
#include "agent/peer_unit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

/* Where the hierarchy of units is: of its own, or beside those of version 1. */
static const char *const hierarchies[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

/* A cgroup below system.slice, as a service manager would make it. */
struct cgroup {
    char slice[64], unit[64], path[256];
};

static void
make_name(struct cgroup *cgroup, const char *hierarchy)
{
    snprintf(cgroup->slice, sizeof cgroup->slice, "%s/system.slice", hierarchy);
    snprintf(cgroup->unit, sizeof cgroup->unit, "countersign-test-%d.service", getpid());
    snprintf(cgroup->path, sizeof cgroup->path, "%s/%s", cgroup->slice, cgroup->unit);
}

static bool
cgroup_open(struct cgroup *cgroup)
{
    for (size_t i = 0; i < N_ELEMENTS(hierarchies); i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/cgroup.procs", hierarchies[i]);
        if (access(path, W_OK))
            continue;

        make_name(cgroup, hierarchies[i]);
        (void)mkdir(cgroup->slice, 0755);
        if (!mkdir(cgroup->path, 0755))
            return true;
    }

    return false;
}

static void
cgroup_close(const struct cgroup *cgroup)
{
    assert_int_equal(rmdir(cgroup->path), 0);
    (void)rmdir(cgroup->slice); /* unless others are in there */
}

static void
write_text(const char *path, const char *text)
{
    closing(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        abort();
}

/* A process in the cgroup that makes a pair of sockets, gives them to its parent and, unless it is
 * to live on, ends. */
struct connector {
    pid_t pid;
    int fd;  /* one end; the credentials of both are its own */
    int end; /* closed: it ends */
};

static void
be_connector(const struct cgroup *cgroup, int channel, int end)
{
    char path[300], byte = 0;
    int pair[2];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes};

    if (cgroup) {
        snprintf(path, sizeof path, "%s/cgroup.procs", cgroup->path);
        write_text(path, "0");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        abort();

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &pair[0], sizeof(int));
    if (sendmsg(channel, &message, 0) != 1)
        abort();

    (void)!read(end, &byte, 1);
    _exit(0);
}

static struct connector
connect_from(const struct cgroup *cgroup)
{
    struct connector connector = {.fd = -1};
    int channel[2], end[2];
    char byte;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
    assert_int_equal(pipe(end), 0);
    connector.pid = fork();
    if (connector.pid == 0) {
        close(end[1]);
        be_connector(cgroup, channel[1], end[0]);
    }

    assert_true(connector.pid > 0);
    close(end[0]);
    assert_int_equal(recvmsg(channel[0], &message, 0), 1);
    memcpy(&connector.fd, CMSG_DATA(&control.header), sizeof(int));
    connector.end = end[1];
    close(channel[0]);
    close(channel[1]);
    return connector;
}

static void
connector_end(struct connector *connector)
{
    close(connector->end);
    assert_int_equal(waitpid(connector->pid, NULL, 0), connector->pid);
}

static void
test_knows_the_unit_of_who_connected(void **state)
{
    closing(peer_unrefp) struct peer *peer = NULL;
    struct cgroup cgroup, below;
    struct why why;

    (void)state;
    if (!peer_unit_is_supported() || !cgroup_open(&cgroup))
        skip();

    struct connector connector = connect_from(&cgroup);
    closing(freep) char *unit = peer_unit_read(connector.fd);
    assert_non_null(unit);
    assert_string_equal(unit, cgroup.unit);
    assert_int_equal(peer_new(&peer, connector.fd, NULL, &why), RC_OK);
    peer_find_unit(peer, connector.fd);
    assert_string_equal(peer->unit, cgroup.unit);
    close(connector.fd);
    connector_end(&connector);

    below = cgroup;
    snprintf(below.path, sizeof below.path, "%.200s/user@0.service", cgroup.path);
    assert_int_equal(mkdir(below.path, 0755), 0);
    connector = connect_from(&below);
    closing(freep) char *outer = peer_unit_read(connector.fd);
    assert_string_equal(outer, cgroup.unit); /* whoever manages what is below it says nothing */
    close(connector.fd);
    connector_end(&connector);
    assert_int_equal(rmdir(below.path), 0);
    cgroup_close(&cgroup);
}

static void
test_knows_no_unit_once_it_has_ended(void **state)
{
    closing(peer_unrefp) struct peer *peer = NULL;
    struct cgroup cgroup;
    struct why why;

    (void)state;
    if (!peer_unit_is_supported() || !cgroup_open(&cgroup))
        skip();

    struct connector connector = connect_from(&cgroup);
    connector_end(&connector);
    assert_null(peer_unit_read(connector.fd));
    assert_int_equal(peer_new(&peer, connector.fd, NULL, &why), RC_OK);
    peer_find_unit(peer, connector.fd);
    assert_null(peer->unit);
    close(connector.fd);
    cgroup_close(&cgroup);
}

/* It has ended, and nobody has waited for it: its number is still its own, and its cgroup too. */
static void
test_knows_no_unit_of_a_process_that_is_not_waited_for(void **state)
{
    struct cgroup cgroup;
    siginfo_t info;

    (void)state;
    if (!peer_unit_is_supported() || !cgroup_open(&cgroup))
        skip();

    struct connector connector = connect_from(&cgroup);
    close(connector.end);
    assert_int_equal(waitid(P_PID, (id_t)connector.pid, &info, WEXITED | WNOWAIT), 0);
    assert_null(peer_unit_read(connector.fd));
    assert_int_equal(waitpid(connector.pid, NULL, 0), connector.pid);
    close(connector.fd);
    cgroup_close(&cgroup);
}

static void
test_knows_no_unit_of_what_is_no_peer(void **state)
{
    (void)state;
    closing(fd_close) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_null(peer_unit_read(file));
    assert_null(peer_unit_read(-1));
    assert_null(peer_unit_of_pidfd(file));
    assert_null(peer_unit_of_pidfd(-1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_the_unit_of_who_connected),
        cmocka_unit_test(test_knows_no_unit_once_it_has_ended),
        cmocka_unit_test(test_knows_no_unit_of_a_process_that_is_not_waited_for),
        cmocka_unit_test(test_knows_no_unit_of_what_is_no_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
