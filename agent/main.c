/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countersign-agent — the daemon. Options, limits of the process, and then agent_run().
 */
#include <errno.h>
#include <getopt.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/footprint.h"
#include "agent/log.h"
#include "agent/policy_describe.h"
#include "agent/policy_diff.h"
#include "proto/bounds.h"

/* What is said of a policy: all of its rights, each with the longest names. */
#define REPORT_MAX_BYTES ((size_t)256 * 1024 * 1024)

static const char help[] =
    "Usage: countersign-agent [OPTION]...\n"
    "Hold signing keys in tokens and sign for those whom the policy names.\n"
    "\n"
    "  --policy FILE        the policy (default: /etc/countersign/policy.yaml)\n"
    "  --socket PATH        where to listen, unless systemd passes a socket\n"
    "                       (default: /run/countersign/agent.sock)\n"
    "  --state DIR          directory of the ledger\n"
    "                       (default: $STATE_DIRECTORY or /var/lib/countersign)\n"
    "  --check-policy FILE  judge and explain a policy, and exit with 0 or 1\n"
    "  --check-policy --diff OLD NEW\n"
    "                       say who gains and who loses what with a new policy\n"
    "  --help               show this and exit\n"
    "  --version            show the version and exit\n"
    "\n"
    "See countersign-agent(8) and countersign-policy(5).\n";

enum option_id {
    OPTION_POLICY = 256,
    OPTION_SOCKET,
    OPTION_STATE,
    OPTION_CHECK_POLICY,
    OPTION_DIFF,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"policy", required_argument, NULL, OPTION_POLICY},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"state", required_argument, NULL, OPTION_STATE},
    {"check-policy", optional_argument, NULL, OPTION_CHECK_POLICY},
    {"diff", no_argument, NULL, OPTION_DIFF},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* What the command line asks for. */
struct todo {
    struct agent_options run;
    bool is_check, is_diff;
    const char *policy; /* --check-policy=FILE; NULL: it stands behind the options */
};

static int
report(const struct bytes *text, enum rc rc, struct why *why)
{
    if (!rc)
        rc = bytes_check(text, why);
    if (rc) {
        fprintf(stderr, "countersign-agent: %s\n", why->text);
        return 1;
    }

    fputs(bytes_text(text), stdout);
    return fflush(stdout) ? 1 : 0;
}

static int
check_policy(const char *path, const char *socket_path)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(REPORT_MAX_BYTES);
    struct why why;

    enum rc rc = policy_load(&policy, path, &why);
    if (!rc)
        rc = policy_check_main_socket(policy, socket_path, &why);
    if (!rc)
        rc = policy_describe(&text, policy, &why);

    return report(&text, rc, &why);
}

/* Both have a policy.yaml, so an error says which of them it is in. */
static int
compare_policies(const char *old_path, const char *new_path)
{
    closing(policy_unrefp) struct policy *was = NULL;
    closing(policy_unrefp) struct policy *is = NULL;
    closing(policy_diff_done) struct policy_diff diff = {0};
    closing(bytes_done) struct bytes text = BYTES_INIT(REPORT_MAX_BYTES);
    struct why why;

    enum rc rc = policy_load(&was, old_path, &why);
    if (rc)
        return report(&text, within(&why, rc, "'%s'", old_path), &why);

    rc = policy_load(&is, new_path, &why);
    if (rc)
        return report(&text, within(&why, rc, "'%s'", new_path), &why);

    rc = policy_diff_of(&diff, was, is, &why);
    if (!rc)
        policy_diff_put(&text, &diff);

    return report(&text, rc, &why);
}

/* Nothing of this process is for other eyes; and CONN_MAX connections want their descriptors. */
static void
limit_process(void)
{
    struct rlimit none = {0, 0}, files;

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* From the build directory its own worker, installed the installed one. *ret: free(). */
static enum rc
find_worker(char **ret, struct why *why)
{
    char self[4096];
    char *path = NULL;

    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return fail(why, RC_SYSTEM, "/proc/self/exe: %s", strerror(errno));

    self[len] = 0;
    *strrchr(self, '/') = 0;
    if (asprintf(&path, "%s/token/countersign-token", self) < 0)
        return fail_memory(why);

    if (access(path, X_OK) == 0) {
        *ret = path;
        return RC_OK;
    }

    free(path);
    path = strdup(COUNTERSIGN_LIBEXECDIR "/countersign-token");
    if (!path)
        return fail_memory(why);

    *ret = path;
    return RC_OK;
}

static int
usage(void)
{
    fputs("Try 'countersign-agent --help'.\n", stderr);
    return 2;
}

static int
check(const struct todo *todo, const char *const *files, int n)
{
    int n_wanted = todo->is_diff ? 2 : todo->policy ? 0 : 1;

    if (!todo->is_check) {
        fputs("countersign-agent: --diff is for --check-policy\n", stderr);
        return usage();
    }

    if (n < n_wanted || (todo->is_diff && todo->policy)) {
        fprintf(stderr, "countersign-agent: %s\n",
            todo->is_diff ? "--diff wants two policies, the old and the new one"
                          : "--check-policy wants a policy");
        return usage();
    }

    if (n > n_wanted) {
        fprintf(stderr, "countersign-agent: unexpected argument '%s'\n", files[n_wanted]);
        return usage();
    }

    return todo->is_diff
               ? compare_policies(files[0], files[1])
               : check_policy(todo->policy ? todo->policy : files[0], todo->run.socket_path);
}

static int
run_agent(const struct todo *todo)
{
    struct agent_options run = todo->run;
    closing(freep) char *worker = NULL;
    struct why why;

    log_init(LOG_LEVEL_INFO);
    limit_process();
    footprint_bound();
    enum rc rc = find_worker(&worker, &why);
    if (!rc) {
        run.worker_path = worker;
        rc = agent_run(&run, &why);
    }
    if (rc)
        log_line(LOG_LEVEL_ERROR, "%s", why.text);
    return rc ? 1 : 0;
}

int
main(int argc, char **argv)
{
    const char *state = getenv("STATE_DIRECTORY");
    struct todo todo = {.run = {
                            .policy_path = "/etc/countersign/policy.yaml",
                            .socket_path = "/run/countersign/agent.sock",
                            .state_dir = state ? state : "/var/lib/countersign",
                        }};

    for (int id; (id = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (id) {
        case OPTION_POLICY:
            todo.run.policy_path = optarg;
            break;
        case OPTION_SOCKET:
            todo.run.socket_path = optarg;
            break;
        case OPTION_STATE:
            todo.run.state_dir = optarg;
            break;
        case OPTION_CHECK_POLICY:
            todo.is_check = true;
            todo.policy = optarg;
            break;
        case OPTION_DIFF:
            todo.is_diff = true;
            break;
        case OPTION_HELP:
            fputs(help, stdout);
            return fflush(stdout) ? 1 : 0;
        case OPTION_VERSION:
            puts("countersign-agent " COUNTERSIGN_VERSION);
            return 0;
        default:
            return usage();
        }
    }

    if (todo.is_check || todo.is_diff)
        return check(&todo, (const char *const *)argv + optind, argc - optind);

    if (optind < argc) {
        fprintf(stderr, "countersign-agent: unexpected argument '%s'\n", argv[optind]);
        return usage();
    }

    return run_agent(&todo);
}
