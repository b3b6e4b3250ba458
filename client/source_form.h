/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * source_form — what each form of --from can do: the table that source.c goes by. The functions of
 * one form are those of source.h, with what its open() gave as data.
 */
#include "client/referrers.h"
#include "client/source.h"

struct source_form {
    const char *name; /* before the colon */
    enum rc (*open)(void **ret, const char *rest, struct session *session, struct why *why);
    void (*free)(void *data); /* NULL is fine */

    /* Which image is meant. descriptor_done(). RC_NOT_FOUND, RC_REFUSED: says which there are. */
    enum rc (*find)(
        struct descriptor *ret, void *data, const struct source_choice *choice, struct why *why);
    /* As in struct image_reader. */
    enum rc (*read)(
        void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why);
    enum rc (*open_blob)(
        struct content *ret, void *data, const struct descriptor *blob, struct why *why);
    /* What refers to a manifest. referrers_done(). */
    enum rc (*referrers)(
        struct referrers *ret, void *data, const struct digest *digest, struct why *why);
    const char *(*path_on)(const void *data, const char *host); /* NULL: on none */
};

extern const struct source_form source_layout, source_oci_archive, source_docker_archive,
    source_registry;
