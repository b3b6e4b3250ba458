/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/token.h"

#include "agent/token/health.h"
#include "agent/token/inventory.h"
#include "agent/token/ladder.h"
#include "agent/token/module.h"
#include "agent/token/pin.h"
#include "agent/token/signing_key.h"
#include "agent/token/slot.h"
#include "agent/token/uri.h"

#define FIRST_LOOKS_MAX 3 /* before the token counts as absent; later looks are a second apart */

struct token {
    struct module module;
    struct ladder ladder;
    unsigned n_first_looks;
    P11KitUri *uri;
    char *serial, *pinned; /* what it must be; "": anything */
    struct pin_source pin;
    bool is_stale;    /* the module may not know yet that the PIN was changed */
    struct slot slot; /* where the token was last seen */
    struct health health;
    struct inventory inventory;
    struct signing_key keys[TOKEN_KEYS_MAX]; /* by their place */
    bool was_there[TOKEN_KEYS_MAX];          /* likewise: some key, when it was looked for last */
    enum token_state state;
    CK_RV rv;          /* behind that */
    struct bytes spki; /* of the last find */
    struct why detail; /* likewise */
    uint8_t signatures[WORKER_BATCH_MAX][SIGNATURE_MAX_BYTES];
    struct why details[WORKER_BATCH_MAX];
};

enum token_state
token_state(const struct token *token)
{
    return token->state;
}

uint64_t
token_ckr(const struct token *token)
{
    return token->rv;
}

bool
token_is_spent(const struct token *token)
{
    /* Nobody else has a PIN that people typed. */
    return token->ladder.rung == RUNG_PROCESS && !token->pin.received;
}

unsigned
token_pause_ms(const struct token *token)
{
    return ladder_pause_ms(&token->ladder);
}

/* The state that a failure leaves the token in, where no code of the module says so. */
static enum rc
enter(struct token *token, enum token_state state, enum rc rc)
{
    token->state = state;
    token->rv = CKR_OK;
    return rc;
}

/* What a call ended with, where that leaves nothing to be torn down. */
static enum rc
failed(struct token *token, const struct ckr *ckr, CK_RV rv, const char *call, struct why *why)
{
    token->state = ckr->state != TOKEN_READY ? ckr->state : TOKEN_FAILING;
    token->rv = rv;
    return ckr_fail(ckr, rv, call, why);
}

/* The token was there, and is not any more. */
static enum rc
lost(struct token *token, CK_RV rv, const char *call, struct why *why)
{
    const struct ckr *ckr = ckr_find(rv);

    ladder_fall(&token->ladder, ckr->rung);
    return failed(token, ckr, rv, call, why);
}

enum rc
token_new(struct token **ret, const struct frame_open *open, struct why *why)
{
    closing(token_freep) struct token *token = calloc(1, sizeof *token);
    closing(freep) char *module = span_dup(open->module);
    if (!token || !module)
        return fail_memory(why);

    token->spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    token->state = TOKEN_FAILING;
    guard_set_timeout(open->timeout_s);
    token->serial = span_dup(open->serial);
    token->pinned = span_dup(open->identity);
    if (!token->serial || !token->pinned)
        return fail_memory(why);

    enum rc rc = pin_source_init(&token->pin, open->pin, open->pin_source, why);
    if (!rc)
        rc = uri_new(&token->uri, open->uri, why);
    if (!rc)
        rc = module_load(&token->module, module, why);
    if (rc)
        return rc;

    *ret = steal(token);
    return RC_OK;
}

/* What was found behind handles that are over. */
static void
forget_keys(struct token *token)
{
    for (size_t i = 0; i < TOKEN_KEYS_MAX; i++)
        signing_key_done(&token->keys[i]);
    inventory_done(&token->inventory);
}

void
token_free(struct token *token)
{
    if (!token)
        return;

    module_done(&token->module);
    forget_keys(token);
    uri_free(token->uri);
    pin_source_done(&token->pin);
    slot_done(&token->slot);
    bytes_done(&token->spki);
    free(token->serial);
    free(token->pinned);
    free(token);
}

