/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/uri.h"

void
uri_free(P11KitUri *uri)
{
    p11_kit_uri_free(uri);
}

/* What is wrong with a URI that was parsed; NULL: nothing. */
static const char *
find_problem(P11KitUri *uri)
{
    if (p11_kit_uri_any_unrecognized(uri))
        return "it has an attribute that is not known";

    if (p11_kit_uri_get_pin_value(uri) || p11_kit_uri_get_pin_source(uri))
        return "the PIN is named by 'pin' of the token";

    if (p11_kit_uri_get_module_path(uri) || p11_kit_uri_get_module_name(uri))
        return "the module is named by 'module' of the token";

    return NULL;
}

enum rc
uri_new(P11KitUri **ret, struct span text, struct why *why)
{
    closing(freep) char *string = span_dup(text);
    closing(uri_freep) P11KitUri *uri = p11_kit_uri_new();
    if (!string || !uri)
        return fail_memory(why);

    int result = p11_kit_uri_parse(string, P11_KIT_URI_FOR_ANY, uri);
    const char *problem =
        result == P11_KIT_URI_OK ? find_problem(uri) : p11_kit_uri_message(result);
    if (problem)
        return fail(why, RC_MALFORMED, "URI '%s': %s", string, problem);

    *ret = steal(uri);
    return RC_OK;
}
