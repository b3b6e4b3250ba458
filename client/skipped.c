/* SPDX-License-Identifier: Apache-2.0 */
#include "client/skipped.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/bounds.h"
#include "proto/role.h"

struct skipped {
    const struct trust *trust;
    const struct progress *progress;
    const char *repository;
};

/* Names come from whoever signed them: only scrubbed do they reach a terminal. */
like_printf(2, 3) static void note(const struct skipped *s, const char *fmt, ...)
{
    char head[sizeof((struct why){0}.text)];
    struct why text;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    if (fail(&text, RC_UNTRUSTED, "%s", head))
        progress_note(s->progress, "'%s': %s", s->repository, text.text);
}

static void
note_problem(const struct skipped *s, const struct trust_role *role)
{
    if (role->problem)
        note(s, "readers skip %s, as it does not verify: %s", role->name, role->why.text);
}

static void
note_roles(const struct skipped *s, const struct trust_role *parent)
{
    const struct tuf_targets *document = parent->document;

    for (size_t i = 0; i < document->n_roles; i++) {
        struct span name = document->roles[i].name;
        const char *problem = NULL;

        if (!role_is_child(name, span_of(parent->name)))
            problem = "is no role below it";
        else if (tuf_targets_find_role(document, name) != &document->roles[i])
            problem = "is there before";
        if (problem)
            note(s, "readers skip '%.*s' in the list of %s: it %s", (int)name.len,
                (const char *)name.p, parent->name, problem);
    }
}

static bool
is_admitted(const struct skipped *s, const struct trust_role *role, struct span raw)
{
    closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&name, raw);
    return name.failed || trust_admits(s->trust, role->name, bytes_span(&name));
}

/* The first of n stands for all: there may be very many. */
static void
note_target(const struct skipped *s, const struct tuf_target *first, size_t n, const char *says)
{
    int len = (int)first->name.len;
    const char *name = (const char *)first->name.p;

    if (n == 1)
        note(s, "'%.*s' is %s it", len, name, says);
    else
        note(s, "'%.*s' and %zu more are %s them", len, name, n - 1, says);
}

static void
note_targets(const struct skipped *s, const struct trust_role *role)
{
    size_t n_outside = 0, n_unhashed = 0;
    const struct tuf_target *outside = NULL, *unhashed = NULL;
    char says[ROLE_MAX_BYTES + 64];

    for (size_t i = role->document->n_targets; i-- > 0;) {
        const struct tuf_target *target = &role->document->targets[i];
        if (!is_admitted(s, role, target->name)) {
            outside = target;
            n_outside++;
        }
        if (!target->hashes.has_sha256) {
            unhashed = target;
            n_unhashed++;
        }
    }

    /* Docker shows such a name where all tags are asked for, and refuses to pull it. */
    snprintf(says, sizeof says, "outside the paths of %s: nobody will pull", role->name);
    if (outside)
        note_target(s, outside, n_outside, says);
    snprintf(says, sizeof says, "without sha256 in %s: nobody can verify", role->name);
    if (unhashed)
        note_target(s, unhashed, n_unhashed, says);
}

void
skipped_note(const struct trust *trust, const struct progress *progress)
{
    const struct skipped s = {trust, progress, trust_repository(trust)};

    for (size_t i = 0; i < trust_n_roles(trust); i++) {
        const struct trust_role *role = trust_role_at(trust, i);
        note_problem(&s, role);
        if (role->document) {
            note_roles(&s, role);
            note_targets(&s, role);
        }
    }
}
