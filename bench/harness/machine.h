/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdio.h>

/* What figures were taken on, as far as the machine tells. */

/** "model, 2 cpus, L1d 32 KiB, L2 512 KiB, L3 32768 KiB, Linux 6.1" */
void machine_print(FILE *f);

/** The same as members of a JSON object, without its braces. */
void machine_json(FILE *f);

#endif
