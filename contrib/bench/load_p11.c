/* SPDX-License-Identifier: Apache-2.0 */
#include "contrib/bench/load.h"

#include <p11-kit/p11-kit.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* One user of a module, which has a session of its own. */
struct user {
    struct load *load;
    struct lane *lane;
    CK_FUNCTION_LIST *p11;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
};

static void
must_work(CK_RV rv, const char *call)
{
    load_must(rv == CKR_OK, "%s: 0x%lx", call, rv);
}

static CK_FUNCTION_LIST *
load_module(const struct load *load)
{
    CK_FUNCTION_LIST *p11 = p11_kit_module_load(load->target, 0);

    load_must(p11, "cannot load '%s'", load->target);
    must_work(p11_kit_module_initialize(p11), "C_Initialize");
    return p11;
}

/* On the first token that there is. */
static void
open_session(struct user *user)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = N_ELEMENTS(slots);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_UTF8CHAR *pin = (CK_UTF8CHAR *)user->load->pin;
    char *label = (char *)user->load->key;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, strlen(label)}};

    must_work(user->p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    load_must(n > 0, "no token");
    must_work(user->p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &user->session),
        "C_OpenSession");
    CK_RV rv = user->p11->C_Login(user->session, CKU_USER, pin, strlen(user->load->pin));
    must_work(rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv, "C_Login");

    must_work(
        user->p11->C_FindObjectsInit(user->session, wanted, N_ELEMENTS(wanted)), "C_FindObjects");
    must_work(user->p11->C_FindObjects(user->session, &user->key, 1, &n), "C_FindObjects");
    load_must(n == 1, "no key '%s'", label);
    must_work(user->p11->C_FindObjectsFinal(user->session), "C_FindObjectsFinal");
}

static void
sign(struct user *user)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {0}, signature[256];
    uint64_t asked_at;

    do {
        CK_ULONG len = sizeof signature;
        asked_at = load_now();
        memcpy(digest, &asked_at, sizeof asked_at);
        must_work(user->p11->C_SignInit(user->session, &mechanism, user->key), "C_SignInit");
        must_work(
            user->p11->C_Sign(user->session, digest, sizeof digest, signature, &len), "C_Sign");
    } while (load_note(user->load, user->lane, asked_at, load_now(), 1));
}

static void *
sign_in_thread(void *user)
{
    sign(user);
    return NULL;
}

static void
run_threads(struct load *load)
{
    CK_FUNCTION_LIST *p11 = load_module(load);
    struct user users[64];
    pthread_t threads[64];

    for (unsigned i = 0; i < load->n_lanes; i++) {
        users[i] = (struct user){.load = load, .lane = &load->lanes[i], .p11 = p11};
        open_session(&users[i]);
    }

    load_begin(load);
    for (unsigned i = 0; i < load->n_lanes; i++)
        load_must(pthread_create(&threads[i], NULL, sign_in_thread, &users[i]) == 0, "no thread");
    for (unsigned i = 0; i < load->n_lanes; i++)
        pthread_join(threads[i], NULL);
}

/* Ready by ending its side of one pipe; it begins when the other one, of which it reads, ends. */
static void
run_process(struct load *load, unsigned lane, int ready_fd, int go_fd)
{
    char nothing;
    struct user user = {.load = load, .lane = &load->lanes[lane], .p11 = load_module(load)};

    open_session(&user);
    close(ready_fd);
    load_must(read(go_fd, &nothing, 1) == 0, "cannot wait");
    sign(&user);
    _Exit(EXIT_SUCCESS);
}

/* One after the other: SoftHSM 2.6.1 shows no token to one process while another logs in. */
static void
start_process(struct load *load, unsigned lane, const int go[2])
{
    int ready[2];
    char nothing;

    load_must(pipe(ready) == 0, "no pipe");
    pid_t pid = fork();
    load_must(pid >= 0, "no process");
    if (pid == 0) {
        close(ready[0]);
        close(go[1]);
        run_process(load, lane, ready[1], go[0]);
    }

    close(ready[1]);
    load_must(read(ready[0], &nothing, 1) == 0, "cannot wait");
    close(ready[0]);
}

static void
run_processes(struct load *load)
{
    int go[2], status;

    load_must(pipe(go) == 0, "no pipe");
    for (unsigned i = 0; i < load->n_lanes; i++)
        start_process(load, i, go);

    load_begin(load);
    close(go[1]);
    for (unsigned i = 0; i < load->n_lanes; i++)
        load_must(wait(&status) > 0 && status == 0, "a process failed");
}

void
load_p11(struct load *load)
{
    /* When it begins and ends is for all processes to see. */
    struct load *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    load_must(shared != MAP_FAILED, "no memory");
    *shared = *load;
    p11_kit_be_quiet();
    if (load->has_threads)
        run_threads(shared);
    else
        run_processes(shared);
    *load = *shared;
}
