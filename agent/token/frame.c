/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/frame.h"

#define HEADER_BYTES 12 /* type, id, length of what follows */

/* What is left to read. After a failed read it is empty and stays so. */
struct reader {
    struct span rest;
    bool has_failed;
};

static struct span
get_bytes(struct reader *r, size_t len)
{
    if (r->has_failed || len > r->rest.len) {
        *r = (struct reader){.has_failed = true};
        return (struct span){0};
    }

    struct span got = {r->rest.p, len};
    r->rest = (struct span){r->rest.p + len, r->rest.len - len};
    return got;
}

static uint64_t
get_number(struct reader *r, size_t len)
{
    struct span s = get_bytes(r, len);
    uint64_t number = 0;

    for (size_t i = 0; i < s.len; i++)
        number = number << 8 | s.p[i];
    return number;
}

/* A number within [min, max]; min after a failure. */
static unsigned
get_within(struct reader *r, size_t len, unsigned min, unsigned max)
{
    uint64_t number = get_number(r, len);

    if (number >= min && number <= max)
        return (unsigned)number;

    *r = (struct reader){.has_failed = true};
    return min;
}

static struct span
get_string(struct reader *r)
{
    return get_bytes(r, get_number(r, 4));
}

static struct span
get_text(struct reader *r)
{
    struct span text = get_string(r);

    if (!span_is_text(text))
        *r = (struct reader){.has_failed = true};
    return r->has_failed ? (struct span){0} : text;
}

static void
put_number(struct bytes *b, uint64_t number, size_t len)
{
    while (len-- > 0)
        bytes_putc(b, (uint8_t)(number >> (8 * len)));
}

static void
put_string(struct bytes *b, struct span s)
{
    put_number(b, s.len, 4);
    bytes_put(b, s);
}

static void
put_open(struct bytes *b, const struct frame *f)
{
    put_number(b, f->open.pin, 1);
    put_string(b, f->open.module);
    put_string(b, f->open.uri);
    put_string(b, f->open.pin_source);
    put_number(b, f->open.timeout_s, 2);
    put_string(b, f->open.serial);
    put_string(b, f->open.identity);
    put_number(b, f->open.network, 1);
    put_number(b, f->open.n_forbidden, 1);
    for (size_t i = 0; i < f->open.n_forbidden; i++) {
        put_string(b, f->open.forbidden[i].path);
        put_number(b, f->open.forbidden[i].is_readable, 1);
    }
}

static void
get_open(struct reader *r, struct frame *f)
{
    f->open.pin = (enum token_pin)get_within(r, 1, 0, TOKEN_PIN_MAX_ - 1);
    f->open.module = get_text(r);
    f->open.uri = get_text(r);
    f->open.pin_source = get_text(r);
    f->open.timeout_s = get_within(r, 2, 1, TOKEN_TIMEOUT_MAX_S);
    f->open.serial = get_text(r);
    f->open.identity = get_text(r);
    f->open.network = get_within(r, 1, 0, 1);
    f->open.n_forbidden = get_within(r, 1, 0, FORBIDDEN_MAX);
    for (size_t i = 0; i < f->open.n_forbidden; i++) {
        f->open.forbidden[i].path = get_text(r);
        f->open.forbidden[i].is_readable = get_within(r, 1, 0, 1);
    }
}

static void
put_login(struct bytes *b, const struct frame *f)
{
    put_number(b, f->login.force, 1);
}

static void
get_login(struct reader *r, struct frame *f)
{
    f->login.force = get_within(r, 1, 0, 1);
}

static void
put_unlock(struct bytes *b, const struct frame *f)
{
    put_string(b, f->unlock.source);
}

static void
get_unlock(struct reader *r, struct frame *f)
{
    f->unlock.source = get_text(r);
}

static void
put_unlocked(struct bytes *b, const struct frame *f)
{
    put_number(b, f->unlocked.rc, 1);
    put_string(b, f->unlocked.detail);
}

static void
get_unlocked(struct reader *r, struct frame *f)
{
    f->unlocked.rc = (enum rc)get_within(r, 1, 0, RC_MAX_ - 1);
    f->unlocked.detail = get_text(r);
}

