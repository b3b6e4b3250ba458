/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "client/command.h"
#include "client/natural.h"
#include "client/released.h"
#include "client/table.h"
#include "proto/reference.h"
#include "proto/wire.h"

/*
 * What goes to standard output is that of docker trust inspect 28, byte for byte. Where docker
 * keeps silent about the cause, or shows what nobody will pull, standard error tells.
 */

#define ADMIN        "Repo Admin" /* docker's signer of what only base roles hold */
#define SHORT_ID_LEN 12           /* of a key ID in tables */

/* One argument, looked up. */
struct inspected {
    const char *argument;
    const struct trust *trust;
    const struct trust_role **signers; /* all delegations but releases, by name */
    size_t n_signers;
    struct released released;
};

static void
inspected_done(struct inspected *inspected)
{
    free(inspected->signers);
    released_done(&inspected->released);
}

static int
signer_cmp(const void *a, const void *b)
{
    const struct trust_role *const *x = a, *const *y = b;

    return strcmp(released_signer(*x), released_signer(*y));
}

static enum rc
list_signers(struct inspected *inspected, struct why *why)
{
    size_t n = trust_n_roles(inspected->trust);

    inspected->signers = calloc(n, sizeof *inspected->signers);
    if (!inspected->signers)
        return fail_memory(why);

    for (size_t i = 1; i < n; i++) {
        const struct trust_role *role = trust_role_at(inspected->trust, i);
        if (strcmp(role->name, "targets/releases") != 0)
            inspected->signers[inspected->n_signers++] = role;
    }
    qsort(inspected->signers, inspected->n_signers, sizeof(struct trust_role *), signer_cmp);
    return RC_OK;
}

static enum rc
inspect(struct inspected *ret, struct session *session, const char *argument, struct why *why)
{
    closing(reference_done) struct reference ref = {0};
    struct repository *repository = NULL;

    enum rc rc = reference_parse(&ref, argument, why);
    if (!rc)
        rc = session_repository(&repository, session, ref.repository, why);
    if (!rc)
        rc = session_read(session, repository, why);
    if (rc)
        return rc;

    ret->argument = argument;
    ret->trust = repository->trust;
    rc = list_signers(ret, why);
    /* Like docker: with a digest, all tags. */
    if (!rc)
        rc = released_for_docker(&ret->released, trust_role_at(ret->trust, 0),
            trust_n_roles(ret->trust), ref.digest ? NULL : ref.tag, why);
    if (rc)
        return rc;

    if (ref.tag && !ref.digest && ret->released.n == 0)
        return fail(why, RC_UNTRUSTED, "'%s' is not signed", argument);

    return RC_OK;
}

/* Of a role: its keys by their canonical IDs for signers, as they are listed for base roles. */
static const char *
key_id(const struct tuf_role *listed, size_t i, const struct tuf_keys *keys)
{
    const struct pubkey *key = keys ? tuf_keys_find(keys, &listed->keyids[i]) : NULL;

    return key ? pubkey_canonical_id(key)->hex : listed->keyids[i].hex;
}

static const char *
row_digest(char ret[DIGEST_HEX_LEN + 1], const struct released_row *row)
{
    ret[0] = 0;
    if (row->target->hashes.has_sha256)
        digest_hex(ret, &row->target->hashes.sha256);
    return ret;
}

/* JSON as Go indents it; sticky, as struct bytes is. */
struct json_text {
    struct bytes bytes;
    int depth;
    bool is_empty; /* nothing was put since the last bracket was opened */
};

static void
json_start(struct json_text *json, const char *name)
{
    if (!json->is_empty)
        bytes_putc(&json->bytes, ',');
    if (json->depth > 0)
        bytes_printf(&json->bytes, "\n%*s", 4 * json->depth, "");
    if (name)
        bytes_printf(&json->bytes, "\"%s\": ", name);
    json->is_empty = false;
}

static void
json_open(struct json_text *json, const char *name, char bracket)
{
    json_start(json, name);
    bytes_putc(&json->bytes, (uint8_t)bracket);
    json->depth++;
    json->is_empty = true;
}

static void
json_close(struct json_text *json, char bracket)
{
    json->depth--;
    if (!json->is_empty)
        bytes_printf(&json->bytes, "\n%*s", 4 * json->depth, "");
    bytes_putc(&json->bytes, (uint8_t)bracket);
    json->is_empty = false;
}

/* No text here has control characters: the scanner refuses them in names. */
static void
json_put(struct json_text *json, const char *name, const char *text)
{
    json_start(json, name);
    canon_put_string(&json->bytes, span_of(text));
}

