/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/landlock.h, as of version 6 */
#define FS_EXECUTE     (UINT64_C(1) << 0)
#define FS_WRITE_FILE  (UINT64_C(1) << 1)
#define FS_READ_FILE   (UINT64_C(1) << 2)
#define FS_READ_DIR    (UINT64_C(1) << 3)
#define FS_REMOVE_DIR  (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_CHAR   (UINT64_C(1) << 6)
#define FS_MAKE_DIR    (UINT64_C(1) << 7)
#define FS_MAKE_REG    (UINT64_C(1) << 8)
#define FS_MAKE_SOCK   (UINT64_C(1) << 9)
#define FS_MAKE_FIFO   (UINT64_C(1) << 10)
#define FS_MAKE_BLOCK  (UINT64_C(1) << 11)
#define FS_MAKE_SYM    (UINT64_C(1) << 12)
#define FS_REFER       (UINT64_C(1) << 13) /* to move between directories; version 2 */
#define FS_TRUNCATE    (UINT64_C(1) << 14) /* version 3 */
#define NET_BIND       (UINT64_C(1) << 0)  /* version 4 */
#define NET_CONNECT    (UINT64_C(1) << 1)
#define SCOPE_SIGNAL   (UINT64_C(1) << 1) /* version 6 */

#define CREATE_VERSION  1
#define RULE_PATH_BELOW 1

#define OF_FILES (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)
#define READ     (FS_READ_FILE | FS_READ_DIR)
#define WRITE                                                                                      \
    (FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK |   \
        FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)

struct ruleset {
    uint64_t fs, net, scoped;
};

struct path_below {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));

int
landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

    return version < 0 ? 0 : (int)version;
}

/* What this kernel knows of those rights. */
static uint64_t
known(uint64_t access)
{
    int version = landlock_version();

    return access & ~((version < 2 ? FS_REFER : 0) | (version < 3 ? FS_TRUNCATE : 0));
}

enum rc
landlock_new(int *ret_fd, bool network, struct why *why)
{
    int version = landlock_version();
    struct ruleset ruleset = {
        .fs = known(READ | WRITE | FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK),
        .net = version < LANDLOCK_VERSION_NETWORK ? 0 : NET_BIND | (network ? 0 : NET_CONNECT),
        .scoped = version < 6 ? 0 : SCOPE_SIGNAL,
    };
    /* A kernel takes more than it knows where that is zero. */
    long fd = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    if (fd < 0)
        return fail(why, RC_SYSTEM, "cannot make rules of Landlock: %s", strerror(errno));

    *ret_fd = (int)fd;
    return RC_OK;
}

enum rc
landlock_allow(int fd, int path_fd, unsigned rights, struct why *why)
{
    struct path_below rule = {.fd = path_fd};
    struct stat st;

    if (fstat(path_fd, &st) < 0)
        return fail(why, RC_SYSTEM, "cannot look at a file: %s", strerror(errno));

    if (rights & LANDLOCK_READ)
        rule.access |= READ;
    if (rights & LANDLOCK_WRITE)
        rule.access |= WRITE;
    rule.access = known(rule.access) & (S_ISDIR(st.st_mode) ? ~UINT64_C(0) : OF_FILES);
    if (rule.access != 0 && syscall(SYS_landlock_add_rule, fd, RULE_PATH_BELOW, &rule, 0) < 0)
        return fail(why, RC_SYSTEM, "cannot make a rule of Landlock: %s", strerror(errno));

    return RC_OK;
}

enum rc
landlock_enforce(int fd, struct why *why)
{
    if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return fail(why, RC_SYSTEM, "cannot enforce rules of Landlock: %s", strerror(errno));

    return RC_OK;
}
