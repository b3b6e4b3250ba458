/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_call.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/pause.h"
#include "proto/bounds.h"

/* What stands in for an agent: it takes a call, answers, and goes on. */
struct stand_in {
    char dir[64], path[80];
    pid_t pid;
};

/* One answer, its NUL included. Empty: close without one. */
struct answer {
    struct span bytes;
    bool is_closed_after;
};

#define ANSWER(text)                                                                               \
    {                                                                                              \
        .bytes = {(const uint8_t *)(text), sizeof(text) }                                          \
    }
#define ANSWER_AND_CLOSE(text)                                                                     \
    {                                                                                              \
        .bytes = {(const uint8_t *)(text), sizeof(text)}, .is_closed_after = true                  \
    }

static void
take_call(int fd)
{
    char c = 1;

    while (c)
        if (recv(fd, &c, 1, 0) != 1)
            _exit(1);
}

static void
serve(int listener, const struct answer *answers, size_t n)
{
    int fd = -1;

    for (size_t i = 0; i < n; i++) {
        if (fd < 0)
            fd = accept(listener, NULL, NULL);
        take_call(fd);
        for (size_t at = 0; at < answers[i].bytes.len;) {
            ssize_t len =
                send(fd, answers[i].bytes.p + at, answers[i].bytes.len - at, MSG_NOSIGNAL);
            if (len < 0)
                break;
            at += (size_t)len;
        }
        if (answers[i].is_closed_after || answers[i].bytes.len == 0) {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0)
        (void)!read(fd, &(char){0}, 1); /* until the client has gone */
    _exit(0);
}

static void
stand_in_start(struct stand_in *agent, const struct answer *answers, size_t n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(agent->dir, sizeof agent->dir, "/tmp/test_agent_call.XXXXXX");
    assert_non_null(mkdtemp(agent->dir));
    snprintf(agent->path, sizeof agent->path, "%s/agent.sock", agent->dir);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", agent->path);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    agent->pid = fork();
    if (agent->pid == 0)
        serve(fd, answers, n);
    close(fd);
}

static void
stand_in_stop(struct stand_in *agent)
{
    kill(agent->pid, SIGKILL);
    waitpid(agent->pid, NULL, 0);
    unlink(agent->path);
    rmdir(agent->dir);
}

static void
open_call(struct agent_call **ret, const struct stand_in *agent)
{
    struct why why = {0};

    assert_int_equal(agent_call_new(ret, agent->path, &why), RC_OK);
}

static void
test_answers_calls_one_after_the_other(void **state)
{
    static const struct answer answers[] = {
        ANSWER("{\"parameters\":{\"n\":1}}"), ANSWER_AND_CLOSE("{\"parameters\":{\"n\":2}}"),
        ANSWER("{\"parameters\":{\"n\":3}}"), /* on a connection of its own */
    };
    closing(agent_call_freep) struct agent_call *call = NULL;
    struct stand_in agent;
    struct why why = {0};

    (void)state;
    stand_in_start(&agent, answers, N_ELEMENTS(answers));
    open_call(&call, &agent);
    for (int i = 1; i <= 3; i++) {
        closing(json_decrefp) json_t *reply = NULL;

        assert_int_equal(agent_call(&reply, call, "Status", NULL, &why), RC_OK);
        assert_int_equal(json_integer_value(json_object_get(reply, "n")), i);
    }
    stand_in_stop(&agent);
}

static void
test_gives_the_parameters_of_an_error_to_the_caller(void **state)
{
    static const struct answer answers[] = {
        ANSWER("{\"error\":\"org.countersign.Agent.Rollback\",\"parameters\":{\"marks\":[{"
               "\"version\":4}"
               "]}}"),
    };
    closing(agent_call_freep) struct agent_call *call = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    struct stand_in agent;
    struct why why = {0};

    (void)state;
    stand_in_start(&agent, answers, N_ELEMENTS(answers));
    open_call(&call, &agent);
    assert_int_equal(agent_call(&reply, call, "Sign", NULL, &why), RC_ROLLBACK);
    assert_int_equal(json_array_size(json_object_get(reply, "marks")), 1);
    assert_string_equal(
        why.text, "the agent has released version 4 of '' in '' already; try again");
    stand_in_stop(&agent);
}

static void
test_waits_for_a_busy_agent(void **state)
{
    static const struct answer answers[] = {
        ANSWER_AND_CLOSE(
            "{\"error\":\"org.countersign.Agent.Busy\",\"parameters\":{\"bound\":\"CONN_MAX\","
            "\"retry_after_ms\":1}}"),
        ANSWER("{\"parameters\":{\"n\":1}}"),
    };
    closing(agent_call_freep) struct agent_call *call = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    struct stand_in agent;
    struct why why = {0};

    (void)state;
    stand_in_start(&agent, answers, N_ELEMENTS(answers));
    open_call(&call, &agent);
    assert_int_equal(agent_call(&reply, call, "Sign", NULL, &why), RC_OK);
    assert_int_equal(json_integer_value(json_object_get(reply, "n")), 1);
    stand_in_stop(&agent);
}

#define BUSY(ms)                                                                                   \
    ANSWER_AND_CLOSE(                                                                              \
        "{\"error\":\"org.countersign.Agent.Busy\",\"parameters\":{\"bound\":\"CONN_MAX\","        \
        "\"retry_after_ms\":" #ms "}}")

/* Never sooner, and at most twice as late; the clock is real, so that is not measured. */
static void
test_waits_for_as_long_as_a_busy_agent_says(void **state)
{
    static const struct answer answers[] = {BUSY(150), ANSWER("{\"parameters\":{\"n\":1}}")};
    closing(agent_call_freep) struct agent_call *call = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    int64_t since_ms = pause_clock_ms();
    struct stand_in agent;
    struct why why = {0};

    (void)state;
    stand_in_start(&agent, answers, N_ELEMENTS(answers));
    open_call(&call, &agent);
    assert_int_equal(agent_call_briefly(&reply, call, "TrustedRoot", NULL, 60000, &why), RC_OK);
    assert_true(pause_clock_ms() - since_ms >= 150);
    stand_in_stop(&agent);
}

static void
test_does_not_wait_for_longer_than_there_is_time(void **state)
{
    static const struct answer answers[] = {BUSY(3600000), BUSY(2000)};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(answers); i++) {
        closing(agent_call_freep) struct agent_call *call = NULL;
        closing(json_decrefp) json_t *reply = NULL;
        struct stand_in agent;
        struct why why = {0};

        stand_in_start(&agent, &answers[i], 1);
        open_call(&call, &agent);
        enum rc rc = i == 0 ? agent_call(&reply, call, "Sign", NULL, &why)
                            : agent_call_briefly(&reply, call, "TrustedRoot", NULL, 1000, &why);
        assert_int_equal(rc, RC_BUSY);
        assert_non_null(strstr(why.text, "try again later, after "));
        assert_non_null(reply);
        stand_in_stop(&agent);
    }
}

static void
test_gives_a_silent_agent_no_longer_than_it_is_told(void **state)
{
    closing(agent_call_freep) struct agent_call *call = NULL;
    json_t *reply = NULL;
    struct stand_in agent;
    struct why why = {0};

    (void)state;
    stand_in_start(&agent, &(const struct answer)ANSWER("{}"), 1);
    kill(agent.pid, SIGSTOP);
    open_call(&call, &agent);
    assert_int_equal(agent_call_connect(call, 1000, &why), RC_OK);
    assert_int_equal(agent_call_briefly(&reply, call, "TrustedRoot", NULL, 50, &why), RC_TIMEOUT);
    assert_null(reply);
    stand_in_stop(&agent);
}

static void
test_refuses_answers_that_are_none(void **state)
{
    static const struct {
        const char *says;
        struct answer answer;
        enum rc want;
    } cases[] = {
        {"nothing", {.bytes = {NULL, 0}}, RC_TOKEN},
        {"half of one", {.bytes = {(const uint8_t *)"{", 1}, .is_closed_after = true}, RC_TOKEN},
        {"no JSON", ANSWER("hello"), RC_TOKEN},
        {"two at once", ANSWER("{}\0{}"), RC_TOKEN},
        {"a part of several", ANSWER("{\"parameters\":{},\"continues\":true}"), RC_TOKEN},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(agent_call_freep) struct agent_call *call = NULL;
        json_t *reply = NULL;
        struct stand_in agent;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        stand_in_start(&agent, &cases[i].answer, 1);
        open_call(&call, &agent);
        assert_int_equal(agent_call(&reply, call, "Status", NULL, &why), cases[i].want);
        assert_non_null(strstr(why.text, agent.path));
        assert_null(reply);
        stand_in_stop(&agent);
    }
}

static void
test_reads_answers_up_to_the_bound(void **state)
{
    static const char head[] = "{\"parameters\":{\"x\":\"", tail[] = "\"}}";

    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        closing(agent_call_freep) struct agent_call *call = NULL;
        closing(json_decrefp) json_t *reply = NULL;
        size_t len = FRAME_MAX_BYTES + over;
        closing(freep) char *frame = malloc(len + 1);
        struct stand_in agent;
        struct why why = {0};

        memset(frame, 'a', len);
        memcpy(frame, head, sizeof head - 1);
        memcpy(frame + len - sizeof tail + 1, tail, sizeof tail);
        stand_in_start(
            &agent, &(const struct answer){.bytes = {(const uint8_t *)frame, len + 1}}, 1);
        open_call(&call, &agent);
        enum rc want = over ? RC_TOKEN : RC_OK;
        assert_int_equal(agent_call(&reply, call, "Status", NULL, &why), want);
        stand_in_stop(&agent);
    }
}

