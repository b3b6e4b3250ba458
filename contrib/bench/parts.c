/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts DIRECTORY N - what a Sign is made of: how long each part takes alone, N times in a row.
 *
 * A whole agent in this process, but for its token (tests/softkeyring.h), whose ledger is in
 * DIRECTORY. One line of JSON: the middle value of each part in microseconds. Each part is a
 * function of its own here, so that a profiler can count its instructions as well.
 */
#include "tests/daemon.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/judgment.h"
#include "contrib/bench/request.h"
#include "proto/bounds.h"
#include "tests/fault.h"
#include "tests/softkey.h"

#define KEY        "bench"
#define REPOSITORY "bench.example.com/parts"

/* What the parts work on. */
struct bench {
    struct daemon daemon;
    const char *directory;
    struct peer *peer;
    struct request request;
    uint64_t version;
    struct bytes frame, signature; /* the call that is under way, and what it comes to */
    struct digest digest;
    json_t *reply;
    struct judgment *judgment;
    int fd, bare_fd, relay_fd;
};

typedef void run_part(struct bench *b);

/* Only whole requests are real ones; nothing is made to fail here. */
void
fault_suspend(void)
{
}

void
fault_resume(void)
{
}

static void
must(enum rc rc, const struct why *why)
{
    if (rc)
        fail_msg("%s", why->text);
}

static void
make_frame(struct bench *b, unsigned lane)
{
    bytes_clear(&b->frame);
    request_put(&b->frame, &b->request, lane, ++b->version);
}

static struct span
frame_of(const struct bench *b)
{
    return (struct span){b->frame.p, b->frame.len - 1};
}

/* The parts */

__attribute__((noinline)) static void
part_frame(struct bench *b)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(OUTPUT_MAX_BYTES);
    struct message_call call;
    struct message_sign sign;
    struct why why;

    must(message_call_parse(&call, frame_of(b), &why), &why);
    must(message_sign_parse(&sign, call.parameters, false, &why), &why);
    message_sign_done(&sign);
    message_call_done(&call);
    message_put_reply(&out, b->reply, false);
}

__attribute__((noinline)) static void
part_scan(struct bench *b)
{
    struct subject *subject = NULL;
    struct why why;

    must(subject_new(&subject, &b->judgment->request.documents[0], agent_now_us() / 1000000, &why),
        &why);
    subject_free(subject);
}

__attribute__((noinline)) static void
part_decide(struct bench *b)
{
    struct why why;

    must(judgment_decide(b->judgment, &b->daemon.agent, b->peer, &why), &why);
    assert_int_equal(b->judgment->decision->rc, RC_OK);
}

__attribute__((noinline)) static void
part_verify(struct bench *b)
{
    const struct keyring_key *key = keyring_key(b->daemon.agent.keyring, 0);
    struct why why;

    must(verify_digest(key->pubkey, VERIFY_ECDSA, &b->digest, bytes_span(&b->signature), &why),
        &why);
}

__attribute__((noinline)) static void
part_commit(struct bench *b)
{
    struct ledger *ledger = b->daemon.agent.ledger;
    const struct subject *subject = b->judgment->subjects[0];
    struct ledger_mark mark = {subject->version, subject->digest, subject->delegations};
    struct judgment_end end = {&b->daemon.agent, b->peer, "Sign", AUDIT_RELEASED, NULL};
    int64_t record;
    struct why why;

    must(ledger_begin(ledger, &why), &why);
    must(ledger_savepoint(ledger, &why), &why);
    must(judgment_record(&record, b->judgment, &end, &why), &why);
    must(ledger_put_mark(ledger, subject->repository, subject->role, &mark, &why), &why);
    must(ledger_release(ledger, &why), &why);
    must(ledger_commit(ledger, &why), &why);
}

/* The least that anybody can do to have as much on a disk: for comparison. */
__attribute__((noinline)) static void
part_fdatasync(struct bench *b)
{
    static const uint8_t record[4096];

    assert_int_equal(pwrite(b->bare_fd, record, sizeof record, 0), sizeof record);
    assert_int_equal(fdatasync(b->bare_fd), 0);
}

/* To a process behind another one and back, with one byte: as a request goes from its client to the
 * agent and to the worker. */
__attribute__((noinline)) static void
part_wakes(struct bench *b)
{
    char c = 0;

    assert_int_equal(write(b->relay_fd, &c, 1), 1);
    assert_int_equal(read(b->relay_fd, &c, 1), 1);
}

/* What the softkeyring does in place of a token. */
__attribute__((noinline)) static void
part_sign(struct bench *b)
{
    bytes_clear(&b->signature);
    softkey_sign_digest(&b->signature, softkeyring_key(KEY)->evp, VERIFY_ECDSA, &b->digest);
}

/* All that the agent does for a request, and part_sign. */
__attribute__((noinline)) static void
part_agent(struct bench *b)
{
    daemon_pump(&b->daemon);
}

/* A request as a client sees it, but for the time that it takes to go from process to process. */
__attribute__((noinline)) static void
part_request(struct bench *b)
{
    uint8_t answer[8192];

    make_frame(b, 0);
    assert_int_equal(send(b->fd, b->frame.p, b->frame.len, MSG_NOSIGNAL), b->frame.len);
    part_agent(b);
    ssize_t n = recv(b->fd, answer, sizeof answer, MSG_DONTWAIT);
    assert_true(n > 0 && answer[n - 1] == 0);
    assert_non_null(strstr((const char *)answer, "\"sig\":\""));
}

/* What they need */

