/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static const struct {
    const char *says, *uri;
    enum policy_uri_kind kind;
    const char *want; /* NULL where it is taken */
} cases[] = {
    {"takes a token's label", "pkcs11:token=release", POLICY_URI_TOKEN, NULL},
    {"takes what p11tool prints for a token",
        "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=a1b2;token=agent",
        POLICY_URI_TOKEN, NULL},
    {"takes a key's label", "pkcs11:object=qa", POLICY_URI_KEY, NULL},
    {"takes a key's id", "pkcs11:id=%02%ff", POLICY_URI_KEY, NULL},
    {"takes both", "pkcs11:id=%02;object=qa", POLICY_URI_KEY, NULL},
    {"wants the scheme", "token=release", POLICY_URI_TOKEN, "does not begin with pkcs11:"},
    {"wants the scheme in lower case", "PKCS11:token=a", POLICY_URI_TOKEN, "does not begin"},
    {"refuses a URI that names every token", "pkcs11:", POLICY_URI_TOKEN, "'' is no attribute"},
    {"refuses an empty attribute", "pkcs11:token=a;", POLICY_URI_TOKEN, "'' is no attribute"},
    {"refuses an attribute without value", "pkcs11:token", POLICY_URI_TOKEN, "'token' is no"},
    {"refuses an empty value", "pkcs11:token=", POLICY_URI_TOKEN, "value of 'token': it is empty"},
    {"refuses a PIN", "pkcs11:token=a?pin-value=1234", POLICY_URI_TOKEN, "nothing after '?'"},
    {"refuses a PIN source", "pkcs11:token=a?pin-source=/x", POLICY_URI_TOKEN, "nothing after '?'"},
    {"refuses a module", "pkcs11:token=a?module-path=/x", POLICY_URI_TOKEN, "nothing after '?'"},
    {"refuses a PIN in the path", "pkcs11:token=a;pin-value=1", POLICY_URI_TOKEN,
        "attribute 'pin-value' is not taken"},
    {"refuses a module in the path", "pkcs11:token=a;module-name=x", POLICY_URI_TOKEN,
        "attribute 'module-name' is not taken"},
    {"refuses a slot", "pkcs11:slot-id=1", POLICY_URI_TOKEN, "attribute 'slot-id' is not taken"},
    {"refuses an unknown attribute", "pkcs11:tokne=a", POLICY_URI_TOKEN, "'tokne' is not taken"},
    {"refuses a key in a token's URI", "pkcs11:token=a;object=b", POLICY_URI_TOKEN,
        "'object' belongs into the uri of a key"},
    {"refuses a token in a key's URI", "pkcs11:token=a;object=b", POLICY_URI_KEY,
        "'token' belongs into the uri of the token"},
    {"refuses an attribute twice", "pkcs11:id=%01;id=%02", POLICY_URI_KEY, "'id' is there twice"},
    {"refuses NUL in a name", "pkcs11:object=a%00b", POLICY_URI_KEY, "%00 has no place"},
    {"refuses half a percent code", "pkcs11:object=a%2", POLICY_URI_KEY, "must be written as %25"},
    {"refuses a wrong percent code", "pkcs11:object=%zz", POLICY_URI_KEY, "must be written as %25"},
    {"refuses a space", "pkcs11:object=a b", POLICY_URI_KEY, "' ' must be written as %20"},
    {"takes a label as long as tokens have it", "pkcs11:token=%20bcdefghijklmnopqrstuvwxyz012345",
        POLICY_URI_TOKEN, NULL},
    {"refuses a longer label", "pkcs11:token=%20bcdefghijklmnopqrstuvwxyz0123456", POLICY_URI_TOKEN,
        "value of 'token': it is 33 bytes, tokens have up to 32"},
    {"refuses a longer serial", "pkcs11:serial=01234567890123456", POLICY_URI_TOKEN, "up to 16"},
    {"refuses a slash", "pkcs11:object=a/b", POLICY_URI_KEY, "'/' must be written as %2F"},
};

static void
test_takes_what_names_a_token_or_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct why why = {""};

        enum rc rc = policy_uri_check(cases[i].uri, cases[i].kind, &why);
        if (rc != (cases[i].want ? RC_MALFORMED : RC_OK) ||
            (cases[i].want && !strstr(why.text, cases[i].want)))
            fail_msg("%s: %d '%s'", cases[i].says, rc, why.text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_names_a_token_or_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
