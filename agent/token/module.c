/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/module.h"

#define FINALIZE_TIMEOUT_S 2 /* then the process ends, which comes to the same */

enum rc
module_load(struct module *module, const char *path, struct why *why)
{
    p11_kit_be_quiet();
    /* There is one thread here, and locks could only harm: OpenSC 0.23 waits for ever for the one
     * that it holds itself when a card goes away while it works. Of an unmanaged module none are
     * wanted. */
    module->session.p11 = GUARDED(p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED));
    if (!module->session.p11)
        return fail(why, RC_TOKEN, "module '%s' cannot be loaded; check 'module' in the policy: %s",
            path, p11_kit_message());

    return RC_OK;
}

void
module_done(struct module *module)
{
    module_stop(module);
    if (module->session.p11)
        p11_kit_module_release(module->session.p11);
    *module = (struct module){0};
}

CK_RV
module_start(struct module *module)
{
    if (module->is_running)
        return CKR_OK;

    CK_RV rv = GUARDED(p11_kit_module_initialize(module->session.p11));
    module->is_running = rv == CKR_OK;
    return rv;
}

CK_RV
module_open_session(struct module *module, CK_SLOT_ID slot)
{
    struct session *s = &module->session;

    if (module->has_session)
        return CKR_OK;

    CK_RV rv = GUARDED(s->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s->handle));
    module->has_session = rv == CKR_OK;
    return rv;
}

static bool
is_logged_in(const struct session *s)
{
    CK_SESSION_INFO info = {0};

    CK_RV rv = GUARDED(s->p11->C_GetSessionInfo(s->handle, &info));
    return rv == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

CK_RV
module_log_in(const struct module *module, const uint8_t *pin, size_t len)
{
    const struct session *s = &module->session;

    guard_outlive_agent(true);
    CK_RV rv = GUARDED(s->p11->C_Login(s->handle, CKU_USER, (CK_BYTE *)pin, len));
    guard_outlive_agent(false);
    if (rv != CKR_USER_ALREADY_LOGGED_IN)
        return rv;

    return is_logged_in(s) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

void
module_close_session(struct module *module)
{
    if (module->has_session)
        (void)GUARDED(module->session.p11->C_CloseSession(module->session.handle));
    module->has_session = false;
}

void
module_stop(struct module *module)
{
    if (module->is_running) {
        alarm(FINALIZE_TIMEOUT_S);
        p11_kit_module_finalize(module->session.p11);
        alarm(0);
    }
    module->is_running = module->has_session = false;
}
