/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/database.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/ledger.h"

#define NOBODY 65534 /* root may write everywhere */

enum { PUT, SUM, STATEMENTS };

static const char *const statements[] = {
    [PUT] = "INSERT INTO note (text) VALUES (?)",
    [SUM] = "SELECT count(*) FROM note",
};

static const char *const steps[] = {
    "CREATE TABLE note (text TEXT NOT NULL) STRICT",
    "ALTER TABLE note ADD COLUMN is_read INTEGER NOT NULL DEFAULT 0",
};

static const struct database_form form = {
    .application_id = 7,
    .version = 1,
    .steps = steps,
    .statements = statements,
    .n_statements = STATEMENTS,
};

static char dir[64], path[128]; /* a fresh directory for each test */
static struct why why;

static int
make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s", "/tmp/test_database.XXXXXX");
    if (!mkdtemp(dir))
        return -1;

    snprintf(path, sizeof path, "%s/notes.db", dir);
    return 0;
}

static int
remove_dir(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct database *
open_database(void)
{
    struct database *database = NULL;

    assert_int_equal(database_open(&database, path, &form, &why), RC_OK);
    return database;
}

static enum rc
put(struct database *database, size_t len)
{
    static char text[64 * 1024];

    memset(text, 'x', sizeof text);
    closing(query_done) struct query q = query_of(database, PUT);
    query_text_span(&q, (struct span){(const uint8_t *)text, len});
    return query_write(&q, NULL, &why);
}

static int64_t
count(struct database *database)
{
    closing(query_done) struct query q = query_of(database, SUM);

    assert_int_equal(query_next(&q, &why), RC_OK);
    return query_int_at(&q, 0);
}

/* Open the database in a process of its own, as that user if this is root. */
static enum rc
open_in_child(uid_t uid)
{
    struct database *database = NULL;
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && setresuid(uid, uid, uid) < 0)
            _exit(RC_MAX_);
        enum rc rc = database_open(&database, path, &form, NULL);
        database_close(database);
        _exit((int)rc);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return (enum rc)WEXITSTATUS(status);
}

static void
test_opens_what_it_made(void **state)
{
    struct stat st;

    (void)state;
    struct database *database = open_database();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(database_begin(database, &why), RC_OK);
    assert_int_equal(put(database, 10), RC_OK);
    assert_int_equal(put(database, 0), RC_OK);
    assert_int_equal(database_commit(database, &why), RC_OK);
    database_close(database);

    database = open_database();
    assert_int_equal(count(database), 2);
    database_close(database);
}

static void
test_is_held_exclusively(void **state)
{
    (void)state;
    closing(database_closep) struct database *database = open_database();
    assert_int_equal(count(database), 0);
    assert_int_equal(open_in_child(geteuid()), RC_BUSY);
}

static void
test_refuses_a_newer_schema(void **state)
{
    struct database_form newer = form;
    struct database *database = NULL;

    (void)state;
    newer.version = 2;
    assert_int_equal(database_open(&database, path, &newer, &why), RC_OK);
    database_close(steal(database));
    assert_int_equal(database_open(&database, path, &form, &why), RC_STORAGE);
    assert_non_null(strstr(why.text, "newer countersign-agent (schema 2, this one knows 1)"));
    assert_null(database);
}

static void
test_brings_an_older_schema_up_to_date(void **state)
{
    static const char *const reads[] = {[PUT] = "INSERT INTO note (text) VALUES (?)",
        [SUM] = "SELECT count(*) FROM note WHERE is_read = 0"};
    struct database_form newer = form;
    struct database *database = NULL;

    (void)state;
    newer.version = 2;
    newer.statements = reads;
    assert_int_equal(database_open(&database, path, &form, &why), RC_OK);
    assert_int_equal(database_begin(database, &why), RC_OK);
    assert_int_equal(put(database, 3), RC_OK);
    assert_int_equal(database_commit(database, &why), RC_OK);
    database_close(steal(database));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(database_open(&database, path, &newer, &why), RC_OK);
        assert_int_equal(count(database), 1);
        database_close(steal(database));
    }
}

static void
test_refuses_the_database_of_another_program(void **state)
{
    struct database_form other = form;
    struct database *database = NULL;

    (void)state;
    other.application_id = 8;
    assert_int_equal(database_open(&database, path, &other, &why), RC_OK);
    database_close(steal(database));
    assert_int_equal(database_open(&database, path, &form, &why), RC_STORAGE);
    assert_non_null(strstr(why.text, "another program"));
}

static void
test_refuses_what_is_no_database(void **state)
{
    static const char garbage[4096] = "this was a database before the disk failed";
    struct database *database = NULL;

    (void)state;
    closing(fd_close) int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, garbage, sizeof garbage), sizeof garbage);
    assert_int_equal(database_open(&database, path, &form, &why), RC_STORAGE);
    assert_non_null(strstr(why.text, "is damaged"));
    assert_non_null(strstr(why.text, "restore it from a backup"));

    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/tmp/elsewhere", path), 0);
    assert_int_equal(database_open(&database, path, &form, &why), RC_STORAGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(database_open(&database, path, &form, &why), RC_STORAGE);
}

