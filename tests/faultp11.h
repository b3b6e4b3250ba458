/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * faultp11 — a PKCS#11 module for tests, with a soft key of its own, that fails on command.
 *
 * Its commands are in a file that test and module share in memory; the variable FAULTP11 of the
 * module's environment is its path. A file of zeros is a token that works, labelled "fault", with
 * one P-256 key labelled "key", and takes the PIN "1234".
 */
#include <stdint.h>

enum faultp11_call {
    CALL_INITIALIZE,
    CALL_FINALIZE,
    CALL_GET_SLOT_LIST,
    CALL_GET_SLOT_INFO,
    CALL_GET_TOKEN_INFO,
    CALL_GET_MECHANISM_LIST,
    CALL_OPEN_SESSION,
    CALL_CLOSE_SESSION,
    CALL_GET_SESSION_INFO,
    CALL_LOGIN,
    CALL_FIND_OBJECTS_INIT,
    CALL_FIND_OBJECTS,
    CALL_FIND_OBJECTS_FINAL,
    CALL_GET_ATTRIBUTE_VALUE,
    CALL_SIGN_INIT,
    CALL_SIGN,
    CALL_GENERATE_RANDOM,
    CALL_MAX_,
};

enum faultp11_kind {
    FAULT_NONE,
    FAULT_RETURN,        /* value: the CK_RV */
    FAULT_DELAY,         /* value: milliseconds, and then it works */
    FAULT_HANG,          /* for ever */
    FAULT_CRASH,         /* SIGSEGV */
    FAULT_WRONG,         /* of CALL_SIGN: a signature of something else */
    FAULT_SHORT,         /* likewise: half of it */
    FAULT_LONG,          /* likewise: more bytes than there is room for, it says */
    FAULT_LOSE_SESSIONS, /* all of them, and with them the login */
    FAULT_LOSE_LOGIN,
};

struct faultp11_fault {
    uint32_t kind;
    uint32_t n_before; /* calls that work before it */
    uint32_t n_times;  /* 0: from then on all */
    uint64_t value;
};

struct faultp11 {
    struct faultp11_fault faults[CALL_MAX_];
    uint32_t n_calls[CALL_MAX_]; /* counted by the module, over all processes */
    uint32_t n_signatures;       /* that it gave, wrong ones included */
    uint32_t is_absent;
    uint32_t n_more;          /* tokens like it in other slots */
    uint32_t has_other_key;   /* under the same label */
    uint32_t is_hardware;     /* CKF_HW_SLOT */
    uint32_t n_sessions_left; /* 0: any number; 1: none */
    uint64_t token_flags;     /* more of CK_TOKEN_INFO */
    char serial[16];          /* "": one of its own */
};
