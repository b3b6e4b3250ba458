/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stanza.h"

#include <ctype.h>

#include "proto/bounds.h"

#define NAME_ID_LEN 8 /* digits of a key's ID in its name */

static const char delegations[] = "targets/";

static bool
is_base(struct span role)
{
    return span_is(role, "root") || span_is(role, "targets") || span_is(role, "snapshot");
}

void
stanza_begin(struct bytes *b)
{
    bytes_puts(b, "keys:\n");
}

/* docker's delegation keys have the signer's name for a role, notary's the role itself. */
static void
put_roles(struct bytes *b, struct span role)
{
    bool is_whole = span_starts(role, span_of(delegations));

    if (role.len == 0) {
        bytes_puts(b, "        roles: [targets/change-me]\n");
    } else if (is_base(role)) {
        bytes_printf(b, "        roles: [%.*s]\n", (int)role.len, (const char *)role.p);
    } else {
        bytes_printf(b, "        roles: [\"%s%.*s\", targets/releases]\n",
            is_whole ? "" : delegations, (int)role.len, (const char *)role.p);
    }
}

void
stanza_format(struct bytes *b, const struct stanza *s)
{
    bytes_printf(
        b, "  %s:\n    token: %s\n    uri: \"pkcs11:object=%s\"\n", s->name, s->token, s->name);
    if (s->certificate)
        bytes_printf(b, "    certificate: \"%s\"\n", s->certificate);
    bytes_puts(b, "    scope:\n");
    if (s->repository.len > 0)
        bytes_printf(b, "      - repositories: [\"%.*s\"]\n", (int)s->repository.len,
            (const char *)s->repository.p);
    else
        bytes_puts(b, "      - repositories: [registry.example.com/change-me/**]\n");
    put_roles(b, s->role);
}

/* What a policy takes in a name; '-' for anything else. */
static void
put_name(struct bytes *b, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_good = isalnum(text.p[i]) || ((text.p[i] == '_' || text.p[i] == '.') && b->len > 0);
        bytes_putc(b, is_good ? text.p[i] : '-');
    }
}

/* "web" of "registry.example.com/shop/web" */
static struct span
last_part(struct span repository)
{
    size_t at = repository.len;

    while (at > 0 && repository.p[at - 1] != '/')
        at--;
    return (struct span){repository.p + at, repository.len - at};
}

enum rc
stanza_name(
    char **ret, struct span role, struct span repository, const struct keyid *id, struct why *why)
{
    closing(bytes_done) struct bytes name = BYTES_INIT(2 * REPOSITORY_MAX_BYTES);
    struct span head = last_part(repository);

    if (span_starts(role, span_of(delegations)))
        role = (struct span){role.p + strlen(delegations), role.len - strlen(delegations)};
    if (head.len > 0 && isalnum(head.p[0]) && is_base(role)) {
        put_name(&name, head);
        bytes_putc(&name, '-');
    }
    put_name(&name, role.len > 0 && (name.len > 0 || isalnum(role.p[0])) ? role : SPAN("key"));
    if (name.len > POLICY_NAME_MAX_BYTES - NAME_ID_LEN - 1)
        bytes_cut(&name, POLICY_NAME_MAX_BYTES - NAME_ID_LEN - 1);
    if (id)
        bytes_printf(&name, "-%.*s", NAME_ID_LEN, id->hex);

    enum rc rc = bytes_check(&name, why);
    if (rc)
        return rc;

    *ret = strdup(bytes_text(&name));
    return *ret ? RC_OK : fail_memory(why);
}
