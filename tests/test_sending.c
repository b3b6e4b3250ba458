/* SPDX-License-Identifier: Apache-2.0 */
#include "client/sending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/canned.h"

#define PONG         "HTTP/1.1 200 OK\r\n\r\n{}"
#define OPEN(l)      "HTTP/1.1 202 A\r\nLocation: /up/" l "\r\nRange: 0-0\r\n\r\n"
#define LAST(l)      "HTTP/1.1 202 A\r\nConnection: close\r\nLocation: /up/" l "\r\n\r\n"
#define HAS(l, last) "HTTP/1.1 202 A\r\nLocation: /up/" l "\r\nRange: 0-" last "\r\n\r\n"
#define TOLD(last)   "HTTP/1.1 204 N\r\nRange: 0-" last "\r\n\r\n"
#define TAKEN        "HTTP/1.1 201 C\r\n\r\n"
#define GONE         "HTTP/1.1 404 N\r\n\r\n"
#define GIVEN_UP     "HTTP/1.1 204 N\r\n\r\n"
#define BROKEN       "" /* on a new connection: curl itself tries again on one that was kept */

static const char digest_text[] =
    "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"; /* of the content */

struct rig {
    struct canned server;
    struct registry *registry;
    struct registry_blob blob;
    struct content content;
    struct bytes told; /* what the watch was told since the last again() */
    int n_again;
    bool is_mounted;
};

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    struct rig *rig = data;

    bytes_put(&rig->told, piece);
    return bytes_check(&rig->told, why);
}

static void
on_again(void *data)
{
    struct rig *rig = data;

    bytes_clear(&rig->told);
    rig->n_again++;
}

static void
rig_open(struct rig *rig, const char *const *answers)
{
    const char *all[24] = {PONG};
    char host[32];

    *rig = (struct rig){
        .told = BYTES_INIT(1024),
        .blob = {.path = "shop/web", .size = 10},
        .content = {.fd = memfd_create("content", MFD_CLOEXEC), .offset = 2, .size = 10},
    };
    assert_int_equal(write(rig->content.fd, "..0123456789..", 14), 14);
    digest_of(&rig->blob.digest, SPAN("0123456789"));
    canned_listen(&rig->server);
    for (size_t i = 0; answers[i]; i++)
        all[i + 1] = answers[i];
    canned_answer(&rig->server, all);
    snprintf(host, sizeof host, "127.0.0.1:%d", rig->server.port);
    assert_int_equal(registry_new(&rig->registry, host, false, NULL), RC_OK);
}

static enum rc
rig_send(struct rig *rig, int64_t chunk_bytes, const char *from, struct why *why)
{
    const struct http_watch watch = {.piece = on_piece, .again = on_again, .data = rig};
    const struct sending sending = {
        rig->registry, &rig->blob, &rig->content, from, &watch, chunk_bytes};

    return sending_run(&rig->is_mounted, &sending, why);
}

/* The first lines of all requests. */
static void
rig_asked(struct rig *rig, char *ret, size_t room)
{
    size_t len = 0;

    ret[0] = 0;
    for (const char *line = canned_requests(&rig->server); line && len < room;) {
        const char *end = strstr(line, " HTTP/1.1\r\n");
        const char *next = strstr(line, "\n\n");
        if (!end)
            break;

        len += (size_t)snprintf(ret + len, room - len, "%.*s\n", (int)(end - line), line);
        line = next ? next + strspn(next, "\n") : NULL;
    }
}

static void
rig_close(struct rig *rig)
{
    registry_free(rig->registry);
    canned_stop(&rig->server);
    close(rig->content.fd);
    bytes_done(&rig->told);
}

#define UPLOADS "POST /v2/shop/web/blobs/uploads/"
#define PUT(l)                                                                                     \
    "PUT /up/" l "?digest="                                                                        \
    "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882\n"
#define HEAD                                                                                       \
    "HEAD /v2/shop/web/blobs/"                                                                     \
    "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882\n"