static void
put_holder(struct json_text *json, const char *name, const struct tuf_role *listed,
    const struct tuf_keys *keys)
{
    json_open(json, NULL, '{');
    json_put(json, "Name", name);
    /* Go leaves an empty list out. */
    if (listed->n_keyids > 0) {
        json_open(json, "Keys", '[');
        for (size_t i = 0; i < listed->n_keyids; i++) {
            json_open(json, NULL, '{');
            json_put(json, "ID", key_id(listed, i, keys));
            json_close(json, '}');
        }
        json_close(json, ']');
    }
    json_close(json, '}');
}

static void
put_row(struct json_text *json, const struct released_row *row)
{
    char digest[DIGEST_HEX_LEN + 1];

    json_open(json, NULL, '{');
    json_put(json, "SignedTag", row->name);
    json_put(json, "Digest", row_digest(digest, row));
    json_open(json, "Signers", '[');
    for (size_t i = 0; i < row->n_signers; i++)
        json_put(json, NULL, released_signer(row->signers[i]));
    if (row->n_signers == 0)
        json_put(json, NULL, ADMIN);
    json_close(json, ']');
    json_close(json, '}');
}

static void
put_inspected(struct json_text *json, const struct inspected *inspected)
{
    const struct tuf_role *base = trust_root(inspected->trust)->roles;

    json_open(json, NULL, '{');
    json_put(json, "Name", inspected->argument);
    json_open(json, "SignedTags", '[');
    for (size_t i = 0; i < inspected->released.n; i++)
        put_row(json, &inspected->released.rows[i]);
    json_close(json, ']');
    json_open(json, "Signers", '[');
    /* The last name first, as docker has it. */
    for (size_t i = inspected->n_signers; i > 0; i--) {
        const struct trust_role *role = inspected->signers[i - 1];
        put_holder(json, released_signer(role), role->listed, role->listed_keys);
    }
    json_close(json, ']');
    json_open(json, "AdministrativeKeys", '[');
    put_holder(json, "Root", &base[RANK_ROOT], NULL);
    put_holder(json, "Repository", &base[RANK_TARGETS], NULL);
    json_close(json, ']');
    json_close(json, '}');
}

static enum rc
json_print(const struct json_text *json, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(BYTES_LIMIT);

    /* Go escapes the same five characters in all of its JSON. */
    wire_format(&text, bytes_span(&json->bytes));
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    return puts(bytes_text(&text)) < 0 ? fail(why, RC_SYSTEM, "cannot write to standard output")
                                       : RC_OK;
}

static void
json_done(struct json_text *json)
{
    bytes_done(&json->bytes);
}

/* All arguments that can be inspected. Of several failures the last is the caller's to report. */
static enum rc
inspect_for_programs(struct session *session, char **arguments, size_t n, struct why *why)
{
    closing(json_done) struct json_text json = {.bytes = BYTES_INIT(BYTES_LIMIT), .is_empty = true};
    enum rc first = RC_OK;

    json_open(&json, NULL, '[');
    for (size_t i = 0; i < n; i++) {
        closing(inspected_done) struct inspected inspected = {0};
        struct why problem;

        enum rc rc = inspect(&inspected, session, arguments[i], &problem);
        if (inspected.trust)
            put_inspected(&json, &inspected);
        if (!rc)
            continue;

        if (first)
            progress_note(session_progress(session), "%s", why->text);
        first = first ? first : rc;
        *why = problem;
    }
    json_close(&json, ']');

    enum rc rc = bytes_check(&json.bytes, first ? NULL : why);
    if (!rc)
        rc = json_print(&json, first ? NULL : why);
    return first ? first : rc;
}

