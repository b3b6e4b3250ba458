/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/file.h"
#include "client/table.h"
#include "proto/attestation.h"
#include "proto/bounds.h"

/* The certificates of a reply, decoded one behind the other. */
struct shown {
    struct bytes der;
    struct span certificates[ATTEST_MAX];
    size_t n;
};

static void
shown_done(struct shown *shown)
{
    bytes_done(&shown->der);
}

static enum rc
decode(struct shown *ret, const json_t *reply, struct why *why)
{
    const json_t *array = NULL;
    struct members m;

    members_open(&m, reply, "reply");
    members_array(&m, "certificates", ATTEST_MAX, &array);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc && !bytes_room(&ret->der, ATTEST_MAX_BYTES)) /* at once: spans point into it */
        rc = fail_memory(why);

    for (size_t i = 0; !rc && i < json_array_size(array); i++) {
        const json_t *text = json_array_get(array, i);
        size_t before = ret->der.len;

        rc = base64_parse(&ret->der, span_of(json_string_value(text)), why);
        ret->certificates[ret->n++] = (struct span){ret->der.p + before, ret->der.len - before};
    }
    return rc;
}

static enum rc
print_json(const struct attestation *a, const char *key, struct why *why)
{
    closing(json_decrefp) json_t *object =
        json_pack("{s:s,s:b,s:b,s:s,s:s,s:s,s:I,s:s*,s:s*}", "key", key, "generated", 1, "rooted",
            a->is_rooted, "subject", a->subject, "issuer", a->issuer, "firmware", a->firmware,
            "serial", (json_int_t)a->serial, "pin", a->pin, "touch", a->touch);

    return object ? table_print_json(object, why) : fail_memory(why);
}

static enum rc
print(const struct attestation *a, const char *key, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT(2);
    const struct {
        const char *name, *value;
    } rows[] = {
        {"key", key},
        {"generated on the device", "yes"},
        {"attested by", a->issuer},
        {"attestation", a->subject},
        {"chain", a->is_rooted ? "verified up to the authority given"
                               : "verified up to the token's own certificate only"},
        {"firmware", a->firmware[0] ? a->firmware : "unknown"},
        {"PIN is wanted", a->pin ? a->pin : "unknown"},
        {"touch is wanted", a->touch ? a->touch : "unknown"},
    };

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        table_cell(&table, rows[i].name);
        table_cell(&table, rows[i].value);
    }
    table_cell(&table, "serial");
    table_cell_printf(&table, "%lld", (long long)a->serial);
    return table_print(&table, why);
}

COMMAND(cmd_key_attest)
{
    const char *ca = session_options(session)->values[OPTION_CA];
    closing(shown_done) struct shown shown = {.der = BYTES_INIT(ATTEST_MAX_BYTES)};
    closing(bytes_done) struct bytes authorities = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(json_decrefp) json_t *parameters = json_pack("{s:s}", "key", arguments[0]);
    closing(json_decrefp) json_t *reply = NULL;
    struct attestation attestation;
    struct signer *signer = NULL;

    (void)n;
    enum rc rc = parameters ? session_signer(&signer, session, why) : fail_memory(why);
    if (!rc && ca)
        rc = file_load(&authorities, ca, why);
    if (!rc)
        rc = agent_call(&reply, signer_call(signer), "AttestKey", parameters, why);
    if (!rc)
        rc = decode(&shown, reply, why);
    if (rc)
        return rc;

    const struct signer_key *key = signer_find(signer, arguments[0]);
    if (!key || !key->plain)
        return fail(why, RC_NOT_FOUND, "the agent has no key '%s'", arguments[0]);

    rc = attestation_read(
        &attestation, shown.certificates, shown.n, key->plain, bytes_span(&authorities), why);
    if (rc)
        return within(why, rc, "key '%s'", arguments[0]);

    if (!ca)
        progress_note(session_progress(session),
            "who made the token is not checked: give the maker's certificate with --ca");
    return options_has(session_options(session), OPTION_JSON)
               ? print_json(&attestation, key->id.hex, why)
               : print(&attestation, key->id.hex, why);
}