static void
put_note(void *data, const char *text)
{
    struct bytes *notes = data;

    bytes_printf(notes, "%s;", text);
}

static void
test_notes_what_a_call_waits_for(void **state)
{
    static const struct answer answers[] = {
        ANSWER("{\"parameters\":{\"progress\":\"one\"},\"continues\":true}\0"
               "{\"parameters\":{\"progress\":\"two\\u001b\"},\"continues\":true}\0"
               "{\"parameters\":{\"record\":7}}"),
    };
    closing(bytes_done) struct bytes notes = BYTES_INIT(64);
    const struct progress progress = {put_note, &notes};
    closing(agent_call_freep) struct agent_call *call = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    struct stand_in agent;
    struct why why = {0};

    (void)state;
    stand_in_start(&agent, answers, N_ELEMENTS(answers));
    open_call(&call, &agent);
    agent_call_tell(call, &progress);
    assert_int_equal(agent_call(&reply, call, "Sign", NULL, &why), RC_OK);
    assert_int_equal(json_integer_value(json_object_get(reply, "record")), 7);
    assert_string_equal(bytes_text(&notes), "one;two?;");
    stand_in_stop(&agent);
}

static void
test_says_how_to_start_an_agent_where_there_is_none(void **state)
{
    char long_path[200];
    closing(agent_call_freep) struct agent_call *call = NULL;
    closing(agent_call_freep) struct agent_call *long_call = NULL;
    json_t *reply = NULL;
    struct why why = {0};

    (void)state;
    assert_int_equal(agent_call_new(&call, "/nonexistent/agent.sock", &why), RC_OK);
    assert_int_equal(agent_call_connect(call, 1000, &why), RC_TOKEN);
    assert_int_equal(agent_call(&reply, call, "Status", NULL, &why), RC_TOKEN);
    assert_non_null(strstr(why.text, "no agent listens on '/nonexistent/agent.sock'"));
    assert_non_null(strstr(why.text, "countersign-agent.socket"));

    snprintf(long_path, sizeof long_path, "/%0150d", 0);
    assert_int_equal(agent_call_new(&long_call, long_path, &why), RC_OK);
    assert_int_equal(agent_call(&reply, long_call, "Status", NULL, &why), RC_TOKEN);
}

