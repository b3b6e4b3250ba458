/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_yaml.h"

#include <libfyaml.h>

#include "proto/bounds.h"

struct reader {
    struct fy_parser *parser;
    struct fy_diag *diag;
    const char *file;
    struct policy_node here; /* place of the last event that has one */
};

struct event {
    struct fy_parser *parser;
    struct fy_event *fy;
};

static void
event_done(struct event *event)
{
    if (event->fy)
        fy_parser_event_free(event->parser, event->fy);
    event->fy = NULL;
}

static void
reader_done(struct reader *r)
{
    if (r->parser)
        fy_parser_destroy(r->parser);
    if (r->diag)
        fy_diag_destroy(r->diag);
}

static enum rc
fail_at(const char *file, struct span text, const uint8_t *at, const char *problem, struct why *why)
{
    struct policy_node here = {.file = file, .line = 1, .column = 1};

    for (const uint8_t *p = text.p; p < at; p++) {
        here.column = *p == '\n' ? 1 : here.column + 1;
        here.line += *p == '\n';
    }

    return policy_node_fail(&here, why, "%s", problem);
}

/*
 * Unicode's line separators, its marks of direction (which can show a line in another order than
 * it is read in) and the zero-width no-break space, as UTF-8.
 */
static bool
starts_deceptive(const uint8_t *p, size_t len)
{
    static const uint8_t ranges[][4] = {
        {0xe2, 0x80, 0x8b, 0x8f}, /* U+200B to U+200F */
        {0xe2, 0x80, 0xa8, 0xae}, /* U+2028 to U+202E */
        {0xe2, 0x81, 0xa0, 0xaf}, /* U+2060 to U+206F */
        {0xef, 0xbb, 0xbf, 0xbf}, /* U+FEFF */
    };

    if (len >= 2 && p[0] == 0xd8 && p[1] == 0x9c) /* U+061C */
        return true;

    for (size_t i = 0; i < N_ELEMENTS(ranges); i++)
        if (len >= 3 && p[0] == ranges[i][0] && p[1] == ranges[i][1] && p[2] >= ranges[i][2] &&
            p[2] <= ranges[i][3])
            return true;

    return false;
}

/* Where the first of them is; s.len: there is none. */
static size_t
find_deceptive(struct span s)
{
    size_t i = 0;

    while (i < s.len && !starts_deceptive(s.p + i, s.len - i))
        i++;
    return i;
}

static enum rc
check_line(const char *file, struct span text, struct span line, struct why *why)
{
    if (!span_is_text(line))
        return fail_at(file, text, line.p,
            "from here on: a control character, or bytes that are no UTF-8", why);

    size_t at = find_deceptive(line);
    if (at < line.len)
        return fail_at(file, text, line.p + at, "a character that is not shown", why);

    return RC_OK;
}

/* libfyaml 0.7.12 takes bytes that are no UTF-8 for the end of the file, and control characters for
 * text. */
