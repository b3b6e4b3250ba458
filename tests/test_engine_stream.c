/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define LINE  "{\"status\":\"t1: digest: " ONES " size: 523\"}\r\n"
#define AUX(d)                                                                                     \
    "{\"progressDetail\":{},\"aux\":{\"Tag\":\"t1\",\"Digest\":\"" d "\",\"Size\":523}}\r\n"

/* What was told, a line each. */
static void
on_progress(void *data, const struct engine_progress *progress)
{
    bytes_printf(data, "%s%s|%s|%lld/%lld\n", progress->is_note ? "!" : "",
        progress->layer ? progress->layer : "", progress->status, (long long)progress->current,
        (long long)progress->total);
}

/* All of it, in pieces of n bytes. */
static enum rc
read_all(struct bytes *told, struct digest *digest, struct span text, size_t n, struct why *why)
{
    closing(engine_stream_freep) struct engine_stream *stream = NULL;
    const struct engine_listener listener = {on_progress, told};
    enum rc rc = RC_OK;

    assert_int_equal(engine_stream_new(&stream, "t1", told ? &listener : NULL, why), RC_OK);
    for (size_t i = 0; i < text.len && !rc; i += n)
        rc = engine_stream_put(
            stream, (struct span){text.p + i, text.len - i < n ? text.len - i : n}, why);
    return rc ? rc : engine_stream_end(digest, stream, why);
}

/* The answer of Debian's engine 20.10, but for the digests. */
static const char real[] =
    "{\"status\":\"The push refers to repository [localhost:15000/team/svc]\"}\r\n"
    "{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"27884c31bb5b\"}\r\n"
    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":512,\"total\":3072},\"progress\":\"[="
    "\\u003e "
    "] 512B/3.072kB\",\"id\":\"27884c31bb5b\"}\r\n"
    "{\"status\":\"Pushed\",\"progressDetail\":{},\"id\":\"27884c31bb5b\"}\r\n" LINE AUX(ONES);

static void
test_tells_progress_and_digest_however_the_pieces_fall(void **state)
{
    (void)state;
    for (size_t n = 1; n < sizeof real; n++) {
        closing(bytes_done) struct bytes told = BYTES_INIT(4096);
        struct digest digest = {{0}};
        struct why why = {0};

        assert_int_equal(read_all(&told, &digest, span_of(real), n, &why), RC_OK);
        assert_int_equal(digest.b[0], 0x11);
        assert_string_equal(bytes_text(&told),
            "|The push refers to repository [localhost:15000/team/svc]|0/0\n"
            "27884c31bb5b|Preparing|0/0\n"
            "27884c31bb5b|Pushing|512/3072\n"
            "27884c31bb5b|Pushed|0/0\n"
            "|t1: digest: " ONES " size: 523|0/0\n");
    }
}

