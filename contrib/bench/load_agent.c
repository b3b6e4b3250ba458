/* SPDX-License-Identifier: Apache-2.0 */
#include "contrib/bench/load_socket.h"
#include "contrib/bench/request.h"

static void
ask(struct bytes *out, void *userdata, const struct load_lane *lane)
{
    request_put(out, userdata, lane->index, lane->n_asked + 1);
}

static bool
is_answered(struct span in)
{
    if (in.p[in.len - 1] != 0)
        return false;

    load_must(memmem(in.p, in.len, "\"sig\":\"", 7), "the agent says %s", (const char *)in.p);
    return true;
}

void
load_agent(struct load *load)
{
    struct request request = {load->repository, load->key, load->batch, BYTES_INIT(0)};

    load_must(load->repository && load->key[0], "agent needs --key and --repository");
    request_init(&request);
    load_socket_run(load, &(struct load_language){&request, ask, is_answered});
    bytes_done(&request.head);
}
