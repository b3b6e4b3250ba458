/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/softhsm.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/bounds.h"

static void
must(bool is_so, const char *what)
{
    if (is_so)
        return;

    fprintf(stderr, "the test's own means fail: %s\n", what);
    abort();
}

static void
write_file(const char *path, const char *text)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    close(fd);
}

like_printf(2, 3) static void run(const struct softhsm *softhsm, const char *fmt, ...)
{
    closing(freep) char *arguments = NULL;
    closing(freep) char *command = NULL;
    va_list ap;

    va_start(ap, fmt);
    must(vasprintf(&arguments, fmt, ap) >= 0, fmt);
    va_end(ap);
    must(
        asprintf(&command, "%s %s >%s/log 2>&1", softhsm->conf, arguments, softhsm->dir) >= 0, fmt);
    must(system(command) == 0, command);
}

void
softhsm_open(struct softhsm *softhsm)
{
    closing(freep) char *conf = NULL;

    *softhsm = (struct softhsm){.dir = "/tmp/countersign-softhsm-XXXXXX"};
    must(mkdtemp(softhsm->dir), softhsm->dir);
    snprintf(softhsm->conf, sizeof softhsm->conf, "SOFTHSM2_CONF=%s/conf", softhsm->dir);
    snprintf(softhsm->pin, sizeof softhsm->pin, "%s/pin", softhsm->dir);
    softhsm->environment[0] = softhsm->conf;

    must(asprintf(&conf,
             "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
             softhsm->dir) >= 0,
        "memory");
    write_file(strchr(softhsm->conf, '=') + 1, conf);
    write_file(softhsm->pin, SOFTHSM_PIN "\n");
    run(softhsm, "mkdir %s/tokens", softhsm->dir);
    run(softhsm,
        "softhsm2-util --init-token --free --label agent --pin " SOFTHSM_PIN " --so-pin 5678");
}

void
softhsm_close(struct softhsm *softhsm)
{
    closing(freep) char *command = NULL;

    must(asprintf(&command, "rm -rf '%s'", softhsm->dir) >= 0 && system(command) == 0, "rm");
}

void
softhsm_tool(const struct softhsm *softhsm, const char *fmt, ...)
{
    closing(freep) char *arguments = NULL;
    va_list ap;

    va_start(ap, fmt);
    must(vasprintf(&arguments, fmt, ap) >= 0, fmt);
    va_end(ap);
    run(softhsm,
        "pkcs11-tool --module " SOFTHSM_MODULE " --token-label agent --pin " SOFTHSM_PIN " %s",
        arguments);
}

void
softhsm_make_key(const struct softhsm *softhsm, const char *kind, const char *label, const char *id)
{
    softhsm_tool(softhsm, "--keypairgen --key-type %s --label %s --id %s", kind, label, id);
}

void
softhsm_change_pin(const struct softhsm *softhsm, const char *was, const char *is)
{
    run(softhsm,
        "pkcs11-tool --module " SOFTHSM_MODULE
        " --token-label agent --login --pin %s --change-pin --new-pin %s",
        was, is);
}

void
softhsm_write_pin(const struct softhsm *softhsm, const char *text)
{
    write_file(softhsm->pin, text);
}

void
softhsm_copy_token(const struct softhsm *softhsm, const struct softhsm *other)
{
    run(softhsm, "/bin/rm -r %s/tokens", softhsm->dir);
    run(softhsm, "/bin/cp -a %s/tokens %s/tokens", other->dir, softhsm->dir);
}

void
softhsm_unplug(const struct softhsm *softhsm)
{
    run(softhsm, "mv %s/tokens %s/away", softhsm->dir, softhsm->dir);
}

void
softhsm_plug(const struct softhsm *softhsm)
{
    run(softhsm, "mv %s/away %s/tokens", softhsm->dir, softhsm->dir);
}

struct policy_token
softhsm_policy(struct softhsm *softhsm)
{
    return (struct policy_token){
        .name = (char *)"hsm",
        .module = (char *)SOFTHSM_MODULE,
        .uri = (char *)"pkcs11:token=agent",
        .pin = POLICY_PIN_FILE,
        .pin_source = softhsm->pin,
        .environment = softhsm->environment,
        .workers = 1,
        .timeout_s = TOKEN_CALL_TIMEOUT_S,
    };
}
