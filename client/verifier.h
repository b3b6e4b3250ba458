/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verifier — the program as an image verifier of containerd, which calls it by the name of its link
 * for each image that is pulled: countersign-verifier(8).
 *
 *     countersign-verifier -name REF -digest DIGEST -stdin-media-type TYPE <DESCRIPTOR
 *
 * Exit status 0 lets the image in, and nothing else does. It asks nobody at a terminal.
 */
#include <stdbool.h>

bool verifier_is_called(const char *argv0);
int verifier_main(int argc, char **argv);
