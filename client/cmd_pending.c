/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/agent_error.h"
#include "client/command.h"
#include "client/parked.h"
#include "client/table.h"
#include "proto/bounds.h"

/* "root, targets of registry.example.com/shop/web", as far as it is one repository. */
static void
put_documents(struct bytes *b, const json_t *documents)
{
    const char *repository = NULL;
    size_t i;
    json_t *document;

    json_array_foreach((json_t *)documents, i, document) {
        const char *role = json_string_value(json_object_get(document, "role"));
        const char *name = json_string_value(json_object_get(document, "repository"));

        if (repository && name && strcmp(repository, name) != 0)
            bytes_printf(b, " of %s", repository);
        bytes_printf(b, "%s%s", i > 0 ? ", " : "", role ? role : "?");
        repository = name;
    }

    bytes_printf(b, " of %s", repository ? repository : "?");
}

static enum rc
put_row(struct table *table, const json_t *request, struct why *why)
{
    closing(bytes_done) struct bytes user = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(bytes_done) struct bytes votes = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(bytes_done) struct bytes documents = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    struct parked parked = {0};

    enum rc rc = parked_read(&parked, request, why);
    if (rc)
        return rc;

    parked_name_uid(&user, parked.uid);
    parked_put_votes(&votes, parked.approvals);
    put_documents(&documents, parked.documents);
    table_cell(table, parked.id);
    table_cell(table, bytes_text(&user));
    table_cell(table, bytes_text(&votes));
    table_cell(table, parked.expires);
    table_cell(table, bytes_text(&documents));
    return RC_OK;
}

static enum rc
print_list(const json_t *reply, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT(5);
    const json_t *requests = NULL;
    int64_t n_left_out = 0;
    struct members m;

    members_open(&m, reply, "Pending");
    members_array(&m, "requests", SIZE_MAX, &requests);
    members_int(&m, "left_out", 0, INT64_MAX, &n_left_out);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    table_header(&table, (const char *[]){"ID", "USER", "VOTES", "EXPIRES", "DOCUMENTS"});
    for (size_t i = 0; i < json_array_size(requests); i++) {
        rc = put_row(&table, json_array_get(requests, i), why);
        if (rc)
            return rc;
    }

    rc = table_print(&table, why);
    if (!rc && n_left_out > 0)
        printf("and %" PRId64 " more\n", n_left_out);
    return rc;
}

static enum rc
list(struct agent_call *agent, bool is_json, struct why *why)
{
    closing(json_decrefp) json_t *reply = NULL;

    enum rc rc = agent_call(&reply, agent, "Pending", NULL, why);
    if (rc)
        return rc;

    return is_json ? table_print_json(reply, why) : print_list(reply, why);
}

static enum rc
show(struct agent_call *agent, const char *id, bool is_json, struct why *why)
{
    closing(parked_done) struct parked parked = {0};
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    char meant[PARKED_ID_TYPED_BYTES];

    parked_read_id(meant, id);
    enum rc rc = parked_new(&parked, agent, meant, why);
    if (!rc && is_json)
        return table_print_json(parked.request, why);
    if (!rc)
        rc = parked_format(&text, &parked, why);
    if (!rc)
        fputs(bytes_text(&text), stdout);
    return rc;
}

COMMAND(cmd_pending)
{
    bool is_json = options_has(session_options(session), OPTION_JSON);
    struct agent_call *agent = NULL;

    enum rc rc = session_agent(&agent, session, why);
    if (rc)
        return rc;

    return n > 0 ? show(agent, arguments[0], is_json, why) : list(agent, is_json, why);
}
