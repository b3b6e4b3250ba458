/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * softhttp — stands in for client/http, and for client/pause: servers within the test, whose
 * answers are parts of one text. A program that links it has no network, and waits for nobody.
 *
 * An answer is a head, an empty line and a body, with "%%" between two of them (fuzz.h). After the
 * last one nobody answers.
 */
#include "client/http.h"

#define SOFTHTTP_ASKED_MAX 4096

struct softhttp_asked {
    char *url;
    bool has_authorization;
};

void softhttp_start(struct span answers);
/* What was asked since then; more than fit is an assertion. */
size_t softhttp_n_asked(void);
const struct softhttp_asked *softhttp_asked(size_t i);
/* The latest answer. */
struct span softhttp_body(void);
void softhttp_end(void);
