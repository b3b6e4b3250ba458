/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_failure.h"

#include "proto/bounds.h"

/* OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and so on, of which libcurl tells the number. */
enum verdict {
    VERIFY_NOT_YET_VALID = 9,
    VERIFY_EXPIRED = 10,
    VERIFY_SELF_SIGNED = 18,
    VERIFY_NO_ISSUER = 21,
};

/* What a certificate that does not verify lacks, and where a missing root goes. */
static enum rc
explain_certificate(const struct http_failure *f, struct why *why)
{
    long verdict = 0;

    curl_easy_getinfo(f->curl, CURLINFO_SSL_VERIFYRESULT, &verdict);
    if (verdict >= VERIFY_SELF_SIGNED && verdict <= VERIFY_NO_ISSUER)
        return fail(why, RC_NETWORK,
            "%.160s: its certificate is from an authority that is not known here; put the "
            "authority's certificate into %s/ca.crt",
            f->url->text, f->ca_dir ? f->ca_dir : "docker's directory for it");

    if (verdict == VERIFY_EXPIRED || verdict == VERIFY_NOT_YET_VALID)
        return fail(why, RC_NETWORK,
            "%.160s: %s; check the clock of this machine, else whoever runs the server must renew "
            "its certificate",
            f->url->text, f->error);

    return fail(why, RC_NETWORK,
        "%.160s: %s; call the server by a name that its certificate has, or let its certificate "
        "have this name",
        f->url->text, f->error);
}

/* A connection that broke. What a server says that misses our certificate comes as an alert with
 * TLS 1.2, and with 1.3 after the handshake: some of them are then lost in the reset. */
static enum rc
explain_break(const struct http_failure *f, struct why *why)
{
    bool is_refused = f->code == CURLE_SEND_ERROR || strstr(f->error, "alert") ||
                      strstr(f->error, "Send failure") || strstr(f->error, "SSL_write");
    const char *cause = f->code == CURLE_SEND_ERROR ? "closed by the server" : f->error;
    const char *advice = "try again, and see the log of the server";

    if (is_refused && !f->url->is_plain && !f->has_certificate)
        advice = "the server may want a client certificate: --tlscert and --tlskey";
    if (!is_refused && f->code == CURLE_SSL_CONNECT_ERROR)
        advice = "it may be plain HTTP: check host and port";

    return fail(why, RC_NETWORK, "%.200s: %s: %.160s; %s", f->url->text,
        f->code == CURLE_RECV_ERROR ? "the connection broke" : "no connection", cause, advice);
}

static enum rc
explain_timeout(const struct http_failure *f, struct why *why)
{
    curl_off_t connected_us = 0;

    curl_easy_getinfo(f->curl, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    if (connected_us == 0)
        return fail(why, RC_NETWORK,
            "%.200s: no connection within %d s; check the address, and firewalls in between",
            f->url->text, HTTP_CONNECT_TIMEOUT_S);

    return fail(why, RC_NETWORK, "%.200s: the server hangs: %s %d s; try again, and see its log",
        f->url->text, f->hangs ? f->hangs : "nothing came for", f->seconds);
}

static enum rc
explain_connect(const struct http_failure *f, struct why *why)
{
    long number = 0;

    curl_easy_getinfo(f->curl, CURLINFO_OS_ERRNO, &number);
    if (f->unix_socket)
        return fail(why, RC_NETWORK,
            "'%.200s': cannot connect: %s; check whether it runs, and who may write to this socket",
            f->unix_socket, number ? strerror((int)number) : f->error);

    return fail(why, RC_NETWORK,
        "%.200s: cannot connect: %s; check host and port, and whether the server runs",
        f->url->text, number ? strerror((int)number) : f->error);
}

static enum rc
explain_other(const struct http_failure *f, struct why *why)
{
    static const struct {
        CURLcode code;
        const char *says;
    } causes[] = {
        {CURLE_COULDNT_RESOLVE_HOST,
            "the name of the host is not known; check its spelling, and the DNS of this machine"},
        {CURLE_COULDNT_RESOLVE_PROXY,
            "the name of the proxy is not known; check https_proxy in the environment"},
        {CURLE_GOT_NOTHING,
            "the connection was closed without an answer; check host and port, and the log of the "
            "server"},
        {CURLE_OUT_OF_MEMORY,
            "out of memory, or a line of the answer's head is far too long; check host and port"},
        {CURLE_PARTIAL_FILE,
            "the connection was closed within the answer; try again, and check proxies in between"},
        {CURLE_UNSUPPORTED_PROTOCOL, "what answers does not speak HTTP; check host and port"},
    };

    for (size_t i = 0; i < N_ELEMENTS(causes); i++)
        if (causes[i].code == f->code)
            return fail(why, RC_NETWORK, "%.200s: %s", f->url->text, causes[i].says);

    return fail(why, RC_NETWORK, "%.200s: %s; check host and port, and proxies in between",
        f->url->text, *f->error ? f->error : curl_easy_strerror(f->code));
}

enum rc
http_failure(const struct http_failure *f, struct why *why)
{
    if (f->too_large)
        return fail(why, f->too_large,
            "%.200s: the %s has more than %zu bytes, the limit; check what answers there",
            f->url->text, f->is_head ? "head of the answer" : "answer", f->max_bytes);

    if (f->code == CURLE_PEER_FAILED_VERIFICATION)
        return explain_certificate(f, why);

    if (f->code == CURLE_SSL_CONNECT_ERROR || f->code == CURLE_SEND_ERROR ||
        f->code == CURLE_RECV_ERROR)
        return explain_break(f, why);

    if (f->code == CURLE_OPERATION_TIMEDOUT)
        return explain_timeout(f, why);

    return f->code == CURLE_COULDNT_CONNECT ? explain_connect(f, why) : explain_other(f, why);
}