static const struct {
    const char *says;
    int64_t chunk_bytes;
    const char *answers[16];
    const char *asked; /* after the ping */
    int n_again;
} paths[] = {
    {"in one piece", 10, {OPEN("1"), TAKEN}, UPLOADS "\n" PUT("1"), 0},
    {"in chunks, each where the last one has sent us", 4,
        {OPEN("1"), HAS("2", "3"), HAS("3", "7"), HAS("4", "9"), TAKEN},
        UPLOADS "\nPATCH /up/1\nPATCH /up/2\nPATCH /up/3\n" PUT("4"), 0},
    {"in chunks as large as the registry wants them", 4,
        {"HTTP/1.1 202 A\r\nLocation: /up/1\r\nOCI-Chunk-Min-Length: 10\r\n\r\n", TAKEN},
        UPLOADS "\n" PUT("1"), 0},
    {"from where the registry stands after less than a chunk", 8,
        {OPEN("1"), HAS("2", "4"), HAS("3", "9"), TAKEN},
        UPLOADS "\nPATCH /up/1\nPATCH /up/2\n" PUT("3"), 0},
    {"from where the registry stands when the connection broke", 8,
        {LAST("1"), BROKEN, TOLD("4"), HAS("2", "9"), TAKEN},
        UPLOADS "\nPATCH /up/1\nGET /up/1\nPATCH /up/1\n" PUT("2"), 0},
    {"the rest of what was to be one piece", 10,
        {LAST("1"), BROKEN, TOLD("4"), HAS("2", "9"), TAKEN},
        UPLOADS "\n" PUT("1") "GET /up/1\nPATCH /up/1\n" PUT("2"), 0},
    {"nothing more where only the answer was lost", 10,
        {LAST("1"), BROKEN, GONE, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"},
        UPLOADS "\n" PUT("1") "GET /up/1\n" HEAD, 0},
    {"anew where the registry forgot", 10,
        {LAST("1"), BROKEN, GONE, GONE, GIVEN_UP, OPEN("2"), TAKEN},
        UPLOADS "\n" PUT("1") "GET /up/1\n" HEAD "DELETE /up/1\n" UPLOADS "\n" PUT("2"), 1},
    {"anew where it says that it has more than was sent", 4,
        {OPEN("1"), HAS("2", "8"), TOLD("8"), GIVEN_UP, OPEN("3"), HAS("4", "3"), HAS("5", "7"),
            HAS("6", "9"), TAKEN},
        UPLOADS "\nPATCH /up/1\nGET /up/2\nDELETE /up/2\n" UPLOADS
                "\nPATCH /up/3\nPATCH /up/4\nPATCH /up/5\n" PUT("6"),
        1},
    {"later where it is busy", 10,
        {OPEN("1"), "HTTP/1.1 503 S\r\n\r\n", TOLD("0"), GONE, GIVEN_UP, OPEN("2"), TAKEN},
        UPLOADS "\n" PUT("1") "GET /up/1\n" HEAD "DELETE /up/1\n" UPLOADS "\n" PUT("2"), 1},
    {"in one piece where it takes no chunks", 4,
        {OPEN("1"), "HTTP/1.1 405 N\r\n\r\n", GIVEN_UP, OPEN("2"), TAKEN},
        UPLOADS "\nPATCH /up/1\nDELETE /up/1\n" UPLOADS "\n" PUT("2"), 1},
};

static void
test_gets_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
        char asked[2048];
        struct why why = {""};
        struct rig rig;

        print_message("%s\n", paths[i].says);
        rig_open(&rig, paths[i].answers);
        enum rc rc = rig_send(&rig, paths[i].chunk_bytes, NULL, &why);
        rig_asked(&rig, asked, sizeof asked);
        if (rc)
            fail_msg("%s", why.text);
        assert_string_equal(asked + strlen("GET /v2/\n"), paths[i].asked);
        assert_false(rig.is_mounted);
        assert_string_equal(bytes_text(&rig.told), "0123456789");
        assert_int_equal(rig.n_again, paths[i].n_again);
        rig_close(&rig);
    }
}

static void
test_sends_each_byte_where_it_belongs(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig,
        (const char *const[]){OPEN("1"), HAS("2", "3"), HAS("3", "7"), HAS("4", "9"), TAKEN, NULL});
    assert_int_equal(rig_send(&rig, 4, NULL, NULL), RC_OK);

    const char *asked = canned_requests(&rig.server);
    const char *first = strstr(asked, "\r\nContent-Range: 0-3\r\n");
    const char *last = strstr(asked, "\r\nContent-Range: 8-9\r\n");
    assert_non_null(first);
    assert_non_null(strstr(first, "\r\n\r\n0123\n\n"));
    assert_non_null(last);
    assert_non_null(strstr(last, "\r\n\r\n89\n\n"));
    assert_non_null(strstr(asked, "\r\nContent-Type: application/octet-stream\r\n"));
    rig_close(&rig);
}

static const struct {
    const char *says;
    const char *answers[10];
    const char *asked;
    bool is_mounted;
} mounts[] = {
    {"mounts", {TAKEN}, UPLOADS "?mount=%s&from=shop/base\n", true},
    {"uploads where it is not mounted", {OPEN("1"), TAKEN},
        UPLOADS "?mount=%s&from=shop/base\n" PUT("1"), false},
    {"uploads where mounting is refused", {"HTTP/1.1 403 N\r\n\r\n", OPEN("1"), TAKEN},
        UPLOADS "?mount=%s&from=shop/base\n" UPLOADS "\n" PUT("1"), false},
};

static void
test_takes_it_from_another_repository(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(mounts); i++) {
        char asked[2048], want[2048];
        struct rig rig;

        print_message("%s\n", mounts[i].says);
        rig_open(&rig, mounts[i].answers);
        assert_int_equal(rig_send(&rig, 10, "shop/base", NULL), RC_OK);
        rig_asked(&rig, asked, sizeof asked);
        const char *hole = strstr(mounts[i].asked, "%s");
        snprintf(want, sizeof want, "%.*s%s%s", (int)(hole - mounts[i].asked), mounts[i].asked,
            digest_text, hole + 2);
        assert_string_equal(asked + strlen("GET /v2/\n"), want);
        assert_int_equal(rig.is_mounted, mounts[i].is_mounted);
        rig_close(&rig);
    }
}

