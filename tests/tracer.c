/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracer — counts the system calls of a process, and ends it, or lets one fail, at the nth.
 *
 *     tracer PID DIR JOURNAL [kill N SIGNAL | fail KIND FIRST COUNT ERRNO | short KIND N]
 *
 * It attaches to PID, says "ready" when that waits for something to do, and counts from there, or
 * from an execve(2) that follows. kill: at the entry to the Nth call the process gets SIGNAL, so
 * that with SIGKILL that call is not made. fail: of the calls of KIND on files of DIR those from
 * FIRST on, COUNT of them (0: all), are not made and return -ERRNO. short: the Nth call of KIND
 * writes half. Kinds are the words of the table below.
 *
 * The journal has a line for each call that returned, "N NAME RESULT", followed by " FILE OFFSET
 * LENGTH" where it was on a file of DIR ("." is DIR itself), and "names FILE..." after a call that
 * may have made or removed one. What was written to files of DIR is in JOURNAL.data, in that order.
 *
 * It says "ended" and ends with the process, or lets go of it on SIGTERM. Its status is 0; 77: it
 * may not trace.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_BYTES      64
#define EXIT_NOT_TRACED 77

enum kind { KIND_OTHER, KIND_WAIT, KIND_READ, KIND_WRITE, KIND_RESIZE, KIND_SYNC, KIND_NAME };

static const char *const kinds[] = {"other", "wait", "read", "write", "resize", "sync", "name"};

/* Those that the agent and its workers make, and those that would change a file otherwise. */
static const struct call {
    uint64_t nr;
    const char *name;
    enum kind kind;
} calls[] = {
    {SYS_accept4, "accept4", KIND_OTHER},
    {SYS_brk, "brk", KIND_OTHER},
    {SYS_clock_gettime, "clock_gettime", KIND_OTHER},
    {SYS_close, "close", KIND_OTHER},
    {SYS_epoll_ctl, "epoll_ctl", KIND_OTHER},
    {SYS_epoll_pwait, "epoll_pwait", KIND_WAIT},
    {SYS_faccessat, "faccessat", KIND_OTHER},
    {SYS_fallocate, "fallocate", KIND_RESIZE},
    {SYS_fcntl, "fcntl", KIND_OTHER},
    {SYS_fdatasync, "fdatasync", KIND_SYNC},
    {SYS_fstat, "fstat", KIND_OTHER},
    {SYS_fstatfs, "fstatfs", KIND_OTHER},
    {SYS_fsync, "fsync", KIND_SYNC},
    {SYS_ftruncate, "ftruncate", KIND_RESIZE},
    {SYS_futex, "futex", KIND_OTHER},
    {SYS_getpeername, "getpeername", KIND_OTHER},
    {SYS_getpid, "getpid", KIND_OTHER},
    {SYS_getrandom, "getrandom", KIND_OTHER},
    {SYS_getsockopt, "getsockopt", KIND_OTHER},
    {SYS_gettid, "gettid", KIND_OTHER},
    {SYS_lseek, "lseek", KIND_OTHER},
    {SYS_madvise, "madvise", KIND_OTHER},
    {SYS_mmap, "mmap", KIND_OTHER},
    {SYS_mremap, "mremap", KIND_OTHER},
    {SYS_munmap, "munmap", KIND_OTHER},
    {SYS_newfstatat, "newfstatat", KIND_OTHER},
    {SYS_openat, "openat", KIND_NAME},
    {SYS_ppoll, "ppoll", KIND_WAIT},
    {SYS_pread64, "pread64", KIND_READ},
    {SYS_pwrite64, "pwrite64", KIND_WRITE},
    {SYS_pwritev, "pwritev", KIND_WRITE},
    {SYS_read, "read", KIND_WAIT},
    {SYS_readlinkat, "readlinkat", KIND_OTHER},
    {SYS_recvfrom, "recvfrom", KIND_OTHER},
    {SYS_recvmsg, "recvmsg", KIND_WAIT},
    {SYS_restart_syscall, "restart_syscall", KIND_WAIT},
    {SYS_rt_sigaction, "rt_sigaction", KIND_OTHER},
    {SYS_rt_sigprocmask, "rt_sigprocmask", KIND_OTHER},
    {SYS_sendmsg, "sendmsg", KIND_OTHER},
    {SYS_sendto, "sendto", KIND_OTHER},
    {SYS_setitimer, "setitimer", KIND_OTHER},
    {SYS_socket, "socket", KIND_OTHER},
    {SYS_statfs, "statfs", KIND_OTHER},
    {SYS_timerfd_settime, "timerfd_settime", KIND_OTHER},
    {SYS_unlinkat, "unlinkat", KIND_NAME},
    {SYS_write, "write", KIND_WRITE},
    {SYS_writev, "writev", KIND_WRITE},
#ifdef __x86_64__ /* others have only the forms with "at" */
    {SYS_access, "access", KIND_OTHER},
    {SYS_alarm, "alarm", KIND_OTHER},
    {SYS_epoll_wait, "epoll_wait", KIND_WAIT},
    {SYS_lstat, "lstat", KIND_OTHER},
    {SYS_open, "open", KIND_NAME},
    {SYS_poll, "poll", KIND_WAIT},
    {SYS_readlink, "readlink", KIND_OTHER},
    {SYS_stat, "stat", KIND_OTHER},
    {SYS_unlink, "unlink", KIND_NAME},
#endif
};

