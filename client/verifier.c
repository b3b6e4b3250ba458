/* SPDX-License-Identifier: Apache-2.0 */
#include "client/verifier.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/clearance.h"
#include "client/file.h"
#include "client/interrupt.h"
#include "client/pause.h"
#include "proto/bounds.h"
#include "proto/members.h"

#define LINK       "countersign-verifier"
#define MEDIA_TYPE "application/vnd.oci.descriptor.v1+json"
#define TRUST_DIR  "/var/cache/countersign"
#define TIMEOUT_S  8 /* containerd waits for 10 s, and then has no reason to show */

/* What containerd hands over; all borrowed. */
struct call {
    const char *name, *digest, *media_type;
};

/* The answer: one line of standard output, and whether the image may come in. */
struct answer {
    bool is_allowed;
    struct why text;
};

bool
verifier_is_called(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

    return argv0 && !strcmp(slash ? slash + 1 : argv0, LINK);
}

/* As Go reads options: one dash or two, the value behind '=' or in the next argument. */
static enum rc
read_call(struct call *ret, int argc, char **argv, struct why *why)
{
    struct call call = {0};
    const struct {
        const char *name, **value;
    } options[] = {
        {"name", &call.name}, {"digest", &call.digest}, {"stdin-media-type", &call.media_type}};

    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = NULL, **place = NULL;
        size_t dashes = strspn(option, "-"), len = strcspn(option, "=");

        for (size_t k = 0; k < N_ELEMENTS(options) && (dashes == 1 || dashes == 2); k++)
            if (len - dashes == strlen(options[k].name) &&
                !strncmp(option + dashes, options[k].name, len - dashes))
                place = options[k].value;
        if (!place)
            return fail(
                why, RC_MALFORMED, "'%s': want -name, -digest and -stdin-media-type", option);

        value = option[len] ? option + len + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value || !*value || *place)
            return fail(why, RC_MALFORMED, "%s: want one value", option);
        *place = value;
    }

    for (size_t k = 0; k < N_ELEMENTS(options); k++)
        if (!*options[k].value)
            return fail(why, RC_MALFORMED, "-%s is missing: this is a program for containerd",
                options[k].name);

    *ret = call;
    return RC_OK;
}

/* The descriptor on standard input must be of the image that is named. */
static enum rc
read_descriptor(int64_t *ret_size, const struct call *call, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(VERIFIER_INPUT_MAX_BYTES);
    closing(json_decrefp) json_t *descriptor = NULL;
    const char *digest = NULL, *media_type = NULL;
    struct members m;

    if (strcmp(call->media_type, MEDIA_TYPE) != 0)
        return fail(why, RC_UNSUPPORTED, "-stdin-media-type: '%s': want '" MEDIA_TYPE "'",
            call->media_type);

    enum rc rc = file_read(&text, STDIN_FILENO, "standard input", why);
    if (!rc)
        rc = members_parse(&descriptor, bytes_span(&text), why);
    if (rc)
        return within(why, rc, "standard input");

    members_open(&m, descriptor, "descriptor");
    members_text(&m, "mediaType", &media_type);
    members_text(&m, "digest", &digest);
    members_int(&m, "size", 0, INTEGER_MAX, ret_size);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return within(why, rc, "standard input");

    return strcmp(digest, call->digest)
               ? fail(why, RC_UNTRUSTED, "the descriptor has %s, -digest is %s", digest,
                     call->digest)
               : RC_OK;
}

/* "NAME@DIGEST"; a name may have a digest of its own, which must be that one. *ret: free(). */
static enum rc
name_of(char **ret, const struct call *call, struct why *why)
{
    const char *own = strchr(call->name, '@');

    if (own && strcmp(own + 1, call->digest) != 0)
        return fail(
            why, RC_UNTRUSTED, "'%s' is of another digest than %s", call->name, call->digest);

    if (asprintf(ret, "%.*s@%s", (int)strcspn(call->name, "@"), call->name, call->digest) < 0) {
        *ret = NULL;
        return fail_memory(why);
    }
    return RC_OK;
}

static enum rc
judge(struct session *session, const struct call *call, struct why *why)
{
    closing(clearance_done) struct clearance clearance = {0};
    closing(freep) char *name = NULL;
    int64_t size = 0;

    enum rc rc = read_descriptor(&size, call, why);
    if (!rc)
        rc = name_of(&name, call, why);
    if (!rc)
        rc = clearance_ask(&clearance, session, name, &(struct requirement){0}, why);
    if (!rc)
        rc = clearance_check(&clearance, why);
    if (rc)
        return rc;

    if (clearance.finding.target->length != size)
        return fail(why, RC_UNTRUSTED, "'%s': %s has it with %lld bytes, not %lld", name,
            clearance.finding.role->name, (long long)clearance.finding.target->length,
            (long long)size);

    return fail(why, RC_OK, "'%s' is signed: %s holds it", name, clearance.finding.role->name);
}

