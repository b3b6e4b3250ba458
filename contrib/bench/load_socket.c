/* SPDX-License-Identifier: Apache-2.0 */
#include "contrib/bench/load_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX_BYTES (1024 * 1024)

struct connection {
    struct load_lane lane;
    int fd;
    uint64_t asked_at;
    struct bytes in, out;
};

int
load_socket_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    load_must(len < sizeof address.sun_path, "'%s' is too long", path);
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    load_must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0,
        "cannot connect to '%s'", path);
    return fd;
}

static void
ask(struct connection *c, const struct load_language *language)
{
    bytes_clear(&c->out);
    language->ask(&c->out, language->userdata, &c->lane);
    load_must(!bytes_check(&c->out, NULL), "no memory");
    c->lane.n_asked++;
    c->asked_at = load_now();
    load_must(
        send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL) == (ssize_t)c->out.len, "cannot send");
}

/* Whether all of the answer is here. */
static bool
receive(struct connection *c, const struct load_language *language)
{
    uint8_t *room = bytes_room(&c->in, 64 * 1024);
    ssize_t n = room ? recv(c->fd, room, 64 * 1024, 0) : -1;

    load_must(n > 0, "the connection ended");
    bytes_advance(&c->in, (size_t)n);
    if (!language->is_answered(bytes_span(&c->in)))
        return false;

    bytes_clear(&c->in);
    return true;
}

void
load_socket_run(struct load *load, const struct load_language *language)
{
    struct connection connections[64] = {0};
    struct pollfd polled[64];
    unsigned n_left = load->n_lanes;

    for (unsigned i = 0; i < load->n_lanes; i++) {
        struct connection *c = &connections[i];
        *c = (struct connection){.lane = {.index = i},
            .fd = load_socket_connect(load->target),
            .in = BYTES_INIT(ANSWER_MAX_BYTES),
            .out = BYTES_INIT(ANSWER_MAX_BYTES)};
        polled[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    }

    load_begin(load);
    for (unsigned i = 0; i < load->n_lanes; i++)
        ask(&connections[i], language);
    while (n_left > 0) {
        load_must(poll(polled, load->n_lanes, -1) > 0, "cannot wait");
        for (unsigned i = 0; i < load->n_lanes; i++) {
            struct connection *c = &connections[i];
            if (!polled[i].revents || !receive(c, language))
                continue;

            if (load_note(load, &load->lanes[i], c->asked_at, load_now(), load->batch))
                ask(c, language);
            else
                n_left--;
        }
    }

    for (unsigned i = 0; i < load->n_lanes; i++) {
        close(connections[i].fd);
        bytes_done(&connections[i].in);
        bytes_done(&connections[i].out);
    }
}
