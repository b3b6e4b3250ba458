/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_news.h"

#include "agent/policy_diff.h"
#include "proto/bounds.h"

#define SENTENCE_MAX_BYTES ((size_t)900) /* a line of the log has words of its own before it */

static void
add_sentence(json_t *sentences, struct span text)
{
    size_t len = text.len < SENTENCE_MAX_BYTES ? text.len : SENTENCE_MAX_BYTES;

    while (len < text.len && (text.p[len] & 0xc0) == 0x80)
        len--; /* not within a character */
    json_array_append_new(sentences,
        json_sprintf("%.*s%s", (int)len, (const char *)text.p, len < text.len ? "..." : ""));
}

json_t *
policy_news(const struct policy *was, const struct policy *is)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(16 * POLICY_FILE_MAX_BYTES);
    closing(policy_diff_done) struct policy_diff diff = {0};
    json_t *sentences = json_array();
    char hex[DIGEST_HEX_LEN + 1];
    struct why why;

    if (policy_diff_of(&diff, was, is, &why)) {
        bytes_printf(&text, "what changed for whom cannot be told: %s", why.text);
        add_sentence(sentences, bytes_span(&text));
        bytes_clear(&text);
    }

    for (size_t i = 0; i < diff.n && i < POLICY_CHANGES_MAX; i++) {
        policy_change_put(&text, &diff.changes[i]);
        add_sentence(sentences, bytes_span(&text));
        bytes_clear(&text);
    }

    if (diff.n > POLICY_CHANGES_MAX) {
        bytes_printf(&text, "%zu more changes are not listed; see countersign-agent --check-policy",
            diff.n - POLICY_CHANGES_MAX);
        add_sentence(sentences, bytes_span(&text));
        bytes_clear(&text);
    }

    if (!was || !digest_eq(&was->digest, &is->digest)) {
        digest_hex(hex, &is->digest);
        bytes_printf(&text, "policy is now %.16s", hex);
        add_sentence(sentences, bytes_span(&text));
    }

    return sentences;
}