#define ERROR(code) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"

static const struct {
    const char *says;
    const char *answers[10];
    enum rc rc;
    const char *sentence;
} ends[] = {
    {"a registry that takes no uploads", {"HTTP/1.1 405 N\r\n\r\n"}, RC_NETWORK,
        "an upload to 'shop/web' is refused: HTTP 405; the registry is read-only"},
    {"a full disk, which is not tried again",
        {OPEN("1"),
            "HTTP/1.1 500 I\r\n\r\n{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"m\","
            "\"detail\":\"no space left on device\"}]}",
            GIVEN_UP},
        RC_NETWORK, "the storage of the registry is full"},
    {"no right", {OPEN("1"), "HTTP/1.1 403 F\r\n\r\n" ERROR("DENIED"), GIVEN_UP}, RC_NETWORK,
        "docker login"},
    {"another digest than ours",
        {OPEN("1"), "HTTP/1.1 201 C\r\nDocker-Content-Digest: sha256:00\r\n\r\n"}, RC_UNTRUSTED,
        "the registry says sha256:00"},
    {"bytes that were broken on their way",
        {OPEN("1"), "HTTP/1.1 400 B\r\n\r\n" ERROR("DIGEST_INVALID"), GIVEN_UP}, RC_NETWORK,
        "not what was sent"},
    {"no address", {"HTTP/1.1 202 A\r\n\r\n"}, RC_NETWORK, "without a Location"},
    {"a long wait", {OPEN("1"), "HTTP/1.1 429 T\r\nRetry-After: 300\r\n\r\n", GIVEN_UP}, RC_NETWORK,
        "in 300 s"},
    {"a 500 that stays",
        {OPEN("1"), "HTTP/1.1 500 I\r\n\r\n", GONE, GIVEN_UP, OPEN("2"), "HTTP/1.1 500 I\r\n\r\n",
            GONE, GIVEN_UP},
        RC_NETWORK, "HTTP 500; try again later"},
};

static void
test_ends_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
        struct why why = {""};
        struct rig rig;

        print_message("%s\n", ends[i].says);
        rig_open(&rig, ends[i].answers);
        assert_int_equal(rig_send(&rig, 10, NULL, &why), ends[i].rc);
        if (!strstr(why.text, ends[i].sentence))
            fail_msg("%s", why.text);
        rig_close(&rig);
    }
}

static void
test_never_completes_what_is_not_of_its_digest(void **state)
{
    struct why why = {""};
    struct rig rig;

    (void)state;
    rig_open(&rig, (const char *const[]){OPEN("1"), BROKEN, GIVEN_UP, NULL});
    digest_of(&rig.blob.digest, SPAN("another one"));
    assert_int_equal(rig_send(&rig, 10, NULL, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "the source is damaged"));
    assert_null(strstr(canned_requests(&rig.server), "0123456789"));

    rig.blob.size = 11;
    assert_int_equal(rig_send(&rig, 10, NULL, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "10 bytes lie there, and 11 are told"));
    rig_close(&rig);
}

/* One that asks for Basic, and sends us to a store of its own, which needs no password. */
static void
test_gives_no_password_to_another_host(void **state)
{
    struct canned store;
    struct rig rig;
    char location[160];

    (void)state;
    canned_listen(&store);
    canned_answer(&store, (const char *const[]){HAS("2", "4"), HAS("3", "9"), TAKEN, NULL});
    snprintf(location, sizeof location, "HTTP/1.1 202 A\r\nLocation: %s/up/1\r\n\r\n", store.url);
    setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"127.0.0.1\":{\"auth\":\"YTpi\"}}}", true);
    rig_open(
        &rig, (const char *const[]){
                  "HTTP/1.1 401 U\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n", location, NULL});

    char config[160];
    snprintf(config, sizeof config, "{\"auths\":{\"127.0.0.1:%d\":{\"auth\":\"YTpi\"}}}",
        rig.server.port);
    setenv("DOCKER_AUTH_CONFIG", config, true);
    assert_int_equal(rig_send(&rig, 5, NULL, NULL), RC_OK);
    assert_non_null(strstr(canned_requests(&rig.server), "Authorization: Basic YTpi"));
    assert_non_null(strstr(canned_requests(&store), "Content-Range: 5-9\r\n"));
    assert_non_null(strstr(canned_requests(&store), "PUT /up/3?digest="));
    assert_null(strstr(canned_requests(&store), "Authorization"));

    unsetenv("DOCKER_AUTH_CONFIG");
    rig_close(&rig);
    canned_stop(&store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gets_there),
        cmocka_unit_test(test_sends_each_byte_where_it_belongs),
        cmocka_unit_test(test_takes_it_from_another_repository),
        cmocka_unit_test(test_ends_with_a_sentence),
        cmocka_unit_test(test_never_completes_what_is_not_of_its_digest),
        cmocka_unit_test(test_gives_no_password_to_another_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
