/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * schema — the tables of the ledger's database and the statements that read and write them, each
 * with its parameters and columns in the order of its text.
 */
#include "agent/database.h"

extern const struct database_form schema_form;

enum statement {
    STATEMENT_HEAD,
    STATEMENT_PUT_HEAD,
    STATEMENT_RECORDS_FROM,
    STATEMENT_PUT_RECORD,
    STATEMENT_MARK,
    STATEMENT_PUT_MARK,
    STATEMENT_ROOT,
    STATEMENT_PUT_ROOT,
    STATEMENT_CERTIFICATE,
    STATEMENT_PUT_CERTIFICATE,
    STATEMENT_PINNED_KEY,
    STATEMENT_PIN_KEY,
    STATEMENT_PINNED_SERIAL,
    STATEMENT_PIN_SERIAL,
    STATEMENT_REFUSED_PIN,
    STATEMENT_PUT_REFUSED_PIN,
    STATEMENT_FORGET_REFUSED_PIN,
    STATEMENT_PIN_TRY,
    STATEMENT_PUT_PIN_TRY,
    STATEMENT_FORGET_PIN_TRY,
    STATEMENT_KEY_USE,
    STATEMENT_PUT_KEY_USE,
    STATEMENT_MAX_
};