static void
put_nothing(struct bytes *b, const struct frame *f)
{
    (void)b;
    (void)f;
}

static void
get_nothing(struct reader *r, struct frame *f)
{
    (void)r;
    (void)f;
}

static void
put_find(struct bytes *b, const struct frame *f)
{
    put_number(b, f->find.place, 4);
    put_string(b, f->find.uri);
    put_string(b, f->find.spki);
    put_number(b, f->find.is_anew, 1);
}

static void
get_find(struct reader *r, struct frame *f)
{
    f->find.place = get_within(r, 4, 0, TOKEN_KEYS_MAX - 1);
    f->find.uri = get_text(r);
    f->find.spki = get_string(r);
    f->find.is_anew = get_within(r, 1, 0, 1);
}

static void
put_sign(struct bytes *b, const struct frame *f)
{
    put_number(b, f->sign.n_jobs, 1);
    for (size_t i = 0; i < f->sign.n_jobs; i++) {
        const struct frame_job *job = &f->sign.jobs[i];
        put_number(b, job->place, 4);
        put_number(b, job->method, 1);
        bytes_put(b, digest_span(&job->digest));
    }
}

static void
get_sign(struct reader *r, struct frame *f)
{
    f->sign.n_jobs = get_within(r, 1, 1, WORKER_BATCH_MAX);
    for (size_t i = 0; i < f->sign.n_jobs; i++) {
        struct frame_job *job = &f->sign.jobs[i];
        job->place = get_within(r, 4, 0, TOKEN_KEYS_MAX - 1);
        job->method = (enum verify_method)get_within(r, 1, 0, VERIFY_METHOD_MAX_ - 1);
        struct span digest = get_bytes(r, sizeof job->digest.b);
        if (digest.len > 0)
            memcpy(job->digest.b, digest.p, digest.len);
    }
}

static void
put_generate(struct bytes *b, const struct frame *f)
{
    put_string(b, f->generate.label);
    put_string(b, f->generate.algorithm);
    put_string(b, f->generate.common_name);
}

static void
get_generate(struct reader *r, struct frame *f)
{
    f->generate.label = get_text(r);
    f->generate.algorithm = get_text(r);
    f->generate.common_name = get_text(r);
}

static void
put_import(struct bytes *b, const struct frame *f)
{
    put_string(b, f->import.label);
}

static void
get_import(struct reader *r, struct frame *f)
{
    f->import.label = get_text(r);
}

static void
put_state(struct bytes *b, const struct frame *f)
{
    put_number(b, f->state.state, 1);
    put_number(b, f->state.ckr, 8);
    put_string(b, f->state.detail);
}

static void
get_state(struct reader *r, struct frame *f)
{
    f->state.state = (enum token_state)get_within(r, 1, 0, TOKEN_STATE_MAX_ - 1);
    f->state.ckr = get_number(r, 8);
    f->state.detail = get_text(r);
}

static void
put_found(struct bytes *b, const struct frame *f)
{
    put_string(b, f->found.identity);
    put_string(b, f->found.source);
    put_number(b, f->found.wants_pin, 1);
    put_number(b, f->found.is_last_try, 1);
    put_number(b, f->found.wants_touch, 1);
}

static void
get_found(struct reader *r, struct frame *f)
{
    f->found.identity = get_text(r);
    f->found.source = get_text(r);
    f->found.wants_pin = get_within(r, 1, 0, 1);
    f->found.is_last_try = get_within(r, 1, 0, 1);
    f->found.wants_touch = get_within(r, 1, 0, 1);
}

static void
put_provenance(struct bytes *b, const struct key_provenance *provenance)
{
    put_number(b, provenance->origin, 1);
    put_number(b, provenance->is_extractable_known, 1);
    put_number(b, provenance->is_extractable, 1);
}

static void
get_provenance(struct reader *r, struct key_provenance *ret)
{
    ret->origin = (enum key_origin)get_within(r, 1, 0, KEY_ORIGIN_MAX_ - 1);
    ret->is_extractable_known = get_within(r, 1, 0, 1);
    ret->is_extractable = get_within(r, 1, 0, 1);
}

