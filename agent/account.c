/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/account.h"

#include <sys/queue.h>

#include "proto/bounds.h"

/* What one connection takes of the time, on average, where all of its lane are at work. */
#define SHARE_MS 40

struct account {
    struct accounts *all;
    uint64_t lane;
    size_t n_connections;
    size_t frame_bytes;
    const void *large; /* who reads a large frame now */
    LIST_ENTRY(account) next;
};

struct accounts {
    LIST_HEAD(, account) list;
    size_t frame_bytes;
};

enum rc
accounts_new(struct accounts **ret, struct why *why)
{
    struct accounts *all = calloc(1, sizeof *all);
    if (!all)
        return fail_memory(why);

    LIST_INIT(&all->list);
    *ret = all;
    return RC_OK;
}

void
accounts_free(struct accounts *all)
{
    free(all);
}

const struct account *
accounts_largest(const struct accounts *all)
{
    const struct account *largest = NULL, *account;

    LIST_FOREACH(account, &all->list, next)
        if (!largest || account->n_connections > largest->n_connections)
            largest = account;

    return largest;
}

static struct account *
find(const struct accounts *all, uint64_t lane)
{
    struct account *account;

    LIST_FOREACH(account, &all->list, next)
        if (account->lane == lane)
            break;

    return account;
}

/* As if each of them were served alone. */
uint64_t
account_retry_ms(const struct account *account)
{
    uint64_t ms = account->n_connections * SHARE_MS;

    return ms < BUSY_RETRY_MS ? BUSY_RETRY_MS : ms > BUSY_RETRY_MAX_MS ? BUSY_RETRY_MAX_MS : ms;
}

uint64_t
accounts_retry_ms(const struct accounts *all, uint64_t lane)
{
    const struct account *account = find(all, lane);

    return account ? account_retry_ms(account) : BUSY_RETRY_MS;
}

enum rc
account_enter(
    struct account **ret, struct accounts *all, uint64_t lane, size_t max, struct why *why)
{
    struct account *account = find(all, lane);

    if (account && account->n_connections >= max)
        return fail(why, RC_BUSY, "%s",
            max == CONN_MAX_PER_STRANGER ? "CONN_MAX_PER_STRANGER" : "CONN_MAX_PER_UID");

    if (!account) {
        account = calloc(1, sizeof *account);
        if (!account)
            return fail_memory(why);

        account->all = all;
        account->lane = lane;
        LIST_INSERT_HEAD(&all->list, account, next);
    }

    account->n_connections++;
    *ret = account;
    return RC_OK;
}

void
account_leave(struct account *account)
{
    if (--account->n_connections > 0)
        return;

    LIST_REMOVE(account, next);
    free(account);
}

/* Large frames leave some of either bound to small ones. */
static bool
is_beyond(size_t bytes, size_t max, bool is_large)
{
    return bytes > (is_large ? max - FRAMES_RESERVE_BYTES : max);
}

const char *
account_take(struct account *account, const void *holder, size_t already, size_t more)
{
    bool is_large = already + more > FRAME_SMALL_MAX_BYTES + 1;

    if (is_large && account->large && account->large != holder)
        return "FRAMES_MAX_BYTES_PER_UID";

    if (is_beyond(account->frame_bytes + more, FRAMES_MAX_BYTES_PER_UID, is_large))
        return "FRAMES_MAX_BYTES_PER_UID";

    if (is_beyond(account->all->frame_bytes + more, FRAMES_MAX_BYTES, is_large))
        return "FRAMES_MAX_BYTES";

    if (is_large)
        account->large = holder;
    account->frame_bytes += more;
    account->all->frame_bytes += more;
    return NULL;
}

void
account_give(struct account *account, size_t bytes)
{
    account->frame_bytes -= bytes;
    account->all->frame_bytes -= bytes;
}

void
account_end_large(struct account *account, const void *holder)
{
    if (account->large == holder)
        account->large = NULL;
}
