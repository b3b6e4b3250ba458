/* SPDX-License-Identifier: Apache-2.0 */
#include "contrib/bench/load_socket.h"
#include "contrib/bench/request.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* draft-miller-ssh-agent-14 §5.1: a length, a type, and what belongs to it */
#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER  12
#define SIGN_REQUEST       13
#define SIGN_RESPONSE      14

static uint32_t
u32_at(struct span s, size_t at)
{
    uint32_t value;

    load_must(at + sizeof value <= s.len, "a short answer");
    memcpy(&value, s.p + at, sizeof value);
    return ntohl(value);
}

static void
put_u32(struct bytes *b, size_t value)
{
    uint32_t wire = htonl((uint32_t)value);

    bytes_put(b, (struct span){(const uint8_t *)&wire, sizeof wire});
}

/* Whether a whole message is here, of that type. */
static bool
has_message(struct span in, uint8_t type)
{
    if (in.len < 5 || in.len < 4 + (size_t)u32_at(in, 0))
        return false;

    load_must(in.p[4] == type, "ssh-agent answers with type %u", in.p[4]);
    return true;
}

static bool
is_answered(struct span in)
{
    return has_message(in, SIGN_RESPONSE);
}

static void
ask(struct bytes *out, void *userdata, const struct load_lane *lane)
{
    const struct bytes *blob = userdata;
    uint8_t text[DOCUMENT_BYTES] = {0};

    memcpy(text, &lane->n_asked, sizeof lane->n_asked);
    put_u32(out, 1 + 4 + blob->len + 4 + sizeof text + 4);
    bytes_putc(out, SIGN_REQUEST);
    put_u32(out, blob->len);
    bytes_put(out, bytes_span(blob));
    put_u32(out, sizeof text);
    bytes_put(out, (struct span){text, sizeof text});
    put_u32(out, 0);
}

/* The first key that the agent has. */
static void
find_key(struct bytes *ret, const char *path)
{
    static const uint8_t request[] = {0, 0, 0, 1, REQUEST_IDENTITIES};
    uint8_t answer[16384];
    size_t len = 0;
    int fd = load_socket_connect(path);

    load_must(send(fd, request, sizeof request, MSG_NOSIGNAL) == sizeof request, "cannot send");
    while (!has_message((struct span){answer, len}, IDENTITIES_ANSWER)) {
        ssize_t n = recv(fd, answer + len, sizeof answer - len, 0);
        load_must(n > 0, "no list of keys");
        len += (size_t)n;
    }
    close(fd);

    struct span in = {answer, len};
    uint32_t blob_len = u32_at(in, 9);
    load_must(u32_at(in, 5) > 0 && 13 + (size_t)blob_len <= len, "ssh-agent has no key");
    bytes_put(ret, (struct span){answer + 13, blob_len});
}

void
load_ssh(struct load *load)
{
    closing(bytes_done) struct bytes blob = BYTES_INIT(16384);

    find_key(&blob, load->target);
    load_socket_run(load, &(struct load_language){&blob, ask, is_answered});
}
