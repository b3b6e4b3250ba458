/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign-token — the worker around one token; the agent starts it with a socket on descriptor
 * 3 and speaks frame.h with it. End of file there is its end. If that socket listens, it is the
 * service of a unit, supervisor.h.
 *
 * It knows no policy: whether it logs in, and what it signs, the agent says.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/token/channel.h"
#include "agent/token/errands.h"
#include "agent/token/memfile.h"
#include "agent/token/sandbox.h"
#include "agent/token/supervisor.h"
#include "agent/token/token.h"

#define AGENT_FD          3
#define LOOK_INTERVAL_MS  500  /* a token that came back signs within a second */
#define CHECK_INTERVAL_MS 5000 /* an idle card that was pulled is missed; takes OpenSC 3 ms */

struct work {
    struct sandbox sandbox;
    struct token *token;
    struct bytes said;                     /* what was told last */
    uint32_t said_id;                      /* and its id */
    bool has_found;                        /* it was FOUND */
    bool is_in;                            /* the agent was told that the token is ready */
    uint8_t message[WORKER_MESSAGE_BYTES]; /* what was received last */
    int passed;                            /* the descriptor beside it; -1: none */
    struct errands errands;
};

/* What a process that knows a PIN should be like. */
static enum rc
harden(struct why *why)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_CORE, &none) < 0 || close_range(AGENT_FD + 1, ~0U, 0) < 0 ||
        chdir("/") < 0)
        return fail(why, RC_SYSTEM, "cannot protect this process: %s", strerror(errno));

    return RC_OK;
}

/* The agent says when to end, or its end does; a terminal or service manager that signals the whole
 * group must not cut off what is being signed. */