static enum rc
check_characters(const char *file, struct span text, struct why *why)
{
    for (size_t at = 0; at < text.len; at++) {
        struct span line = {text.p + at, 0};
        while (at < text.len && text.p[at] != '\n' && text.p[at] != '\t')
            at++;

        line.len = (size_t)(text.p + at - line.p);
        if (line.len > 0 && at < text.len && text.p[at] == '\n' && line.p[line.len - 1] == '\r')
            line.len--;

        enum rc rc = check_line(file, text, line, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* What the parser said; warnings count. */
static enum rc
check_diagnostics(struct reader *r, struct why *why)
{
    void *previous = NULL;

    const struct fy_diag_error *error = fy_diag_errors_iterate(r->diag, &previous);
    if (!error) {
        if (fy_parser_get_stream_error(r->parser))
            return policy_node_fail(&r->here, why, "no YAML from here on");
        return RC_OK;
    }

    struct policy_node here = {.file = r->file, .line = error->line, .column = error->column};
    return policy_node_fail(&here, why, "%s", error->msg);
}

static void
set_place(struct reader *r, struct fy_event *event)
{
    /* Values that are left out have no place: theirs is that of what stands before them. */
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (!mark)
        return;

    r->here.line = mark->line + 1;
    r->here.column = mark->column + 1;

    /* libfyaml 0.7.12 counts from behind a quote and the star of an alias. */
    enum fy_scalar_style style =
        event->type == FYET_SCALAR ? fy_token_scalar_style(event->scalar.value) : FYSS_ANY;
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED || event->type == FYET_ALIAS)
        r->here.column--;
}

/* The next event, of any type; the end of the stream is one. */
static enum rc
next_event(struct event *ret, struct reader *r, struct why *why)
{
    event_done(ret);
    struct event event = {r->parser, fy_parser_parse(r->parser)};

    enum rc rc = check_diagnostics(r, why);
    if (rc) {
        event_done(&event);
        return rc;
    }

    if (!event.fy)
        return fail_memory(why);

    set_place(r, event.fy);
    *ret = event;
    return RC_OK;
}

static enum rc read_node(
    struct policy_node *ret, struct reader *r, struct event *event, int depth, struct why *why);

static enum rc
read_scalar(struct policy_node *ret, struct reader *r, const struct event *event, struct why *why)
{
    struct fy_token *token = event->fy->scalar.value;
    enum fy_scalar_style style = fy_token_scalar_style(token);
    size_t len = 0;

    const char *text = fy_token_get_text(token, &len);
    struct span s = {(const uint8_t *)text, text ? len : 0};
    if (style == FYSS_LITERAL || style == FYSS_FOLDED)
        return policy_node_fail(&r->here, why, "block scalars are not taken here");

    if (s.len > POLICY_TEXT_MAX_BYTES)
        return policy_node_fail(
            &r->here, why, "a text of %zu bytes, the limit is %d", s.len, POLICY_TEXT_MAX_BYTES);

    if (!span_is_text(s))
        return policy_node_fail(&r->here, why, "a text with control characters");

    /* By an escape: the file shows it, but what shows the policy would not. */
    if (find_deceptive(s) < s.len)
        return policy_node_fail(&r->here, why, "a text with a character that is not shown");

    ret->is_plain = style == FYSS_PLAIN;
    ret->text = span_dup(s);
    return ret->text ? RC_OK : fail_memory(why);
}

static enum rc
read_list(
    struct policy_node *ret, struct reader *r, struct event *event, int depth, struct why *why)
{
    ret->kind = POLICY_LIST;

    for (;;) {
        enum rc rc = next_event(event, r, why);
        if (rc)
            return rc;

        if (event->fy->type == FYET_SEQUENCE_END)
            return RC_OK;

        if (ret->n >= POLICY_ENTRIES_MAX)
            return policy_node_fail(&r->here, why, "more than %d entries", POLICY_ENTRIES_MAX);

        struct policy_node *value =
            mem_grow(&ret->values, ret->n, sizeof *value, POLICY_ENTRIES_MAX);
        if (!value)
            return fail_memory(why);

        ret->n++;
        rc = read_node(value, r, event, depth + 1, why);
        if (rc)
            return rc;
    }
}

static enum rc
check_name(const struct policy_node *map, const struct policy_node *name, struct why *why)
{
    const char *text = NULL;

    enum rc rc = policy_node_text(&text, name, why);
    if (rc)
        return rc;

    for (size_t i = 0; i + 1 < map->n; i++)
        if (!strcmp(map->names[i].text, text))
            return policy_node_fail(
                name, why, "'%s' is already there, at line %d", text, map->names[i].line);

    return RC_OK;
}

static enum rc
read_member(
    struct policy_node *map, struct reader *r, struct event *event, int depth, struct why *why)
{
    if (map->n >= POLICY_ENTRIES_MAX)
        return policy_node_fail(&r->here, why, "more than %d entries", POLICY_ENTRIES_MAX);

    struct policy_node *name = mem_grow(&map->names, map->n, sizeof *name, POLICY_ENTRIES_MAX);
    struct policy_node *value = mem_grow(&map->values, map->n, sizeof *value, POLICY_ENTRIES_MAX);
    if (!name || !value)
        return fail_memory(why);

    map->n++;
    enum rc rc = read_node(name, r, event, depth + 1, why);
    if (!rc)
        rc = check_name(map, name, why);
    if (!rc)
        rc = next_event(event, r, why);

    return rc ? rc : read_node(value, r, event, depth + 1, why);
}

static enum rc
read_map(struct policy_node *ret, struct reader *r, struct event *event, int depth, struct why *why)
{
    ret->kind = POLICY_MAP;

    for (;;) {
        enum rc rc = next_event(event, r, why);
        if (rc)
            return rc;

        if (event->fy->type == FYET_MAPPING_END)
            return RC_OK;

        rc = read_member(ret, r, event, depth, why);
        if (rc)
            return rc;
    }
}

/* RC_MALFORMED: an anchor or a tag. */
static enum rc
check_plainness(const struct reader *r, const struct fy_event *event, struct why *why)
{
    const struct fy_token *anchor = NULL, *tag = NULL;

    if (event->type == FYET_SCALAR) {
        anchor = event->scalar.anchor;
        tag = event->scalar.tag;
    } else if (event->type == FYET_SEQUENCE_START) {
        anchor = event->sequence_start.anchor;
        tag = event->sequence_start.tag;
    } else if (event->type == FYET_MAPPING_START) {
        anchor = event->mapping_start.anchor;
        tag = event->mapping_start.tag;
    }

    if (anchor || event->type == FYET_ALIAS)
        return policy_node_fail(
            &r->here, why, "anchors and aliases are not taken here: write the value out");

    if (tag)
        return policy_node_fail(&r->here, why, "tags are not taken here");

    return RC_OK;
}

/* The value that begins with event; event becomes its last one. */
static enum rc
read_node(
    struct policy_node *ret, struct reader *r, struct event *event, int depth, struct why *why)
{
    enum rc rc = check_plainness(r, event->fy, why);
    if (rc)
        return rc;

    if (depth > POLICY_DEPTH_MAX)
        return policy_node_fail(
            &r->here, why, "more than %d levels within each other", POLICY_DEPTH_MAX);

    ret->file = r->file;
    ret->line = r->here.line;
    ret->column = r->here.column;
    if (event->fy->type == FYET_SEQUENCE_START)
        return read_list(ret, r, event, depth, why);

    if (event->fy->type == FYET_MAPPING_START)
        return read_map(ret, r, event, depth, why);

    if (event->fy->type == FYET_SCALAR)
        return read_scalar(ret, r, event, why);

    return policy_node_fail(&r->here, why, "want a value");
}

/* Up to the first event of the document's value. */
static enum rc
open_document(struct event *ret, struct reader *r, struct why *why)
{
    enum rc rc = next_event(ret, r, why); /* the stream's start */
    if (!rc)
        rc = next_event(ret, r, why);
    if (rc)
        return rc;

    if (ret->fy->type != FYET_DOCUMENT_START)
        return policy_node_fail(&r->here, why, "an empty file");

    struct fy_document_state *state = ret->fy->document_start.document_state;
    if (fy_document_state_version_explicit(state) || fy_document_state_tags_explicit(state))
        return policy_node_fail(&r->here, why, "directives are not taken here");

    return next_event(ret, r, why);
}

static enum rc
close_document(struct event *event, struct reader *r, struct why *why)
{
    enum rc rc = next_event(event, r, why); /* the document's end */
    if (!rc)
        rc = next_event(event, r, why);
    if (rc)
        return rc;

    if (event->fy->type != FYET_STREAM_END)
        return policy_node_fail(&r->here, why, "a second document in one file");

    return RC_OK;
}

static enum rc
reader_open(struct reader *r, struct span text, struct why *why)
{
    struct fy_diag_cfg diag;

    /* Neither fp nor output_fn: errors are collected, none is printed. */
    fy_diag_cfg_default(&diag);
    diag.fp = NULL;
    diag.colorize = false;
    r->diag = fy_diag_create(&diag);
    if (!r->diag)
        return fail_memory(why);

    fy_diag_set_collect_errors(r->diag, true);
    const struct fy_parse_cfg parse = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = r->diag,
    };
    r->parser = fy_parser_create(&parse);
    if (!r->parser || fy_parser_set_string(r->parser, (const char *)text.p, text.len))
        return fail_memory(why);

    return RC_OK;
}

enum rc
policy_yaml_parse(struct policy_node **ret, const char *file, struct span text, struct why *why)
{
    closing(reader_done) struct reader r = {
        .file = file,
        .here = {.file = file, .line = 1, .column = 1},
    };
    closing(event_done) struct event event = {0};

    enum rc rc = check_characters(file, text, why);
    if (rc)
        return rc;

    if (text.len == 0) /* to libfyaml a length of 0 means: up to the NUL */
        return policy_node_fail(&r.here, why, "an empty file");

    closing(policy_node_freep) struct policy_node *root = calloc(1, sizeof *root);
    if (!root)
        return fail_memory(why);

    rc = reader_open(&r, text, why);
    if (!rc)
        rc = open_document(&event, &r, why);
    if (!rc)
        rc = read_node(root, &r, &event, 1, why);
    if (!rc)
        rc = close_document(&event, &r, why);
    if (rc)
        return rc;

    *ret = steal(root);
    return RC_OK;
}