/* Exactly one token, and the pinned one: another is as good as none. */
static enum rc
find_slot(struct token *token, struct why *why)
{
    size_t n = 0;

    CK_RV rv = slot_find(&token->slot, &n, token->module.session.p11, token->uri);
    if (rv != CKR_OK)
        return failed(token, ckr_find(rv), rv, "looking for the token", why);

    enum rc rc = slot_check_count(n, why);
    if (!rc)
        rc = slot_check(&token->slot, token->serial, token->pinned, why);
    return rc ? enter(token, n > 1 ? TOKEN_FAILING : TOKEN_ABSENT, rc) : RC_OK;
}

/* Whether a PIN is wanted and may be tried. */
static enum rc
check_flags(struct token *token, bool may_be_last, struct why *why)
{
    enum token_state state = TOKEN_READY;

    enum rc rc = pin_source_check(&state, &token->pin, token->slot.info.flags, may_be_last, why);
    return rc ? enter(token, state, rc) : RC_OK;
}

static void
tear_down(struct token *token)
{
    if (!token->ladder.is_due)
        return;

    forget_keys(token);
    if (token->ladder.rung >= RUNG_MODULE)
        module_stop(&token->module);
    else if (token->ladder.rung == RUNG_SESSION)
        module_close_session(&token->module);
}

/* Only C_Initialize finds a SoftHSM token directory or a reader daemon that came back. */
static enum rc
start_and_find(struct token *token, struct why *why)
{
    CK_RV rv = module_start(&token->module);
    if (rv != CKR_OK)
        return failed(token, ckr_find(rv), rv, "C_Initialize", why);

    enum rc rc = find_slot(token, why);
    if (rc)
        module_stop(&token->module);
    return rc;
}

enum rc
token_look(struct frame_found *ret, struct token *token, struct why *why)
{
    tear_down(token);

    /* SoftHSM 2.6 shows no token while another process logs in to it, which takes a moment. */
    enum rc rc = start_and_find(token, why);
    while (rc && token->n_first_looks < FIRST_LOOKS_MAX) {
        token->n_first_looks++;
        rc = start_and_find(token, why);
    }
    ladder_looked(&token->ladder, rc == RC_OK);
    if (rc)
        return rc;

    rc = check_flags(token, true, why);
    if (rc)
        return rc;

    bool has_pin = token->pin.kind != TOKEN_PIN_NONE;
    rc = has_pin ? pin_source_look(&token->pin, why) : RC_OK;
    if (rc && rc != RC_NOT_FOUND)
        return enter(token, TOKEN_LOCKED, rc);

    *ret = (struct frame_found){
        .identity = bytes_span(&token->slot.identity),
        .source = bytes_span(&token->pin.identity),
        .wants_pin = rc == RC_NOT_FOUND,
        .is_last_try = has_pin && token->slot.info.flags & CKF_USER_PIN_FINAL_TRY,
        .wants_touch = slot_wants_touch(&token->slot),
    };
    return RC_OK;
}

/* The token in the slot is still the one that was found, now that a session holds on to it. */
static enum rc
check_same(struct token *token, struct why *why)
{
    closing(slot_done) struct slot now = {0};

    CK_RV rv = slot_read(&now, token->module.session.p11, token->slot.id);
    if (rv != CKR_OK)
        return lost(token, rv, "C_GetTokenInfo", why);

    if (!span_eq(bytes_span(&now.identity), bytes_span(&token->slot.identity))) {
        ladder_fall(&token->ladder, RUNG_SESSION);
        return enter(token, TOKEN_ABSENT, fail(why, RC_TOKEN, "the token was changed"));
    }

    token->slot.info = now.info;
    return RC_OK;
}

