/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message between the agent and a worker, from either side: what is taken is written the same
 * again, and no message can come from both sides.
 */
#include "agent/token/frame.h"

#include "tests/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span in = {data, len};
    bool is_taken[2];

    for (int side = 0; side < 2; side++) {
        closing(bytes_done) struct bytes again = BYTES_INIT(2 * WORKER_MESSAGE_BYTES);
        struct frame frame;

        is_taken[side] =
            !frame_parse(&frame, in, side ? FRAME_FROM_WORKER : FRAME_FROM_AGENT, NULL);
        if (!is_taken[side])
            continue;

        assert(frame.type < FRAME_TYPE_MAX_ && len <= WORKER_MESSAGE_BYTES);
        if (frame.type == FRAME_SIGN)
            assert(frame.sign.n_jobs >= 1 && frame.sign.n_jobs <= WORKER_BATCH_MAX);
        if (frame.type == FRAME_SIGNED)
            for (size_t i = 0; i < frame.sigs.n_results; i++)
                assert((frame.sigs.results[i].rc == RC_OK) ==
                       (frame.sigs.results[i].signature.len > 0));
        assert(!frame_format(&again, &frame, NULL));
        assert(span_eq(bytes_span(&again), in));
    }
    assert(!is_taken[0] || !is_taken[1]);
    return 0;
}
