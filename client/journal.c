/* SPDX-License-Identifier: Apache-2.0 */
#include "client/journal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "client/agent_link.h"
#include "proto/bounds.h"

#define LEDGER "COUNTERSIGN_LEDGER"
#define RECORD "COUNTERSIGN_RECORD"
#define HASH   "COUNTERSIGN_HASH"

struct journal {
    sd_journal *journal;
    int64_t before_us;
    uid_t agent;
};

static enum rc
journal_fail(int r, struct why *why)
{
    return r == -ENOMEM ? fail_memory(why)
                        : fail(why, RC_SYSTEM, "the journal cannot be read: %s", strerror(-r));
}

static int
open_path(sd_journal **ret, const char *path)
{
    const char *paths[] = {path, NULL};
    struct stat st;

    if (stat(path, &st))
        return -errno;

    return S_ISDIR(st.st_mode) ? sd_journal_open_directory(ret, path, 0)
                               : sd_journal_open_files(ret, paths, 0);
}

enum rc
journal_open(struct journal **ret, const char *path, struct why *why)
{
    closing(journal_closep) struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return fail_memory(why);

    journal->agent = agent_link_user();
    int r = path ? open_path(&journal->journal, path)
                 : sd_journal_open(&journal->journal, SD_JOURNAL_LOCAL_ONLY);
    if (r < 0 && path)
        return fail(why, RC_SYSTEM, "'%s': %s", path, strerror(-r));
    if (r < 0)
        return fail(why, RC_NOT_FOUND, "%s", strerror(-r));

    sd_journal_set_data_threshold(journal->journal, 4096);
    *ret = steal(journal);
    return RC_OK;
}

void
journal_close(struct journal *journal)
{
    if (!journal)
        return;

    sd_journal_close(journal->journal);
    free(journal);
}

enum rc
journal_seek(struct journal *journal, const char *ledger, int64_t before_us, struct why *why)
{
    char match[sizeof LEDGER + 64];

    journal->before_us = before_us;
    snprintf(match, sizeof match, LEDGER "=%s", ledger);
    int r = sd_journal_add_match(journal->journal, match, 0);
    if (r >= 0)
        r = sd_journal_seek_head(journal->journal);
    return r < 0 ? journal_fail(r, why) : RC_OK;
}

/* The value of a field of the entry; empty where there is none. */
static struct span
field(struct journal *journal, const char *name)
{
    const void *data = NULL;
    size_t len = 0, skip = strlen(name) + 1;

    if (sd_journal_get_data(journal->journal, name, &data, &len) < 0 || len < skip)
        return (struct span){0};

    return (struct span){(const uint8_t *)data + skip, len - skip};
}

/* Whether the entry is a head; others may look like one. */
static bool
read_entry(struct journal_head *ret, struct journal *journal)
{
    struct journal_head head = {0};
    int64_t uid = -1;
    uint64_t at_us = 0;

    /* A span is lost with the next field that is read. */
    if (integer_parse(&head.head.seq, field(journal, RECORD), 0, INTEGER_MAX, NULL) ||
        hex_parse(head.head.hash.b, sizeof head.head.hash.b, field(journal, HASH), NULL) ||
        sd_journal_get_realtime_usec(journal->journal, &at_us) < 0)
        return false;

    if (integer_parse(&uid, field(journal, "_UID"), 0, UINT32_MAX, NULL))
        uid = (uid_t)-1;
    head.at_us = (int64_t)at_us;
    head.uid = (uid_t)uid;
    head.counts = head.uid != (uid_t)-1 &&
                  (head.uid == 0 || head.uid == geteuid() || head.uid == journal->agent);
    *ret = head;
    return true;
}

enum rc
journal_next(struct journal_head *ret, struct journal *journal, struct why *why)
{
    for (;;) {
        struct journal_head head;

        int r = sd_journal_next(journal->journal);
        if (r < 0)
            return journal_fail(r, why);
        if (r == 0)
            return RC_NOT_FOUND;

        if (!read_entry(&head, journal) || head.at_us >= journal->before_us)
            continue;

        *ret = head;
        return RC_OK;
    }
}

enum rc
journal_other_ledger(char **ret, struct journal *journal, const char *ledger, struct why *why)
{
    const void *data;
    size_t len, skip = strlen(LEDGER "=");

    int r = sd_journal_query_unique(journal->journal, LEDGER);
    if (r < 0)
        return journal_fail(r, why);

    SD_JOURNAL_FOREACH_UNIQUE(journal->journal, data, len)
    {
        struct span id = {(const uint8_t *)data + skip, len - skip};
        if (len <= skip || span_is(id, ledger))
            continue;

        *ret = span_dup(id);
        return *ret ? RC_OK : fail_memory(why);
    }

    return RC_NOT_FOUND;
}