static void
put_key(struct bytes *b, const struct frame *f)
{
    put_number(b, f->key.place, 4);
    put_number(b, f->key.n_matches, 4);
    put_number(b, f->key.methods, 1);
    put_number(b, f->key.with_message, 1);
    put_string(b, f->key.spki);
    put_string(b, f->key.detail);
    put_provenance(b, &f->key.provenance);
}

static void
get_key(struct reader *r, struct frame *f)
{
    f->key.place = get_within(r, 4, 0, TOKEN_KEYS_MAX - 1);
    f->key.n_matches = get_within(r, 4, 0, TOKEN_KEYS_MAX);
    f->key.methods = get_within(r, 1, 0, (1 << VERIFY_METHOD_MAX_) - 1);
    f->key.with_message = get_within(r, 1, 0, f->key.methods);
    if (f->key.with_message & ~f->key.methods)
        *r = (struct reader){.has_failed = true};
    f->key.spki = get_string(r);
    f->key.detail = get_text(r);
    get_provenance(r, &f->key.provenance);
}

static void
put_signed(struct bytes *b, const struct frame *f)
{
    put_number(b, f->sigs.n_results, 1);
    for (size_t i = 0; i < f->sigs.n_results; i++) {
        const struct frame_result *result = &f->sigs.results[i];
        put_number(b, result->rc, 1);
        put_string(b, result->signature);
        put_string(b, result->detail);
    }
}

static void
get_signed(struct reader *r, struct frame *f)
{
    f->sigs.n_results = get_within(r, 1, 1, WORKER_BATCH_MAX);
    for (size_t i = 0; i < f->sigs.n_results; i++) {
        struct frame_result *result = &f->sigs.results[i];
        result->rc = (enum rc)get_within(r, 1, 0, RC_MAX_ - 1);
        result->signature = get_string(r);
        result->detail = get_text(r);
        if ((result->rc == RC_OK) != (result->signature.len > 0) ||
            result->signature.len > SIGNATURE_MAX_BYTES)
            *r = (struct reader){.has_failed = true};
    }
}

static void
put_ended(struct bytes *b, const struct frame *f)
{
    put_number(b, f->ended.is_killed, 1);
    put_number(b, f->ended.number, 1);
}

static void
get_ended(struct reader *r, struct frame *f)
{
    f->ended.is_known = true;
    f->ended.is_killed = get_within(r, 1, 0, 1);
    f->ended.number = get_within(r, 1, 0, 255);
}

static void
put_made(struct bytes *b, const struct frame *f)
{
    put_number(b, f->made.rc, 1);
    put_string(b, f->made.spki);
    put_string(b, f->made.detail);
    put_provenance(b, &f->made.provenance);
    put_string(b, f->made.certificate);
}

static void
get_made(struct reader *r, struct frame *f)
{
    f->made.rc = (enum rc)get_within(r, 1, 0, RC_MAX_ - 1);
    f->made.spki = get_string(r);
    f->made.detail = get_text(r);
    get_provenance(r, &f->made.provenance);
    f->made.certificate = get_string(r);
    if ((f->made.rc == RC_OK) != (f->made.spki.len > 0))
        *r = (struct reader){.has_failed = true};
}

static void
put_attest(struct bytes *b, const struct frame *f)
{
    put_number(b, f->attest.place, 4);
}

static void
get_attest(struct reader *r, struct frame *f)
{
    f->attest.place = get_within(r, 4, 0, TOKEN_KEYS_MAX - 1);
}

static void
put_attested(struct bytes *b, const struct frame *f)
{
    put_number(b, f->attested.rc, 1);
    put_number(b, f->attested.n_certificates, 1);
    for (size_t i = 0; i < f->attested.n_certificates; i++)
        put_string(b, f->attested.certificates[i]);
    put_string(b, f->attested.detail);
}

