/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of images, repositories, tags and roles, against docker's grammar as regular expressions.
 * What is taken can be said in full, and then means the same.
 */
#include "proto/reference.h"

#include <regex.h>

#include "proto/role.h"
#include "tests/fuzz.h"

#define COMPONENT "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
#define LABEL     "([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"

static regex_t path_form, host_form, tag_form, digest_form, role_form;

static void
compile(regex_t *ret, const char *pattern)
{
    int error = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);

    assert(!error);
}

static void
compile_all(void)
{
    static bool is_done;

    if (is_done)
        return;

    is_done = true;
    compile(&path_form, "^" COMPONENT "(/" COMPONENT ")*$");
    compile(&host_form, "^(" LABEL "(\\." LABEL ")*|\\[[a-fA-F0-9:]+\\])(:[0-9]+)?$");
    compile(&tag_form, "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$");
    compile(&digest_form, "^sha256:[a-f0-9]{64}$");
    compile(&role_form, "^targets(/[-a-z0-9_]+)+$");
}

static bool
fits(const regex_t *form, const char *text)
{
    return regexec(form, text, 0, NULL, 0) == 0;
}

static void
check_reference(const struct reference *ref)
{
    closing(reference_done) struct reference again = {0};
    closing(freep) char *normal = NULL, *whole = NULL;

    assert(fits(&host_form, ref->host) && fits(&path_form, ref->path));
    assert(!ref->tag || fits(&tag_form, ref->tag));
    assert(!ref->digest || fits(&digest_form, ref->digest));
    assert(strlen(ref->repository) == strlen(ref->host) + 1 + strlen(ref->path));
    assert(!repository_normalise(&normal, ref->repository, NULL));
    assert(!strcmp(normal, ref->repository) && repository_is_normal(normal));

    int len = asprintf(&whole, "%s%s%s%s%s", ref->repository, ref->tag ? ":" : "",
        ref->tag ? ref->tag : "", ref->digest ? "@" : "", ref->digest ? ref->digest : "");
    assert(len > 0 && !reference_parse(&again, whole, NULL));
    assert(!strcmp(again.repository, ref->repository) && !strcmp(again.host, ref->host));
}

static void
check_repository(const char *text)
{
    closing(freep) char *normal = NULL;

    bool is_one = !repository_normalise(&normal, text, NULL);
    assert(!is_one || (repository_is_normal(normal) && strlen(normal) <= REPOSITORY_MAX_BYTES));
    assert(!is_one || (span_is_text(span_of(normal)) && !strchr(normal, '*')));
    assert(!is_one || (!strstr(normal, "//") && !strstr(normal, "/../") && *normal != '/'));
}

static void
check_role(struct span in, const char *text)
{
    static const char *const base[] = {"root", "targets", "snapshot", "timestamp"};
    enum rank rank = role_rank(in), want = RANK_MAX_;

    for (size_t i = 0; i < N_ELEMENTS(base); i++)
        if (!strcmp(text, base[i]))
            want = (enum rank)i;
    if (fits(&role_form, text) && in.len <= ROLE_MAX_BYTES)
        want = RANK_DELEGATION;
    assert(rank == want || strlen(text) < in.len);
    if (rank == RANK_DELEGATION)
        assert(role_is_child(in, role_parent(in)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(reference_done) struct reference ref = {0};
    struct span in = {data, len};

    compile_all();
    closing(freep) char *text = fuzz_text(in);
    if (!reference_parse(&ref, text, NULL))
        check_reference(&ref);
    check_repository(text);
    check_role(in, text);
    if (strlen(text) == len)
        assert(tag_is_valid(in) == fits(&tag_form, text));
    else
        assert(!tag_is_valid(in) && role_rank(in) == RANK_MAX_);

    return 0;
}