static void
start(struct bench *b)
{
    closing(freep) char *policy = NULL;
    struct agent_options *options = &b->daemon.agent.options;

    assert_true(asprintf((char **)&options->policy_path, "%s/policy.yaml", b->directory) > 0);
    assert_true(asprintf((char **)&options->socket_path, "%s/agent.sock", b->directory) > 0);
    assert_true(asprintf((char **)&options->state_dir, "%s/state", b->directory) > 0);
    assert_true(
        asprintf(&policy,
            "{tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}, keys: {%s: {token: hsm, "
            "uri: \"pkcs11:id=%%01\", scope: [{repositories: [\"%s/**\"], roles: [targets]}]}}, "
            "grants: {all: {users: [%u], keys: [%s]}}}\n",
            KEY, REPOSITORY, geteuid(), KEY) > 0);

    closing(fd_close) int fd = open(options->policy_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(fd, policy, strlen(policy)), strlen(policy));
    daemon_start(&b->daemon.agent);
}

static void
dial(struct bench *b)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct why why;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", b->daemon.agent.options.socket_path);
    b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(b->fd, (struct sockaddr *)&address, sizeof address), 0);
    daemon_pump(&b->daemon);
    must(peer_new(&b->peer, b->fd, NULL, &why), &why);
}

/* A request that stays judged and signed. */
static void
judge(struct bench *b)
{
    struct message_call call;
    int document;
    struct why why;

    make_frame(b, 1);
    must(message_call_parse(&call, frame_of(b), &why), &why);
    must(judgment_new(&b->judgment, call.parameters, false, &document, &why), &why);
    message_call_done(&call);
    b->digest = b->judgment->subjects[0]->digest;
    part_sign(b);

    closing(bytes_done) struct bytes text = BYTES_INIT(2 * SIGNATURE_MAX_BYTES);
    bytes_put_base64(&text, bytes_span(&b->signature));
    b->reply = json_pack("{s:[{s:s,s:[{s:s,s:s,s:s,s:s}],s:{}}],s:[s],s:i}", "documents", "digest",
        softkeyring_id(KEY), "signatures", "key", softkeyring_id(KEY), "name", KEY, "method",
        "ecdsa", "sig", bytes_text(&text), "left_out", "grants", "all", "record", 1);
    assert_non_null(b->reply);
}

static void
open_bare(struct bench *b)
{
    closing(freep) char *path = NULL;

    assert_true(asprintf(&path, "%s/bare", b->directory) > 0);
    b->bare_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(b->bare_fd >= 0);
    part_fdatasync(b);
}

static void
finish(struct bench *b)
{
    struct agent_options *options = &b->daemon.agent.options;

    fd_close(&b->fd);
    fd_close(&b->bare_fd);
    fd_close(&b->relay_fd);
    while (wait(NULL) > 0)
        ;
    daemon_pump(&b->daemon);
    judgment_free(b->judgment);
    daemon_stop(&b->daemon.agent);
    peer_unref(b->peer);
    json_decref(b->reply);
    bytes_done(&b->request.head);
    bytes_done(&b->frame);
    bytes_done(&b->signature);
    free((char *)options->policy_path);
    free((char *)options->socket_path);
    free((char *)options->state_dir);
}

/* A process that passes on what it is told, and then the answer; without further it is the one that
 * answers. It ends with its caller. */
static int
spawn_relay(int further)
{
    char c = 0;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        while (read(fds[1], &c, 1) == 1 &&
               (further < 0 || (write(further, &c, 1) == 1 && read(further, &c, 1) == 1)) &&
               write(fds[1], &c, 1) == 1)
            ;
        _exit(0);
    }

    close(fds[1]);
    return fds[0];
}

static void
start_relays(struct bench *b)
{
    closing(fd_close) int last = spawn_relay(-1);

    b->relay_fd = spawn_relay(last);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double
middle_us(struct bench *b, run_part *part, size_t n)
{
    closing(freep) double *us = calloc(n, sizeof *us);

    assert_non_null(us);
    for (size_t i = 0; i < n; i++) {
        double from = now_us();
        part(b);
        us[i] = now_us() - from;
    }
    qsort(us, n, sizeof *us, compare);
    return us[n / 2];
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        run_part *part;
    } parts[] = {
        {"request", part_request},
        {"frame", part_frame},
        {"scan", part_scan},
        {"commit", part_commit}, /* leaves the mark that is found next */
        {"decide", part_decide},
        {"sign", part_sign},
        {"verify", part_verify},
        {"fdatasync", part_fdatasync},
        {"wakes", part_wakes},
    };
    struct bench b = {.frame = BYTES_INIT(FRAME_MAX_BYTES), .signature = BYTES_INIT(1024)};
    int64_t n = 0;

    if (argc != 3 || integer_parse(&n, span_of(argv[2]), 1, 1000, NULL)) {
        fprintf(stderr, "Usage: parts DIRECTORY N\n");
        return 2;
    }

    b.directory = argv[1];
    start_relays(&b); /* first: they inherit nothing that others wait for the end of */
    b.request = (struct request){REPOSITORY, softkeyring_id(KEY), 1, BYTES_INIT(0)};
    request_init(&b.request);
    start(&b);
    dial(&b);
    judge(&b);
    open_bare(&b);
    for (size_t i = 0; i < N_ELEMENTS(parts); i++)
        printf("%s\"%s\":%.1f", i > 0 ? "," : "{", parts[i].name,
            middle_us(&b, parts[i].part, (size_t)n));
    printf("}\n");
    finish(&b);
    return 0;
}