/* A PIN of people is asked for again; one from elsewhere is in the agent's ledger. */
static enum rc
refused(struct token *token, CK_RV rv, const char *call, struct why *why)
{
    const struct ckr *ckr = ckr_find_login(rv);

    if (ckr->state == TOKEN_PIN_WRONG)
        pin_forget(&token->pin);
    token->is_stale = true;
    if (rv == CKR_PIN_LOCKED)
        pin_source_rest(&token->pin);
    ladder_fall(&token->ladder, ckr->rung);
    return failed(token, ckr, rv, call, why);
}

static enum rc
log_in(struct token *token, struct why *why)
{
    struct pin pin;

    enum rc rc = pin_read(&pin, &token->pin, why);
    CK_RV rv = rc ? CKR_OK : module_log_in(&token->module, pin.b, pin.len);
    pin_done(&pin);
    if (rc)
        return enter(token, TOKEN_LOCKED, rc);

    return rv == CKR_OK ? RC_OK : refused(token, rv, "C_Login", why);
}

static enum rc
list(struct token *token, struct why *why)
{
    const char *call;

    CK_RV rv = inventory_list(&token->inventory, &call, &token->module.session, token->slot.id);
    return rv == CKR_OK ? RC_OK : lost(token, rv, call, why);
}

enum rc
token_login(struct token *token, bool force, struct why *why)
{
    const char *call;

    /* SoftHSM 2.6 reads the PIN's key once, when it is initialized. */
    if (token->is_stale)
        module_stop(&token->module);
    enum rc rc = token->is_stale ? start_and_find(token, why) : RC_OK;
    if (rc)
        return rc;

    token->is_stale = false;
    CK_RV rv = module_open_session(&token->module, token->slot.id);
    if (rv != CKR_OK)
        return lost(token, rv, "C_OpenSession", why);

    rc = check_same(token, why);
    if (!rc)
        rc = check_flags(token, force, why);
    if (!rc && token->pin.kind != TOKEN_PIN_NONE)
        rc = log_in(token, why);
    if (rc)
        return rc;

    rv = health_learn(&token->health, &call, &token->module.session, token->slot.id);
    if (rv != CKR_OK)
        return lost(token, rv, call, why);

    rc = list(token, why);
    return rc ? rc : enter(token, TOKEN_READY, RC_OK);
}

struct pin_source *
token_pin(struct token *token)
{
    return &token->pin;
}

bool
token_is_watched(const struct token *token)
{
    return health_is_watched(&token->health);
}

enum rc
token_check(struct token *token, struct why *why)
{
    const char *call;

    CK_RV rv = health_check(&token->health, &call, &token->module.session, token->slot.id);
    return rv == CKR_OK ? check_same(token, why) : lost(token, rv, call, why);
}

/* Other processes have made keys; or this one. */
static enum rc
list_anew(struct token *token, struct why *why)
{
    forget_keys(token);
    return list(token, why);
}

/* A login that was lost unseen hides all private keys, and so does a token that was away for a
 * moment: that one is gone is believed only after a fresh start. */
static bool
is_doubtful(struct token *token, uint32_t place, uint32_t n_matches)
{
    bool was_there = token->was_there[place];

    token->was_there[place] = n_matches > 0;
    return was_there && n_matches == 0;
}

enum rc
token_find(
    struct frame_key *ret, struct token *token, const struct frame_find *find, struct why *why)
{
    closing(uri_freep) P11KitUri *uri = NULL;
    struct frame_key answer = {.place = find->place};
    struct key_methods can = {0};
    unsigned mechanisms;
    const struct object *key = NULL;

    bytes_clear(&token->spki);
    token->detail.text[0] = 0;
    signing_key_done(&token->keys[find->place]);

    enum rc rc = find->is_anew ? list_anew(token, why) : RC_OK;
    if (rc)
        return rc;

    rc = uri_new(&uri, find->uri, &token->detail);
    if (rc == RC_OK && p11_kit_uri_match_token_info(uri, &token->slot.info))
        answer.n_matches = inventory_find(&key, &token->inventory, uri);
    if (is_doubtful(token, find->place, answer.n_matches)) {
        ladder_fall(&token->ladder, RUNG_MODULE);
        return enter(token, TOKEN_FAILING, fail(why, RC_TOKEN, "a key is not there any more"));
    }

