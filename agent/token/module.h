/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * module — the PKCS#11 module of a token, and the one session that this process has with it.
 */
#include "agent/token/object.h"

struct module {
    struct session session; /* its handle is of use while has_session */
    bool is_running;        /* between C_Initialize and C_Finalize */
    bool has_session;
};

/* Load it, without starting it; module_done(). RC_TOKEN. */
must_check enum rc module_load(struct module *module, const char *path, struct why *why);
void module_done(struct module *module); /* stops it, within two seconds */

/* If it does not run, or has no session. A code of the module. */
must_check CK_RV module_start(struct module *module);
must_check CK_RV module_open_session(struct module *module, CK_SLOT_ID slot);

/* Being logged in already is fine, if the session says so as well. A code of C_Login. */
must_check CK_RV module_log_in(const struct module *module, const uint8_t *pin, size_t len);

/* What was lost may fail to be closed, which does not matter. */
void module_close_session(struct module *module);
void module_stop(struct module *module);
