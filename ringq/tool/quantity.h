/* SPDX-License-Identifier: MIT */
#ifndef QUANTITY_H
#define QUANTITY_H

/* How numbers, sizes and times are written on command lines and in configuration files. False: that is none. */

#include <stdbool.h>
#include <stdint.h>

bool parse_number(const char *text, uint64_t *out); /* digits */
bool parse_size(const char *text, uint64_t *out);   /* bytes: 4096, 1.5M, 64KiB, "unbounded" */
bool parse_time(const char *text, int64_t *out);    /* ns: 1.5 (s), 20ms, 3min, "forever" */

#endif
