/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * softhsm — a SoftHSM token of its own for a test, in a directory of its own.
 *
 * What fails ends the test: these are the test's own means.
 */
#include "agent/policy.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN    "1234"

struct softhsm {
    char dir[64];   /* also holds the PIN file "pin" */
    char conf[128]; /* "SOFTHSM2_CONF=…" */
    char pin[96];   /* path of the PIN file */
    char *environment[2];
};

/* Make the directory and a token labelled "agent". */
void softhsm_open(struct softhsm *softhsm);
void softhsm_close(struct softhsm *softhsm); /* removes the directory */

/* Run pkcs11-tool, logged in, with more arguments. */
like_printf(2, 3) void softhsm_tool(const struct softhsm *softhsm, const char *fmt, ...);
/* kind: as for --key-type, "EC:secp256r1", "rsa:2048". id: two digits. */
void softhsm_make_key(
    const struct softhsm *softhsm, const char *kind, const char *label, const char *id);
void softhsm_change_pin(const struct softhsm *softhsm, const char *was, const char *is);
/* Overwrite the PIN file; a time of change of its own is given to each one. */
void softhsm_write_pin(const struct softhsm *softhsm, const char *text);
/* The token of another one, with its keys, in place of its own. */
void softhsm_copy_token(const struct softhsm *softhsm, const struct softhsm *other);
/* Move the tokens away, or back. */
void softhsm_unplug(const struct softhsm *softhsm);
void softhsm_plug(const struct softhsm *softhsm);

/* The token as a policy has it; its pointers are into softhsm and literals. */
struct policy_token softhsm_policy(struct softhsm *softhsm);