static void
get_attested(struct reader *r, struct frame *f)
{
    f->attested.rc = (enum rc)get_within(r, 1, 0, RC_MAX_ - 1);
    f->attested.n_certificates = get_within(r, 1, 0, ATTEST_MAX);
    for (size_t i = 0; i < f->attested.n_certificates; i++)
        f->attested.certificates[i] = get_string(r);
    f->attested.detail = get_text(r);
    if ((f->attested.rc == RC_OK) != (f->attested.n_certificates > 0))
        *r = (struct reader){.has_failed = true};
}

static const struct {
    const char *name;
    enum frame_side from;
    void (*put)(struct bytes *b, const struct frame *f);
    void (*get)(struct reader *r, struct frame *f);
} kinds[FRAME_TYPE_MAX_] = {
    [FRAME_OPEN] = {"OPEN", FRAME_FROM_AGENT, put_open, get_open},
    [FRAME_LOGIN] = {"LOGIN", FRAME_FROM_AGENT, put_login, get_login},
    [FRAME_FIND] = {"FIND", FRAME_FROM_AGENT, put_find, get_find},
    [FRAME_SIGN] = {"SIGN", FRAME_FROM_AGENT, put_sign, get_sign},
    [FRAME_UNLOCK] = {"UNLOCK", FRAME_FROM_AGENT, put_unlock, get_unlock},
    [FRAME_GIVE] = {"GIVE", FRAME_FROM_AGENT, put_nothing, get_nothing},
    [FRAME_GENERATE] = {"GENERATE", FRAME_FROM_AGENT, put_generate, get_generate},
    [FRAME_IMPORT] = {"IMPORT", FRAME_FROM_AGENT, put_import, get_import},
    [FRAME_STATE] = {"STATE", FRAME_FROM_WORKER, put_state, get_state},
    [FRAME_FOUND] = {"FOUND", FRAME_FROM_WORKER, put_found, get_found},
    [FRAME_KEY] = {"KEY", FRAME_FROM_WORKER, put_key, get_key},
    [FRAME_SIGNED] = {"SIGNED", FRAME_FROM_WORKER, put_signed, get_signed},
    [FRAME_UNLOCKED] = {"UNLOCKED", FRAME_FROM_WORKER, put_unlocked, get_unlocked},
    [FRAME_ENDED] = {"ENDED", FRAME_FROM_WORKER, put_ended, get_ended},
    [FRAME_MADE] = {"MADE", FRAME_FROM_WORKER, put_made, get_made},
    [FRAME_ATTEST] = {"ATTEST", FRAME_FROM_AGENT, put_attest, get_attest},
    [FRAME_ATTESTED] = {"ATTESTED", FRAME_FROM_WORKER, put_attested, get_attested},
};

enum rc
frame_format(struct bytes *b, const struct frame *frame, struct why *why)
{
    closing(bytes_done) struct bytes body = BYTES_INIT(WORKER_MESSAGE_BYTES - HEADER_BYTES);

    kinds[frame->type].put(&body, frame);
    enum rc rc = bytes_check(&body, why);
    if (rc)
        return within(why, rc, "message %s", kinds[frame->type].name);

    put_number(b, frame->type, 4);
    put_number(b, frame->id, 4);
    put_string(b, bytes_span(&body));
    return bytes_check(b, why);
}

enum rc
frame_parse(struct frame *ret, struct span message, enum frame_side from, struct why *why)
{
    struct reader r = {.rest = message};
    uint64_t type = get_number(&r, 4);
    uint64_t id = get_number(&r, 4);
    uint64_t len = get_number(&r, 4);
    struct frame frame = {.id = (uint32_t)id};

    if (r.has_failed || message.len > WORKER_MESSAGE_BYTES || len != r.rest.len)
        return fail(why, RC_MALFORMED, "%zu bytes are no message", message.len);

    if (type >= FRAME_TYPE_MAX_ || kinds[type].from != from)
        return fail(why, RC_MALFORMED, "unexpected message of type %u", (unsigned)type);

    frame.type = (enum frame_type)type;
    kinds[type].get(&r, &frame);
    if (r.has_failed || r.rest.len > 0)
        return fail(why, RC_MALFORMED, "message %s is malformed", kinds[type].name);

    *ret = frame;
    return RC_OK;
}
