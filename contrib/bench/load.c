/* SPDX-License-Identifier: Apache-2.0 */
/* load KIND TARGET [OPTION]... - see load.h; reports one line of JSON. */
#include "contrib/bench/load.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static const struct {
    const char *name;
    void (*run)(struct load *load);
} kinds[] = {
    {"agent", load_agent},
    {"p11", load_p11},
    {"ssh", load_ssh},
};

void
load_must(bool is_so, const char *fmt, ...)
{
    va_list ap;

    if (is_so)
        return;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, " (%s)\n", strerror(errno));
    _Exit(EXIT_FAILURE);
}

uint64_t
load_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void
load_begin(struct load *load)
{
    load->begin_ns = load_now();
    load->end_ns = load->begin_ns + load->run_ns;
}

bool
load_note(
    struct load *load, struct lane *lane, uint64_t asked_at, uint64_t now, unsigned n_signatures)
{
    if (now >= load->end_ns && lane->n > 0)
        return false;

    load_must(lane->n < LANE_SAMPLES_MAX, "more answers than there is room for");
    lane->ns[lane->n++] = (uint32_t)(now - asked_at);
    lane->n_signatures += n_signatures;
    lane->last_ns = now;
    return now < load->end_ns;
}

static uint64_t
number(const char *text, uint64_t max)
{
    int64_t value = 0;

    load_must(!integer_parse(&value, span_of(text), 1, (int64_t)max, NULL),
        "'%s' is no number up "
        "to %ju",
        text, (uintmax_t)max);
    return (uint64_t)value;
}

static void
read_options(struct load *load, int argc, char **argv)
{
    static const struct option options[] = {
        {"batch", required_argument, NULL, 'b'},
        {"key", required_argument, NULL, 'k'},
        {"lanes", required_argument, NULL, 'n'},
        {"milliseconds", required_argument, NULL, 'm'},
        {"pin", required_argument, NULL, 'p'},
        {"repository", required_argument, NULL, 'r'},
        {"threads", no_argument, NULL, 't'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'b':
            load->batch = (unsigned)number(optarg, 64);
            break;
        case 'k':
            load->key = optarg;
            break;
        case 'n':
            load->n_lanes = (unsigned)number(optarg, 64);
            break;
        case 'm':
            load->run_ns = number(optarg, 600000) * 1000000;
            break;
        case 'p':
            load->pin = optarg;
            break;
        case 'r':
            load->repository = optarg;
            break;
        case 't':
            load->has_threads = true;
            break;
        default:
            _Exit(EXIT_FAILURE);
        }
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void
report(const struct load *load)
{
    size_t n = 0, at = 0;
    uint64_t n_signatures = 0, end_ns = load->end_ns;

    for (unsigned i = 0; i < load->n_lanes; i++) {
        n += load->lanes[i].n;
        n_signatures += load->lanes[i].n_signatures;
        if (load->lanes[i].last_ns > end_ns)
            end_ns = load->lanes[i].last_ns;
    }

    closing(freep) uint32_t *ns = calloc(n, sizeof *ns);
    load_must(ns, "no memory");
    for (unsigned i = 0; i < load->n_lanes; i++)
        for (size_t k = 0; k < load->lanes[i].n; k++)
            ns[at++] = load->lanes[i].ns[k];
    qsort(ns, n, sizeof *ns, compare);

    printf("{\"answers\":%zu,\"signatures\":%ju,\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"max_us\":%.1f}\n",
        n, (uintmax_t)n_signatures, (double)n_signatures * (double)NS_PER_S / (double)load->run_ns,
        ns[n / 2] / 1000.0, ns[n * 99 / 100] / 1000.0, ns[n - 1] / 1000.0);
}

int
main(int argc, char **argv)
{
    struct load load = {.n_lanes = 1, .batch = 1, .run_ns = NS_PER_S, .key = "", .pin = ""};

    read_options(&load, argc, argv);
    load_must(argc - optind == 2, "load KIND TARGET [OPTION]...");
    load.target = argv[optind + 1];
    load.lanes = mmap(NULL, load.n_lanes * sizeof *load.lanes, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    load_must(load.lanes != MAP_FAILED, "no memory");

    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        if (!strcmp(kinds[i].name, argv[optind])) {
            kinds[i].run(&load);
            report(&load);
            return EXIT_SUCCESS;
        }

    load_must(false, "no kind '%s'", argv[optind]);
}
