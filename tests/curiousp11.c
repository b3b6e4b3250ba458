/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curiousp11 — a PKCS#11 module that is up to no good: when it is loaded it tries what CURIOUS_FILE
 * says, and writes into CURIOUS_REPORT how each of it went. Then it is SoftHSM.
 *
 * A line of CURIOUS_FILE is a deed and an object: "read PATH", "write PATH", "make PATH",
 * "remove PATH", "rename PATH" (to another name beside it), "run PATH", "device PATH",
 * "connect PORT", "listen PORT", "signal agent". The line of the report is 0 or the number of the
 * error, and the deed.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

typedef unsigned long (*get_function_list)(void **list);

__attribute__((visibility("default"))) unsigned long C_GetFunctionList(void **list);

static int
try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int reason = fd < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return reason;
}

static int
try_run(char *path)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        char *arguments[] = {path, (char *)"-c", (char *)"exit 0", NULL};
        execv(path, arguments);
        _exit(errno);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EINVAL;
}

static int
try_network(const char *port, bool is_server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int r = is_server ? bind(fd, (struct sockaddr *)&address, sizeof address)
                      : connect(fd, (struct sockaddr *)&address, sizeof address);
    int reason = r < 0 ? errno : 0;
    close(fd);
    return reason;
}

static int
try_rename(const char *path)
{
    char other[4096 + 16];

    snprintf(other, sizeof other, "%.4095s.curious", path);
    return rename(path, other) < 0 ? errno : 0;
}

static int
try_deed(const char *deed, char *object)
{
    if (!strcmp(deed, "read"))
        return try_open(object, O_RDONLY);
    if (!strcmp(deed, "write"))
        return try_open(object, O_WRONLY);
    if (!strcmp(deed, "make"))
        return try_open(object, O_WRONLY | O_CREAT | O_EXCL);
    if (!strcmp(deed, "remove"))
        return unlink(object) < 0 ? errno : 0;
    if (!strcmp(deed, "rename"))
        return try_rename(object);
    if (!strcmp(deed, "run"))
        return try_run(object);
    if (!strcmp(deed, "device"))
        return mknod(object, S_IFCHR | 0600, makedev(1, 3)) < 0 ? errno : 0;
    if (!strcmp(deed, "signal"))
        return kill(getppid(), 0) < 0 ? errno : 0;
    return try_network(object, !strcmp(deed, "listen"));
}

__attribute__((constructor)) static void
be_curious(void)
{
    const char *deeds = getenv("CURIOUS_FILE"), *report = getenv("CURIOUS_REPORT");
    char deed[16], object[4096];

    if (!deeds || !report)
        return;

    FILE *in = fopen(deeds, "re"), *out = fopen(report, "we");
    while (in && out && fscanf(in, "%15s %4095s", deed, object) == 2)
        fprintf(out, "%d %s %s\n", try_deed(deed, object), deed, object);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
}

unsigned long
C_GetFunctionList(void **list)
{
    void *module = dlopen(MODULE, RTLD_NOW);
    get_function_list function = NULL;

    if (module)
        *(void **)&function = dlsym(module, "C_GetFunctionList");
    return function ? function(list) : 5; /* CKR_GENERAL_ERROR */
}