/* In a process of its own, as there is a deadline. */
static enum rc
judge_apart(int fd, const struct pinning *pinning, const struct call *call)
{
    const struct pinning_verifier told = pinning_verifier(pinning);
    closing(session_freep) struct session *session = NULL;
    struct options options = {0};
    struct why why = {0};

    options.values[OPTION_PINNING] = pinning_path(pinning);
    options.values[OPTION_TRUST_DIR] = told.trust_dir ? told.trust_dir : TRUST_DIR;
    options.values[OPTION_SERVER] = told.server;
    options.values[OPTION_TLS_CA] = told.ca_file;
    enum rc rc = session_new(&session, &options, &why);
    if (!rc)
        rc = judge(session, call, &why);

    size_t len = strlen(why.text);
    return write(fd, why.text, len) == (ssize_t)len ? rc : RC_SYSTEM;
}

/* What the process says until it ends. False: the time is over. */
static bool
listen_until(struct bytes *said, int fd, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - pause_clock_ms();
        uint8_t part[sizeof(struct why)];

        int n = left_ms > 0 ? poll(&ready, 1, (int)left_ms) : 0;
        if (n == 0)
            return false;
        if (n < 0 && errno != EINTR)
            return true;

        ssize_t len = n > 0 ? read(fd, part, sizeof part) : -1;
        if (len == 0)
            return true;
        if (len > 0)
            bytes_put(said, (struct span){part, (size_t)len});
    }
}

static void
ask(struct answer *ret, const struct pinning *pinning, const struct call *call)
{
    closing(bytes_done) struct bytes said = BYTES_INIT(4096);
    closing(fd_close) int read_end = -1;
    const struct pinning_verifier told = pinning_verifier(pinning);
    int64_t timeout_s = told.timeout_s > 0 ? told.timeout_s : TIMEOUT_S;
    int ends[2], status = -1;

    pid_t pid = pipe(ends) < 0 ? -1 : fork();
    if (pid < 0) {
        ret->is_allowed = fail(&ret->text, RC_SYSTEM, "no process: %s", strerror(errno)) == RC_OK;
        return;
    }
    if (pid == 0) {
        close(ends[0]);
        interrupt_default();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(judge_apart(ends[1], pinning, call) ? 1 : 0);
    }

    close(ends[1]);
    read_end = ends[0];
    bool is_over = listen_until(&said, read_end, pause_clock_ms() + timeout_s * 1000);
    if (!is_over)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;

    ret->is_allowed = is_over && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    enum rc rc = ret->is_allowed ? RC_OK : RC_UNTRUSTED;
    if (!is_over)
        rc = fail(
            &ret->text, rc, "'%s': not verified within %lld s", call->name, (long long)timeout_s);
    else if (said.len == 0)
        rc = fail(&ret->text, rc, "'%s': the process that verifies has failed", call->name);
    else
        rc = fail(&ret->text, rc, "%s", bytes_text(&said));
    ret->is_allowed = ret->is_allowed && !rc;
}

static int
say(const struct answer *answer)
{
    puts(answer->text.text);
    return fflush(stdout) || !answer->is_allowed ? 1 : 0;
}

static int
deny(const struct why *why)
{
    return say(&(struct answer){false, *why});
}

int
verifier_main(int argc, char **argv)
{
    closing(pinning_freep) struct pinning *pinning = NULL;
    struct call call = {0};
    struct answer answer = {0};
    struct why why;

    if (read_call(&call, argc, argv, &why) || pinning_find(&pinning, NULL, &why))
        return deny(&why);
    if (!pinning && fail(&why, RC_NOT_FOUND,
                        "no root is trusted: neither '" PINNING_OWN_FILE
                        "' nor content-trust in '" PINNING_DAEMON_FILE
                        "' is there; 'countersign root-id' prints what it needs"))
        return deny(&why);

    if (pinning_mode(pinning) == PINNING_DISABLED) {
        answer.is_allowed = !fail(&answer.text, RC_OK,
            "'%s': not verified: '%s' has the mode "
            "'disabled'",
            call.name, pinning_path(pinning));
        return say(&answer);
    }

    ask(&answer, pinning, &call);
    if (answer.is_allowed || pinning_mode(pinning) == PINNING_ENFORCED)
        return say(&answer);

    why = answer.text;
    answer.is_allowed = !fail(&answer.text, RC_OK, "let in as the mode of '%s' is 'permissive': %s",
        pinning_path(pinning), why.text);
    return say(&answer);
}