    mechanisms = token->inventory.mechanisms;
    if (answer.n_matches == 1) {
        CK_RV rv = object_narrow_mechanisms(&mechanisms, &token->module.session, key);
        if (rv == CKR_OK)
            rv = object_get_provenance(&answer.provenance, &token->module.session, key);
        if (rv != CKR_OK)
            return lost(token, rv, "reading a key", why);

        rc = key_methods(&can, key, mechanisms, token->pin.kind != TOKEN_PIN_NONE, &token->detail);
    }
    if (can.methods != 0) {
        CK_RV rv = object_put_spki(&token->spki, &token->module.session, key,
            &token->inventory.public_keys, &token->inventory.certificates);
        if (rv != CKR_OK)
            return lost(token, rv, "reading a public key", why);

        rc = bytes_check(&token->spki, why);
        if (rc)
            return enter(token, TOKEN_FAILING, rc);

        rc = signing_key_init(&token->keys[find->place], key,
            find->spki.len > 0 ? find->spki : bytes_span(&token->spki), mechanisms, &token->detail);
        if (rc)
            can = (struct key_methods){0};
    }

    answer.methods = can.methods;
    answer.with_message = can.with_message;
    answer.spki = bytes_span(&token->spki);
    answer.detail = span_of(token->detail.text);
    *ret = answer;
    return RC_OK;
}

/* For a key that wants it for each signature. */
static enum rc
read_pin_again(struct pin *ret, struct token *token, struct why *why)
{
    enum rc rc = pin_read_again(ret, &token->pin, why);
    if (rc == RC_OK)
        return RC_OK;

    ladder_fall(&token->ladder, RUNG_SESSION);
    return enter(token, TOKEN_LOCKED, rc);
}

/* Fails only where the token is lost. */
static enum rc
sign(struct frame_result *ret, struct token *token, const struct frame_job *job,
    struct span message, size_t i, struct why *why)
{
    const struct signing_key *key = &token->keys[job->place];
    bool wants_pin = key->object && key->object->wants_pin_each_time;
    struct pin pin = {0};
    struct signing_site site = {
        &token->module.session, wants_pin ? &pin : NULL, token->signatures[i]};
    CK_RV rv = CKR_OK;

    enum rc rc = wants_pin ? read_pin_again(&pin, token, why) : RC_OK;
    if (!rc)
        rv = signing_key_sign(ret, key, &site, job, message, &token->details[i]);
    pin_done(&pin);
    if (rc)
        return rc;

    if (rv != CKR_OK)
        return ckr_is_refused_pin(rv) ? refused(token, rv, "the PIN for a signature", why)
                                      : lost(token, rv, "C_Sign", why);

    if (ret->rc == RC_OK)
        ladder_signed(&token->ladder);
    return RC_OK;
}

enum rc
token_sign(struct frame_signed *ret, struct token *token, const struct frame_sign *jobs,
    struct span message, struct why *why)
{
    for (size_t i = 0; i < jobs->n_jobs; i++) {
        bool is_last = i + 1 == jobs->n_jobs;
        enum rc rc = sign(
            &ret->results[i], token, &jobs->jobs[i], is_last ? message : (struct span){0}, i, why);
        if (rc)
            return rc;
    }

    ret->n_results = jobs->n_jobs;
    return RC_OK;
}

struct token_site
token_site(const struct token *token)
{
    return (struct token_site){&token->module.session, token->slot.id, token->inventory.mechanisms,
        &token->inventory.certificates};
}

const struct object *
token_key(const struct token *token, uint32_t place)
{
    return token->keys[place].object;
}

enum rc
token_lost(struct token *token, CK_RV rv, const char *call, struct why *why)
{
    return lost(token, rv, call, why);
}
