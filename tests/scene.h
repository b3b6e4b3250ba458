/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * scene — a connection under test: its client at the other end, and an owner who answers each call
 * with its number, or not yet. Whatever fails, fails the test.
 */
#include "agent/conn.h"

struct scene {
    sd_event *event;
    struct turns *turns;
    struct accounts *accounts;
    struct account *account; /* one connection of it is nobody's, so that it stays */
    struct conn *conn;
    int fd; /* the client's */
    size_t frame_max;
    bool is_holding;
    size_t answer_bytes; /* 0: the number alone */
    int n_called, n_freed, n_closed, n_garbled, n_cancelled;
};

/* Set-up and tear-down of a test. The latter fails where bytes of frames were not given back. */
int scene_open(void **state);
int scene_close(void **state);

/* Let the loop do all that there is to do now. */
void scene_pump(struct scene *scene);
/* Send what the connection takes. */
void scene_say_bytes(struct scene *scene, const char *bytes, size_t len);
void scene_say(struct scene *scene, const char *text); /* without its NUL */

#define SCENE_CALL "{\"method\":\"a.B\"}"
void scene_call(struct scene *scene);
/* A call of exactly len bytes; free(). */
char *scene_call_text(size_t len);

/* As the owner: answer the call that was not answered yet. */
void scene_reply(struct scene *scene, struct conn *conn);

/* The next answer; "" where there is none yet, "EOF" where there will be none. */
const char *scene_hear(struct scene *scene);
void scene_assert_answer(struct scene *scene, int n); /* the one to the nth call */
/* An error with bound in its parameters, and the end of the connection. */
void scene_assert_last_word(struct scene *scene, const char *error, const char *bound);
