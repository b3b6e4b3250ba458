/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy file: its tree, written down once more with everything in quotes and brackets, is read
 * as the same tree.
 */
#include "agent/policy_yaml.h"

#include "tests/fuzz.h"

#define SIMPLE_KEY_MAX 1000 /* libfyaml takes no longer name without a question mark */

/* libfyaml 0.7.12 loses what it has of a document that it then refuses. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static void
put_text(struct bytes *b, const char *text)
{
    bytes_putc(b, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            bytes_putc(b, '\\');
        bytes_putc(b, (uint8_t)*text);
    }
    bytes_putc(b, '"');
}

/* False: it has something that cannot be written so. */
static bool
put_node(struct bytes *b, const struct policy_node *node)
{
    bool is_map = node->kind == POLICY_MAP, is_written = true;

    if (node->kind == POLICY_SCALAR) {
        put_text(b, node->text);
        return true;
    }

    bytes_putc(b, is_map ? '{' : '[');
    for (size_t i = 0; i < node->n && is_written; i++) {
        if (is_map) {
            is_written = strlen(node->names[i].text) < SIMPLE_KEY_MAX;
            put_text(b, node->names[i].text);
            bytes_puts(b, ": ");
        }
        is_written = is_written && put_node(b, &node->values[i]);
        bytes_puts(b, ", ");
    }
    bytes_putc(b, is_map ? '}' : ']');
    return is_written;
}

static void
check_same(const struct policy_node *a, const struct policy_node *b)
{
    assert(a->kind == b->kind && a->n == b->n);
    assert(a->kind != POLICY_SCALAR || !strcmp(a->text, b->text));
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == POLICY_MAP)
            check_same(&a->names[i], &b->names[i]);
        check_same(&a->values[i], &b->values[i]);
    }
}

static void
check_tree(const struct policy_node *node, int n_lines, int depth)
{
    assert(node->line >= 1 && node->line <= n_lines && node->column >= 1);
    assert(depth <= POLICY_DEPTH_MAX);
    assert((node->kind == POLICY_SCALAR) == (node->text != NULL));
    assert(!node->text || span_is_text(span_of(node->text)));
    for (size_t i = 0; i < node->n; i++) {
        check_tree(&node->values[i], n_lines, depth + 1);
        for (size_t k = 0; k < i && node->kind == POLICY_MAP; k++)
            assert(strcmp(node->names[i].text, node->names[k].text) != 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(policy_node_freep) struct policy_node *root = NULL;
    closing(policy_node_freep) struct policy_node *again = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    struct why why = {""};
    int n_lines = 1;

    enum rc rc = policy_yaml_parse(&root, "f", (struct span){data, len}, &why);
    assert(!rc || rc == RC_MALFORMED || rc == RC_TOO_LARGE);
    assert(!rc || !strncmp(why.text, "f:", 2));
    if (rc)
        return 0;

    for (size_t i = 0; i < len; i++)
        n_lines += data[i] == '\n' || data[i] == '\r';
    check_tree(root, n_lines, 0);
    if (put_node(&text, root)) {
        assert(!policy_yaml_parse(&again, "f", bytes_span(&text), NULL));
        check_same(root, again);
    }

    return 0;
}
