/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOTHING "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"not found\"}]}"

void
machine_init(struct machine *m)
{
    char template[] = "/tmp/countersign-trust-XXXXXX";

    *m = (struct machine){.dir = strdup(mkdtemp(template))};
    setenv("DOCKER_CONFIG", m->dir, 1); /* no credentials of whoever runs the test */
}

void
machine_answer(struct machine *m, const char *head, struct span body)
{
    assert_in_range(m->n_answers, 0, MACHINE_ANSWERS_MAX - 1);
    struct bytes *text = &m->texts[m->n_answers];

    *text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    bytes_printf(text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, body.len);
    bytes_put(text, body);
    m->answers[m->n_answers++] = bytes_text(text);
}

void
machine_answer_file(struct machine *m, const struct bytes *file)
{
    machine_answer(m, "200 OK", bytes_span(file));
}

void
machine_answer_nothing(struct machine *m)
{
    machine_answer(m, "404 Not Found", SPAN(NOTHING));
}

void
machine_leave(struct machine *m)
{
    trust_free(m->trust);
    m->trust = NULL;
    repo_free(m->repo);
    m->repo = NULL;
    repo_server_free(m->repo_server);
    m->repo_server = NULL;
    if (m->is_serving)
        canned_stop(&m->server);
    m->is_serving = false;
    for (size_t i = 0; i < m->n_answers; i++)
        bytes_done(&m->texts[i]);
    m->n_answers = 0;
}

void
machine_done(struct machine *m)
{
    closing(freep) char *command = NULL;

    machine_leave(m);
    assert_true(asprintf(&command, "rm -rf '%s'", m->dir) > 0);
    assert_int_equal(system(command), 0);
    free(m->dir);
}

/* A new process on this machine; the answers are those given so far. */
void
machine_enter_with(struct machine *m, struct trust_options options)
{
    struct why why = {0};

    m->answers[m->n_answers] = NULL;
    canned_listen(&m->server);
    canned_answer(&m->server, m->answers);
    m->is_serving = true;

    const struct repo_server_options server = {.url = m->server.url, .is_plain_allowed = true};
    options.dir = m->dir;
    options.now = NOW;
    if (repo_server_new(&m->repo_server, &server, "127.0.0.1", &why) ||
        repo_new(&m->repo, m->repo_server, GUN, &why) ||
        trust_new(&m->trust, m->repo, GUN, &options, &why))
        fail_msg("%s", why.text);
}

void
machine_enter(struct machine *m)
{
    machine_enter_with(m, (struct trust_options){0});
}

static size_t
n_requests(const struct machine *m)
{
    size_t n = 0;

    for (const char *at = canned_requests(&m->server); (at = strstr(at, "GET ")); at++)
        n++;
    return n;
}

void
machine_update(struct machine *m)
{
    struct why why = {0};

    if (trust_update(m->trust, &why))
        fail_msg("%s", why.text);
    assert_int_equal(n_requests(m), m->n_answers);
}

void
machine_refuse(struct machine *m, enum rc want, const char *sentence)
{
    struct why why = {0};

    assert_int_equal(trust_update(m->trust, &why), want);
    if (!strstr(why.text, sentence))
        fail_msg("'%s', want '%s'", why.text, sentence);
    assert_int_equal(n_requests(m), m->n_answers);
}

void
machine_see(struct machine *m, const struct repository *r)
{
    machine_answer_file(m, &r->files[TIMESTAMP]);
    machine_answer_file(m, &r->files[ROOT]);
    machine_answer_file(m, &r->files[SNAPSHOT]);
    machine_answer_file(m, &r->files[TARGETS]);
    machine_answer_file(m, &r->files[QA]);
    machine_enter(m);
    machine_update(m);
    assert_true(trust_is_first_use(m->trust));
    machine_leave(m);
}