static void
belong_to_agent(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGALRM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static enum rc
tell(const struct frame *frame, struct why *why)
{
    enum rc rc = channel_send(AGENT_FD, frame, -1, why);
    return rc ? within(why, rc, "the agent") : RC_OK;
}

/* What is wrong, as the token says, or else with this process. */
static struct frame
failure_of(const struct token *token, const struct why *why)
{
    struct frame frame = {.type = FRAME_STATE, .state.state = TOKEN_FAILING};

    if (token && token_state(token) != TOKEN_READY) {
        frame.state.state = token_state(token);
        frame.state.ckr = token_ckr(token);
    }
    frame.state.detail = span_of(why->text);
    return frame;
}

/* RC_TIMEOUT; RC_NOT_FOUND: the agent is gone. */
static enum rc
listen_for(struct frame *ret, struct work *w, int timeout_ms, struct why *why)
{
    struct pollfd agent = {.fd = AGENT_FD, .events = POLLIN};

    int n = poll(&agent, 1, timeout_ms);
    if (n == 0)
        return RC_TIMEOUT;

    if (n < 0)
        return fail(why, RC_SYSTEM, "cannot wait for the agent: %s", strerror(errno));

    fd_close(&w->passed);
    return channel_receive(ret, &w->passed, AGENT_FD, w->message, FRAME_FROM_AGENT, why);
}

static enum rc
open_token(struct work *w, struct why *why)
{
    struct frame frame;

    enum rc rc = listen_for(&frame, w, -1, why);
    if (rc)
        return rc;

    if (frame.type != FRAME_OPEN)
        return fail(why, RC_MALFORMED, "the first message is not OPEN");

    rc = supervisor_check_module(frame.open.module, why);
    if (!rc)
        rc = sandbox_enter(&w->sandbox, &frame.open, why);
    return rc ? rc : token_new(&w->token, &frame.open, why);
}

/* Look for the token and its PIN, and say what was seen if it is not what was said before. */
static enum rc
look(struct work *w, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(WORKER_MESSAGE_BYTES);
    struct frame frame = {.type = FRAME_FOUND, .id = w->said_id};

    enum rc rc = token_look(&frame.found, w->token, why);
    if (rc && sandbox_is_outdated(&w->sandbox))
        return fail(why, rc, "the PIN file was replaced; another worker reads it");

    if (rc) {
        frame = failure_of(w->token, why);
        frame.id = w->said_id;
    }

    rc = frame_format(&message, &frame, why);
    if (rc || span_eq(bytes_span(&message), bytes_span(&w->said)))
        return rc;

    frame.id = ++w->said_id;
    w->has_found = frame.type == FRAME_FOUND;
    bytes_clear(&w->said);
    rc = frame_format(&w->said, &frame, why);
    if (rc)
        return rc;

    return tell(&frame, why);
}

/* Also while the token is lost: the PIN is the one that it took. */
static void
give(struct work *w)
{
    pin_give(token_pin(w->token), w->passed);
    fd_close(&w->passed); /* whoever reads there waits for its end */
}

/* Read a PIN, which is found from then on. */
static enum rc
unlock(struct work *w, const struct frame *asked, struct why *why)
{
    struct frame frame = {.type = FRAME_UNLOCKED, .id = asked->id};
    struct why problem;

    frame.unlocked.rc = pin_receive(token_pin(w->token), w->passed, asked->unlock.source, &problem);
    if (frame.unlocked.rc)
        frame.unlocked.detail = span_of(problem.text);
    fd_close(&w->passed); /* a client waits for its end */
    return tell(&frame, why);
}

/* Until the agent allows to log in with what was found last. RC_TOKEN: why says what is
 * wrong, and only a new process might do better. */
static enum rc
await_login(bool *ret_force, struct work *w, struct why *why)
{
    unsigned pause_ms = token_pause_ms(w->token);

    for (;;) {
        struct frame frame;
        bool is_allowed = false;

        if (token_is_spent(w->token))
            return RC_TOKEN;

        enum rc rc = listen_for(&frame, w, (int)pause_ms, why);
        if (rc == RC_OK && frame.type == FRAME_OPEN)
            return fail(why, RC_MALFORMED, "the agent says OPEN twice");

        /* FIND and SIGN were sent before the agent heard that the token was lost. */
        if (rc == RC_OK)
            is_allowed = frame.type == FRAME_LOGIN && w->has_found && frame.id == w->said_id;
        else if (rc != RC_TIMEOUT)
            return rc;

        if (is_allowed) {
            *ret_force = frame.login.force;
            return RC_OK;
        }

        if (rc == RC_OK && frame.type == FRAME_GIVE)
            give(w);
        if (rc == RC_OK && frame.type == FRAME_UNLOCK)
            rc = unlock(w, &frame, why);
        if (rc == RC_OK || rc == RC_TIMEOUT)
            rc = look(w, why);
        if (rc)
            return rc;

        pause_ms = LOOK_INTERVAL_MS;
    }
}

/* Say that the token is lost. From then on all that it says is news. */
static enum rc
lose(struct work *w, struct why *why)
{
    struct frame frame = failure_of(w->token, why);
    bool was_in = w->is_in;

    w->is_in = false;
    /* But for a PIN that is not there: what was found is worth trying only when that changes. */
    if (was_in || token_state(w->token) != TOKEN_LOCKED) {
        w->has_found = false;
        bytes_clear(&w->said);
    }
    return tell(&frame, why);
}

static enum rc
sign(struct frame_signed *ret, struct work *w, const struct frame_sign *asked, struct why *why)
{
    closing(memfile_done) struct memfile message = {0};

    if (w->passed >= 0) {
        enum rc rc = memfile_open(&message, w->passed, why);
        if (rc)
            return rc;
    }

    return token_sign(ret, w->token, asked, message.bytes, why);
}

static enum rc
answer(struct work *w, const struct frame *asked, struct why *why)
{
    struct frame frame = {.id = asked->id};
    enum rc rc = RC_OK;

    if (asked->type == FRAME_FIND) {
        frame.type = FRAME_KEY;
        rc = token_find(&frame.key, w->token, &asked->find, why);
    } else if (asked->type == FRAME_SIGN) {
        frame.type = FRAME_SIGNED;
        rc = sign(&frame.sigs, w, &asked->sign, why);
    } else if (asked->type == FRAME_GENERATE || asked->type == FRAME_IMPORT ||
               asked->type == FRAME_ATTEST) {
        rc = errands_run(&frame, &w->errands, w->token, asked, w->passed, why);
        fd_close(&w->passed); /* a client waits for its end */
    } else if (asked->type == FRAME_GIVE) {
        give(w);
        return RC_OK;
    } else {
        return fail(why, RC_MALFORMED, "the agent says LOGIN, UNLOCK or OPEN twice");
    }
    if (rc)
        return lose(w, why);

    return tell(&frame, why);
}

/* Until the agent is gone, which is RC_NOT_FOUND, or the token is lost, which is none. */
static enum rc
serve(struct work *w, bool force, struct why *why)
{
    const struct frame ready = {.type = FRAME_STATE, .state.state = TOKEN_READY};

    enum rc rc = token_login(w->token, force, why);
    if (rc)
        return lose(w, why);

    rc = tell(&ready, why);
    w->is_in = true;
    while (rc == RC_OK && w->is_in) {
        struct frame frame;
        rc = listen_for(&frame, w, token_is_watched(w->token) ? CHECK_INTERVAL_MS : -1, why);
        if (rc == RC_OK)
            rc = answer(w, &frame, why);
        else if (rc == RC_TIMEOUT)
            rc = token_check(w->token, why) ? lose(w, why) : RC_OK;
    }

    return rc;
}

/* Until the agent is gone, which is RC_NOT_FOUND, or another process has to go on. */
static enum rc
work(struct work *w, struct why *why)
{
    enum rc rc = open_token(w, why);

    while (rc == RC_OK) {
        bool force = false;
        rc = await_login(&force, w, why);
        if (rc == RC_OK)
            rc = serve(w, force, why);
    }

    return rc;
}

/* The worker of one agent, or of one connection of it. */
static enum rc
serve_agent(struct why *why)
{
    closing(freep) struct work *w = calloc(1, sizeof *w);
    if (!w)
        return fail_memory(why);

    belong_to_agent();
    w->said = BYTES_INIT(WORKER_MESSAGE_BYTES);
    w->errands = ERRANDS_INIT;
    w->passed = -1;
    enum rc rc = work(w, why);
    /* What another process has to heal was told already. */
    bool is_told = w->token && token_is_spent(w->token);
    if (rc != RC_NOT_FOUND && !is_told) {
        struct frame failure = failure_of(w->token, why);
        rc = tell(&failure, why);
    }

    token_free(w->token);
    sandbox_done(&w->sandbox);
    bytes_done(&w->said);
    errands_done(&w->errands);
    fd_close(&w->passed);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

int
main(void)
{
    struct why why;

    enum rc rc = harden(&why);
    bool is_service = supervisor_is_wanted(AGENT_FD);
    if (rc == RC_OK)
        rc = is_service ? supervisor_run(AGENT_FD, &why) : serve_agent(&why);
    /* A worker has told its agent; a service has only its journal. */
    if (rc && is_service)
        fprintf(stderr, "countersign-token: %s\n", why.text);

    /* Nothing is left to run at exit: what modules registered there may hang or crash. */
    _exit(rc ? EXIT_FAILURE : EXIT_SUCCESS);
}