/* What shall happen; the verb is on the command line. */
static enum { PLAN_COUNT, PLAN_KILL, PLAN_FAIL, PLAN_SHORT } plan;
static enum kind plan_kind;
static long plan_first, plan_n, plan_value; /* value: signal or errno */

static pid_t pid;
static const char *dir;
static FILE *journal, *data;
static volatile sig_atomic_t shall_end;

static long n_calls = -1; /* -1: not ready yet */
static long n_of_kind;
static struct call current; /* of the call that the process is in */
static uint64_t args[6];
static char file[NAME_BYTES]; /* its file below dir; empty: none */
static bool shall_fail;

static void
die(const char *what)
{
    fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
on_term(int sign)
{
    (void)sign;
    shall_end = 1;
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL); /* its stop is what waitpid() waits for */
}

/* The registers, of which one is changed. */

#if defined(__x86_64__)
#define RESULT(r) ((r).rax)
#define THIRD(r)  ((r).rdx)
#elif defined(__aarch64__)
#define RESULT(r) ((r).regs[0])
#define THIRD(r)  ((r).regs[2])
#endif

static struct user_regs_struct
get_registers(void)
{
    struct user_regs_struct r;
    struct iovec iov = {&r, sizeof r};

    if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
        die("PTRACE_GETREGSET");
    return r;
}

static void
set_registers(struct user_regs_struct r)
{
    struct iovec iov = {&r, sizeof r};

    if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) < 0)
        die("PTRACE_SETREGSET");
}

/* At the entry to a call: it is not made. */
static void
skip_call(void)
{
#if defined(__x86_64__)
    struct user_regs_struct r = get_registers();
    r.orig_rax = (unsigned long long)-1;
    set_registers(r);
#elif defined(__aarch64__)
    int none = -1;
    struct iovec iov = {&none, sizeof none};
    if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov) < 0)
        die("PTRACE_SETREGSET");
#endif
}

static void
set_result(long result)
{
    struct user_regs_struct r = get_registers();

    RESULT(r) = (__typeof__(RESULT(r)))result;
    set_registers(r);
}

/* At the entry to a call that writes: only half of it. */
static void
halve_length(void)
{
    struct user_regs_struct r = get_registers();

    THIRD(r) = THIRD(r) / 2;
    set_registers(r);
}

static struct call
call_of(uint64_t nr)
{
    static char other[32];

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].nr == nr)
            return calls[i];

    snprintf(other, sizeof other, "call-%llu", (unsigned long long)nr);
    return (struct call){nr, other, KIND_OTHER};
}

/* Which file of dir a descriptor of the process is; empty: none. */
static void
find_file(char ret[NAME_BYTES], long fd)
{
    char link[64], path[4096];
    size_t len = strlen(dir);

    ret[0] = 0;
    snprintf(link, sizeof link, "/proc/%d/fd/%ld", (int)pid, fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return;

    path[n] = 0;
    if (!strcmp(path, dir))
        snprintf(ret, NAME_BYTES, ".");
    else if (!strncmp(path, dir, len) && path[len] == '/')
        snprintf(ret, NAME_BYTES, "%.*s", NAME_BYTES - 1, path + len + 1);
}

static void
write_names(void)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    if (!d)
        die(dir);

    fputs("names", journal);
    while ((entry = readdir(d)))
        if (entry->d_name[0] != '.')
            fprintf(journal, " %s", entry->d_name);
    fputc('\n', journal);
    closedir(d);
}

/* What was just written: nobody else writes to it. */
static void
write_data(long offset, long len)
{
    static char bytes[1 << 20];
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", dir, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || len > (long)sizeof bytes || pread(fd, bytes, (size_t)len, offset) != len)
        die(path);

    fwrite(bytes, 1, (size_t)len, data);
    close(fd);
}

/* A call that may be named in a plan, on a file of dir. */
static bool
is_planned_kind(void)
{
    if (file[0] == 0 && plan_kind != KIND_NAME)
        return false;

    /* A disk that is full has no room for a longer file either. */
    return current.kind == plan_kind || (plan_kind == KIND_WRITE && current.kind == KIND_RESIZE);
}

static void
begin_call(const struct __ptrace_syscall_info *info)
{
    current = call_of(info->entry.nr);
    memcpy(args, info->entry.args, sizeof args);
    file[0] = 0;
    shall_fail = false;
    if (n_calls < 0) {
        if (current.kind != KIND_WAIT)
            return;
        puts("ready");
        fflush(stdout);
        n_calls = 0;
        return;
    }

    n_calls++;
    if (current.kind >= KIND_READ && current.kind <= KIND_SYNC)
        find_file(file, (long)args[0]);

    if (plan == PLAN_KILL && n_calls == plan_first) {
        fprintf(journal, "%ld %s killed\n", n_calls, current.name);
        kill(pid, (int)plan_value);
    } else if (plan >= PLAN_FAIL && is_planned_kind() && ++n_of_kind >= plan_first &&
               (plan_n == 0 || n_of_kind < plan_first + plan_n)) {
        if (plan == PLAN_SHORT) {
            halve_length();
        } else {
            shall_fail = true;
            skip_call();
        }
    }
}