static int
text_cmp(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* "a, b", sorted. */
static enum rc
join_sorted(struct bytes *ret, const char **texts, size_t n, int length, struct why *why)
{
    qsort(texts, n, sizeof(char *), text_cmp);
    for (size_t i = 0; i < n; i++)
        bytes_printf(ret, "%s%.*s", i > 0 ? ", " : "", length, texts[i]);

    return bytes_check(ret, why);
}

static enum rc
join_keys(struct bytes *ret, const struct tuf_role *listed, const struct tuf_keys *keys, int length,
    struct why *why)
{
    closing(freep) const char **ids = calloc(listed->n_keyids + 1, sizeof *ids);
    if (!ids)
        return fail_memory(why);

    for (size_t i = 0; i < listed->n_keyids; i++)
        ids[i] = key_id(listed, i, keys);
    return join_sorted(ret, ids, listed->n_keyids, length, why);
}

static enum rc
join_signers(struct bytes *ret, const struct released_row *row, struct why *why)
{
    closing(freep) const char **names = calloc(row->n_signers + 1, sizeof *names);
    if (!names)
        return fail_memory(why);

    for (size_t i = 0; i < row->n_signers; i++)
        names[i] = released_signer(row->signers[i]);
    if (row->n_signers == 0)
        bytes_puts(ret, "(" ADMIN ")");
    return join_sorted(ret, names, row->n_signers, INT_MAX, why);
}

static enum rc
print_rows(const struct inspected *inspected, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT(3);
    closing(bytes_done) struct bytes signers = BYTES_INIT(BYTES_LIMIT);
    char digest[DIGEST_HEX_LEN + 1];

    if (inspected->released.n == 0) {
        printf("\nNo signatures for %s\n\n", inspected->argument);
        return RC_OK;
    }

    printf("\nSignatures for %s\n\n", inspected->argument);
    table_header(&table, (const char *[]){"SIGNED TAG", "DIGEST", "SIGNERS"});
    for (size_t i = 0; i < inspected->released.n; i++) {
        const struct released_row *row = &inspected->released.rows[i];

        bytes_clear(&signers);
        enum rc rc = join_signers(&signers, row, why);
        if (rc)
            return rc;

        table_cell(&table, row->name);
        table_cell(&table, row_digest(digest, row));
        table_cell(&table, bytes_text(&signers));
    }

    return table_print(&table, why);
}

static int
natural_signer_cmp(const void *a, const void *b)
{
    const struct trust_role *const *x = a, *const *y = b;

    return natural_cmp(span_of(released_signer(*x)), span_of(released_signer(*y)));
}

static enum rc
print_signers(struct inspected *inspected, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT(2);
    closing(bytes_done) struct bytes keys = BYTES_INIT(BYTES_LIMIT);

    if (inspected->n_signers == 0)
        return RC_OK;

    printf("\nList of signers and their keys for %s\n\n", inspected->argument);
    table_header(&table, (const char *[]){"SIGNER", "KEYS"});
    qsort(
        inspected->signers, inspected->n_signers, sizeof(struct trust_role *), natural_signer_cmp);
    for (size_t i = 0; i < inspected->n_signers; i++) {
        const struct trust_role *role = inspected->signers[i];

        bytes_clear(&keys);
        enum rc rc = join_keys(&keys, role->listed, role->listed_keys, SHORT_ID_LEN, why);
        if (rc)
            return rc;

        table_cell(&table, released_signer(role));
        table_cell(&table, bytes_text(&keys));
    }

    return table_print(&table, why);
}

static enum rc
print_admins(const struct inspected *inspected, struct why *why)
{
    static const struct {
        const char *title;
        enum rank rank;
    } holders[] = {{"Repository Key", RANK_TARGETS}, {"Root Key", RANK_ROOT}};

    printf("\nAdministrative keys for %s\n\n", inspected->argument);
    for (size_t i = 0; i < N_ELEMENTS(holders); i++) {
        closing(bytes_done) struct bytes keys = BYTES_INIT(BYTES_LIMIT);

        enum rc rc = join_keys(
            &keys, &trust_root(inspected->trust)->roles[holders[i].rank], NULL, INT_MAX, why);
        if (rc)
            return rc;

        printf("  %s:\t%s\n", holders[i].title, bytes_text(&keys));
    }

    return RC_OK;
}

/* Docker stops at the first argument that cannot be inspected, and so do we; a tag that is not
 * signed is none. */
static enum rc
inspect_for_people(struct session *session, char **arguments, size_t n, struct why *why)
{
    enum rc unsigned_rc = RC_OK;

    for (size_t i = 0; i < n; i++) {
        closing(inspected_done) struct inspected inspected = {0};
        struct why problem;

        enum rc rc = inspect(&inspected, session, arguments[i], &problem);
        if (rc) {
            if (unsigned_rc)
                progress_note(session_progress(session), "%s", why->text);
            *why = problem;
            unsigned_rc = rc;
        }
        if (!inspected.trust)
            return rc;

        rc = print_rows(&inspected, why);
        if (!rc)
            rc = print_signers(&inspected, why);
        if (!rc)
            rc = print_admins(&inspected, why);
        if (rc)
            return rc;

        if (i + 1 < n)
            puts("\n");
    }

    return unsigned_rc;
}

COMMAND(cmd_inspect)
{
    return options_has(session_options(session), OPTION_PRETTY)
               ? inspect_for_people(session, arguments, n, why)
               : inspect_for_programs(session, arguments, n, why);
}
