/* SPDX-License-Identifier: Apache-2.0 */
#include "client/refusal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"

/* What the products say, as their users have quoted it, or as it was seen. */
static const struct {
    const char *says;
    long status;
    const char *body, *remedy;
    enum rc rc;
} cases[] = {
    {"docker's registry as a mirror", 405, "Method not allowed\n", "is read-only", RC_NETWORK},
    {"docker's registry on a full disk, at the start of an upload", 500,
        "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\",\"detail\":{"
        "\"DriverName\":\"filesystem\",\"Enclosed\":{\"Op\":\"write\",\"Path\":\"/d\",\"Err\":28}}}"
        "]}",
        "is full", RC_NETWORK},
    {"docker's registry on a full disk, in an upload", 500,
        "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\",\"detail\":\"write /d: "
        "no "
        "space left on device\"}]}",
        "is full", RC_NETWORK},
    {"a WebDAV behind it", 507, "", "is full", RC_NETWORK},
    {"Harbor of a full project", 403,
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"adding 2.0 MiB of storage resource, which "
        "when updated to current usage of 9.0 MiB will exceed the configured upper limit of 10.0 "
        "MiB.\"}]}",
        "quota", RC_NETWORK},
    {"Harbor in maintenance", 403,
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"The system is in read only mode. Any "
        "modification is prohibited.\"}]}",
        "is read-only", RC_NETWORK},
    {"Harbor of a tag with a rule", 412,
        "{\"errors\":[{\"code\":\"PRECONDITION\",\"message\":\"Failed to process request due to "
        "'web:v1' configured as immutable.\"}]}",
        "moves no tag", RC_CONFLICT},
    {"ECR of a repository with such a rule", 400,
        "{\"errors\":[{\"code\":\"TAG_INVALID\",\"message\":\"The image tag 'v1' already exists in "
        "the 'web' repository and cannot be overwritten because the repository is immutable.\"}]}",
        "moves no tag", RC_CONFLICT},
    {"ECR of a repository that is not there", 404,
        "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"The repository with name 'web' does "
        "not exist in the registry\"}]}",
        "make it there first", RC_NETWORK},
    {"nginx of a large layer", 413, "<html>413 Request Entity Too Large</html>",
        "client_max_body_size", RC_NETWORK},
    {"a registry that has collected a layer", 400,
        "{\"errors\":[{\"code\":\"MANIFEST_BLOB_UNKNOWN\",\"message\":\"m\"}]}", "push again",
        RC_NETWORK},
    {"a registry that knows docker's images only", 400,
        "{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"m\"}]}", "--format v2s2",
        RC_NETWORK},
    {"somebody who has broken the bytes", 400,
        "{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"m\"}]}", "not what was sent",
        RC_NETWORK},
    {"nothing that we know", 400, "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"m\"}]}", NULL,
        RC_OK},
    {"no right", 403, "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"m\"}]}", NULL, RC_OK},
    {"nothing", 500, "", NULL, RC_OK},
};

static void
test_knows_what_is_meant_by(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(http_response_done) struct http_response response = {
            .status = cases[i].status, .body = BYTES_INIT(HTTP_ERROR_MAX_BYTES)};
        struct http_error error;

        print_message("%s\n", cases[i].says);
        bytes_puts(&response.body, cases[i].body);
        http_error_read(&error, &response);
        const struct refusal *refusal = refusal_find(&response, &error);
        assert_int_equal(refusal != NULL, cases[i].remedy != NULL);
        if (refusal) {
            assert_int_equal(refusal->rc, cases[i].rc);
            assert_non_null(strstr(refusal->remedy, cases[i].remedy));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_what_is_meant_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