static void
test_finds_the_socket_as_the_environment_says(void **state)
{
    struct stand_in agent;
    struct why why = {0};
    closing(agent_call_freep) struct agent_call *chosen = NULL;
    closing(agent_call_freep) struct agent_call *system = NULL;

    (void)state;
    stand_in_start(&agent, NULL, 0);
    setenv("XDG_RUNTIME_DIR", agent.dir, 1); /* has no countersign/agent.sock */
    setenv("COUNTERSIGN_SOCKET", agent.path, 1);
    assert_int_equal(agent_call_new(&chosen, NULL, &why), RC_OK);
    assert_string_equal(agent_call_path(chosen), agent.path);

    unsetenv("COUNTERSIGN_SOCKET");
    assert_int_equal(agent_call_new(&system, NULL, &why), RC_OK);
    assert_string_equal(agent_call_path(system), "/run/countersign/agent.sock");
    stand_in_stop(&agent);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_calls_one_after_the_other),
        cmocka_unit_test(test_gives_the_parameters_of_an_error_to_the_caller),
        cmocka_unit_test(test_waits_for_a_busy_agent),
        cmocka_unit_test(test_waits_for_as_long_as_a_busy_agent_says),
        cmocka_unit_test(test_does_not_wait_for_longer_than_there_is_time),
        cmocka_unit_test(test_gives_a_silent_agent_no_longer_than_it_is_told),
        cmocka_unit_test(test_refuses_answers_that_are_none),
        cmocka_unit_test(test_reads_answers_up_to_the_bound),
        cmocka_unit_test(test_notes_what_a_call_waits_for),
        cmocka_unit_test(test_says_how_to_start_an_agent_where_there_is_none),
        cmocka_unit_test(test_finds_the_socket_as_the_environment_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
