/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/seclusion.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

_Static_assert(FORBIDDEN_MAX == 4 + TOKENS_MAX - 1, "all paths below have room");

struct seclusion {
    char *state_dir, *policy, *policy_d;
};

static enum rc
make_absolute(char **ret, const char *path, struct why *why)
{
    closing(freep) char *here = NULL;
    char *absolute = NULL;

    if (*path != '/') {
        here = getcwd(NULL, 0);
        if (!here)
            return fail(why, RC_SYSTEM, "cannot tell where '%s' is: %s; use an absolute path", path,
                strerror(errno));
    }

    if (asprintf(&absolute, "%s%s%s", here ? here : "", here ? "/" : "", path) < 0)
        return fail_memory(why);

    *ret = absolute;
    return RC_OK;
}

enum rc
seclusion_new(
    struct seclusion **ret, const char *policy_path, const char *state_dir, struct why *why)
{
    closing(seclusion_freep) struct seclusion *seclusion = calloc(1, sizeof *seclusion);
    if (!seclusion)
        return fail_memory(why);

    enum rc rc = make_absolute(&seclusion->state_dir, state_dir, why);
    if (!rc)
        rc = make_absolute(&seclusion->policy, policy_path, why);
    if (rc)
        return rc;

    int directory_len = (int)(strrchr(seclusion->policy, '/') - seclusion->policy);
    if (asprintf(&seclusion->policy_d, "%.*s/policy.d", directory_len, seclusion->policy) < 0) {
        seclusion->policy_d = NULL;
        return fail_memory(why);
    }

    *ret = steal(seclusion);
    return RC_OK;
}

void
seclusion_free(struct seclusion *seclusion)
{
    if (!seclusion)
        return;

    free(seclusion->state_dir);
    free(seclusion->policy);
    free(seclusion->policy_d);
    free(seclusion);
}

static void
add(struct frame_open *open, const char *path, bool is_readable)
{
    assert(open->n_forbidden < FORBIDDEN_MAX);
    open->forbidden[open->n_forbidden++] = (struct frame_forbidden){span_of(path), is_readable};
}

void
seclusion_put(struct frame_open *open, const struct seclusion *seclusion,
    const struct policy *policy, const struct policy_token *token)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");

    add(open, seclusion->state_dir, false);
    add(open, seclusion->policy, true);
    add(open, seclusion->policy_d, true);
    if (credentials)
        add(open, credentials, false);

    for (size_t i = 0; i < policy->n_tokens; i++) {
        const struct policy_token *other = &policy->tokens[i];
        bool is_shared = token->pin == POLICY_PIN_FILE && other->pin == POLICY_PIN_FILE &&
                         !strcmp(token->pin_source, other->pin_source);
        if (other != token && other->pin == POLICY_PIN_FILE && !is_shared)
            add(open, other->pin_source, false);
    }
}