static void
end_call(const struct __ptrace_syscall_info *info)
{
    long result = (long)info->exit.rval;

    if (shall_fail) {
        result = -plan_value;
        set_result(result);
        shall_fail = false;
    }

    if (n_calls <= 0)
        return;

    if (current.kind == KIND_NAME && result >= 0)
        find_file(file, result);

    fprintf(journal, "%ld %s %ld", n_calls, current.name, result);
    if (file[0] && current.kind == KIND_RESIZE)
        fprintf(journal, " %s %lld %lld", file,
            current.nr == SYS_ftruncate ? 0LL : (long long)args[2],
            current.nr == SYS_ftruncate ? (long long)args[1] : (long long)args[3]);
    else if (file[0])
        fprintf(journal, " %s %lld %ld", file,
            current.nr == SYS_pwrite64 || current.nr == SYS_pread64 ? (long long)args[3] : -1LL,
            result);
    fputc('\n', journal);

    if (file[0] && current.nr == SYS_pwrite64 && result > 0)
        write_data((long)args[3], result);
    if (current.kind == KIND_NAME && result >= 0)
        write_names();
}

static void
on_call(void)
{
    struct __ptrace_syscall_info info;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) {
        if (errno == ESRCH) /* killed meanwhile */
            return;
        die("PTRACE_GET_SYSCALL_INFO");
    }

    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        begin_call(&info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        end_call(&info);
}

/* One stop of the process. Returns the signal that it goes on with. */
static int
on_stop(int status)
{
    int sign = WSTOPSIG(status), event = status >> 16;

    if (sign == (SIGTRAP | 0x80)) {
        on_call();
        return 0;
    }

    if (event == PTRACE_EVENT_EXEC)
        n_calls = 0;
    return event ? 0 : sign;
}

static void
attach(void)
{
    int status = 0;
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

    if (ptrace(PTRACE_SEIZE, pid, NULL, options) < 0) {
        bool is_forbidden = errno == EPERM || errno == EACCES;
        fprintf(stderr, "tracer: cannot trace: %s\n", strerror(errno));
        exit(is_forbidden ? EXIT_NOT_TRACED : 1);
    }
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) != pid)
        die("PTRACE_INTERRUPT");
}

static void
trace(void)
{
    int status = 0, sign = 0;

    for (;;) {
        /* ESRCH: it was killed while it stood; waitpid() tells. */
        if (ptrace(PTRACE_SYSCALL, pid, NULL, (long)sign) < 0 && errno != ESRCH)
            die("PTRACE_SYSCALL");

        while (waitpid(pid, &status, __WALL) < 0)
            if (errno != EINTR)
                die("waitpid");
        if (!WIFSTOPPED(status)) {
            puts("ended");
            return;
        }

        sign = on_stop(status);
        if (shall_end && !shall_fail && !(plan == PLAN_KILL && n_calls == plan_first)) {
            ptrace(PTRACE_DETACH, pid, NULL, (long)sign);
            return;
        }
    }
}

static enum kind
parse_kind(const char *word)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i], word))
            return (enum kind)i;

    fprintf(stderr, "tracer: no kind of calls '%s'\n", word);
    exit(2);
}

static void
parse(int argc, char **argv)
{
    if (argc == 7 && !strcmp(argv[4], "kill")) {
        plan = PLAN_KILL;
        plan_first = atol(argv[5]);
        plan_value = atol(argv[6]);
    } else if (argc == 9 && !strcmp(argv[4], "fail")) {
        plan = PLAN_FAIL;
        plan_kind = parse_kind(argv[5]);
        plan_first = atol(argv[6]);
        plan_n = atol(argv[7]);
        plan_value = atol(argv[8]);
    } else if (argc == 7 && !strcmp(argv[4], "short")) {
        plan = PLAN_SHORT;
        plan_kind = parse_kind(argv[5]);
        plan_first = atol(argv[6]);
        plan_n = 1;
    } else if (argc != 4) {
        fprintf(stderr, "Usage: tracer PID DIR JOURNAL [PLAN]\n");
        exit(2);
    }
}

int
main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_term};
    char name[4096];

    parse(argc, argv);
    pid = (pid_t)atol(argv[1]);
    dir = argv[2];
    snprintf(name, sizeof name, "%s.data", argv[3]);
    journal = fopen(argv[3], "we");
    data = fopen(name, "we");
    if (!journal || !data)
        die(argv[3]);

    sigaction(SIGTERM, &action, NULL);
    attach();
    trace();
    return fclose(journal) || fclose(data) ? 1 : 0;
}