static void
test_refuses_a_directory_that_it_cannot_write(void **state)
{
    (void)state;
    if (geteuid() == 0)
        assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(dir, 0500), 0);
    assert_int_equal(open_in_child(NOBODY), RC_STORAGE);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(open_in_child(NOBODY), RC_OK);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(open_in_child(NOBODY), RC_STORAGE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(open_in_child(NOBODY), RC_OK); /* removes the journal at its end */
    assert_int_equal(chmod(dir, 0500), 0);          /* no place for the journal */
    assert_int_equal(open_in_child(NOBODY), RC_STORAGE);
    assert_int_equal(chmod(dir, 0700), 0);
}

/* No file can grow beyond so many bytes: a write fails as on a file system with a quota. */
static void
limit_files(rlim_t max)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_loses_a_transaction_that_the_disk_does_not_take(void **state)
{
    (void)state;
    closing(database_closep) struct database *database = open_database();
    assert_int_equal(database_begin(database, &why), RC_OK);
    assert_int_equal(put(database, 10), RC_OK);
    assert_int_equal(database_commit(database, &why), RC_OK);

    limit_files(64 * 1024);
    assert_int_equal(database_begin(database, &why), RC_OK);
    assert_int_equal(put(database, 64 * 1024), RC_OK); /* still in memory */
    assert_int_equal(database_commit(database, &why), RC_STORAGE);
    limit_files(RLIM_INFINITY);
    assert_non_null(strstr(why.text, "check its file system, quota"));
    assert_false(database_is_in_transaction(database));
    assert_int_equal(count(database), 1);

    assert_int_equal(database_begin(database, &why), RC_OK);
    assert_int_equal(put(database, 64 * 1024), RC_OK);
    assert_int_equal(database_commit(database, &why), RC_OK);
    assert_int_equal(count(database), 2);
}

/* SQLite ends the transaction when it cannot move pages out of memory. What is written then must
 * not become durable one by one. */
static void
test_takes_nothing_after_the_transaction_was_undone(void **state)
{
    enum rc rc = RC_OK;

    (void)state;
    closing(database_closep) struct database *database = open_database();
    assert_int_equal(database_begin(database, &why), RC_OK);
    limit_files(64 * 1024);
    for (int i = 0; !rc && i < 1000; i++)
        rc = put(database, 64 * 1024);
    limit_files(RLIM_INFINITY);
    assert_int_equal(rc, RC_STORAGE);

    assert_int_equal(put(database, 10), RC_STORAGE);
    assert_int_equal(database_savepoint(database, &why), RC_STORAGE);
    database_back_to_savepoint(database);
    assert_non_null(strstr(why.text, "an earlier error undid the transaction"));
    assert_int_equal(database_commit(database, &why), RC_STORAGE);
    assert_int_equal(count(database), 0);

    assert_int_equal(database_begin(database, &why), RC_OK);
    assert_int_equal(put(database, 10), RC_OK);
    assert_int_equal(database_commit(database, &why), RC_OK);
    assert_int_equal(count(database), 1);
}

/* In a child, as root: fill a file system of 1 MiB with records. */
static int
fill_small_file_system(void)
{
    struct ledger *ledger = NULL;
    enum rc rc = RC_OK;
    int64_t seq = 0, n = 0;
    static uint8_t body[32 * 1024];

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", dir, "tmpfs", 0, "size=1m,mode=0700"))
        return 77;

    if (ledger_open(&ledger, dir, &why) || ledger_has_room(ledger))
        return 1;

    memset(body, 'x', sizeof body);
    while (!rc && seq < 1000) {
        rc = ledger_begin(ledger, &why);
        if (!rc)
            rc = ledger_put_record(ledger, 1, (struct span){body, sizeof body}, &seq, &why);
        if (!rc)
            rc = ledger_commit(ledger, &why);
    }
    if (rc != RC_STORAGE || !strstr(why.text, "is full: make room"))
        return 2;

    ledger_rollback(ledger);
    rc = ledger_verify(ledger, &n, &why);
    ledger_close(ledger);
    if (rc || n < 5 || n > 32)
        return 3;

    return ledger_open(&ledger, dir, &why) || ledger_head_seq(ledger) != n ? 4 : 0;
}

static void
test_says_that_the_file_system_is_full(void **state)
{
    int status = -1;

    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fill_small_file_system());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* only root can mount */
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_opens_what_it_made),
        TEST(test_is_held_exclusively),
        TEST(test_refuses_a_newer_schema),
        TEST(test_brings_an_older_schema_up_to_date),
        TEST(test_refuses_the_database_of_another_program),
        TEST(test_refuses_what_is_no_database),
        TEST(test_refuses_a_directory_that_it_cannot_write),
        TEST(test_loses_a_transaction_that_the_disk_does_not_take),
        TEST(test_takes_nothing_after_the_transaction_was_undone),
        TEST(test_says_that_the_file_system_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