static void
test_takes_the_digest_from_where_it_is(void **state)
{
    static const struct {
        const char *says;
        const char *text;
        enum rc want;
        const char *sentence;
    } cases[] = {
        {"the line of the containerd store", LINE, RC_OK, NULL},
        {"the aux message alone", AUX(ONES), RC_OK, NULL},
        {"both", LINE AUX(ONES), RC_OK, NULL},
        {"both, which disagree", LINE AUX(ZEROS), RC_NETWORK, "tells two digests for 't1'"},
        {"white space between messages", " \n\t" LINE " ", RC_OK, NULL},
        {"another tag's", "{\"status\":\"t10: digest: " ZEROS " size: 1\"}" LINE, RC_OK, NULL},
        {"another tag's aux", "{\"aux\":{\"Tag\":\"t2\",\"Digest\":\"" ZEROS "\",\"Size\":1}}" LINE,
            RC_OK, NULL},
        {"a layer's status that looks like it",
            "{\"id\":\"27\",\"status\":\"t1: digest: " ZEROS " size: 1\"}" LINE, RC_OK, NULL},
        {"an aux of no use", "{\"aux\":{\"originalIndex\":{}}}" LINE, RC_OK, NULL},
        {"nothing", "", RC_NETWORK, "ended without a word on the digest, after 0 messages"},
        {"no digest", "{\"status\":\"Pushed\",\"id\":\"27884c31bb5b\"}", RC_NETWORK,
            "after 1 messages: it may have stopped; see its log"},
        {"an end within a message", LINE "{\"status\":\"", RC_NETWORK, "after 1 messages"},
        {"another algorithm", "{\"status\":\"t1: digest: sha512:00 size: 1\"}", RC_NETWORK,
            "says 'sha512:00 size: 1', want a digest of sha256"},
        {"digits that are none", "{\"status\":\"t1: digest: sha256:xyz size: 1\"}", RC_NETWORK,
            "want a digest"},
        {"what is no JSON", "Bad Gateway", RC_NETWORK, "no JSON: byte 0x42 after message 0"},
        {"a stray brace", LINE "}", RC_NETWORK, "no JSON: byte 0x7d after message 1"},
        {"an array", "[]", RC_NETWORK, "no JSON: byte 0x5b"},
        {"what only looks like JSON", "{\"status\":tru}", RC_NETWORK, "no JSON: message 1"},
        {"braces that do not fit", "{\"status\":[}}", RC_NETWORK, "no JSON: message 1"},
        {"braces within texts", "{\"status\":\"}\\\"{\\\\\"}" LINE, RC_OK, NULL},
        {"a status that is none", "{\"status\":1}", RC_NETWORK,
            "says what nobody understands: status"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct digest digest = {{0}};
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(read_all(NULL, &digest, span_of(cases[i].text), 7, &why), cases[i].want);
        if (cases[i].want)
            assert_non_null(strstr(why.text, cases[i].sentence));
        assert_int_equal(digest.b[0], cases[i].want ? 0 : 0x11);
    }
}

static void
test_says_what_the_engine_says_went_wrong(void **state)
{
    static const struct {
        const char *says, *text, *sentence;
    } cases[] = {
        {"in both forms", "{\"errorDetail\":{\"message\":\"denied: no\"},\"error\":\"denied: no\"}",
            "says: denied: no"},
        {"in the old form only", "{\"error\":\"toomanyrequests\"}", "says: toomanyrequests"},
        {"in the new form only", "{\"errorDetail\":{\"code\":401,\"message\":\"who?\"}}",
            "says: who?"},
        {"without a word", "{\"errorDetail\":{}}", "says: it failed, and does not say why"},
        {"after the digest", LINE "{\"error\":\"late\"}", "says: late"},
        {"as platforms of the index are missing",
            "{\"aux\":{\"contentMissing\":true,\"desc\":{\"digest\":\"" ZEROS "\"}}}"
            "{\"errorDetail\":{\"message\":\"content digest: not found\"}}",
            "does not have all platforms of the index, and --platform names one that it has: "
            "content digest: not found"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct digest digest;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(read_all(NULL, &digest, span_of(cases[i].text), 1000, &why), RC_NETWORK);
        assert_string_equal(why.text, cases[i].sentence);
    }
}

static void
test_notes_that_one_platform_was_pushed_of_an_index(void **state)
{
    static const char text[] =
        "{\"aux\":{\"manifestPushedInsteadOfIndex\":true,\"originalIndex\":{\"digest\":\"" ZEROS
        "\"},\"selectedManifest\":{\"digest\":\"" ONES "\",\"platform\":{\"os\":\"linux\","
        "\"architecture\":\"amd64\"}}}}" LINE;
    closing(bytes_done) struct bytes told = BYTES_INIT(4096);
    struct digest digest;
    struct why why = {0};

    (void)state;
    assert_int_equal(read_all(&told, &digest, span_of(text), 1000, &why), RC_OK);
    assert_non_null(strstr(bytes_text(&told),
        "!|the engine does not have all platforms of the index, and pushes one of them: "
        "linux/amd64|"));
}

/* A status of so many bytes that the message has len. */
static void
put_message(struct bytes *b, size_t len)
{
    bytes_clear(b);
    bytes_puts(b, "{\"status\":\"");
    while (b->len < len - 2)
        bytes_putc(b, 'x');
    bytes_puts(b, "\"}");
    bytes_puts(b, LINE);
}

static void
test_keeps_to_the_bound_of_a_message(void **state)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * ENGINE_MESSAGE_MAX_BYTES);
    struct digest digest;
    struct why why = {0};

    (void)state;
    put_message(&text, ENGINE_MESSAGE_MAX_BYTES);
    assert_int_equal(read_all(NULL, &digest, bytes_span(&text), 1000, &why), RC_OK);
    put_message(&text, ENGINE_MESSAGE_MAX_BYTES + 1);
    assert_int_equal(read_all(NULL, &digest, bytes_span(&text), 1000, &why), RC_NETWORK);
    assert_string_equal(why.text, "says a message of more than 65536 bytes");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells_progress_and_digest_however_the_pieces_fall),
        cmocka_unit_test(test_takes_the_digest_from_where_it_is),
        cmocka_unit_test(test_says_what_the_engine_says_went_wrong),
        cmocka_unit_test(test_notes_that_one_platform_was_pushed_of_an_index),
        cmocka_unit_test(test_keeps_to_the_bound_of_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
