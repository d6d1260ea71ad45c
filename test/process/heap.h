/* SPDX-License-Identifier: MIT */
#ifndef PROCESS_HEAP_H
#define PROCESS_HEAP_H

/*
 * The heap refuses memory to who asks by malloc(), calloc() or realloc() in this program, the library included: the linker
 * leads them here, by --wrap. libc's own requests are granted.
 */

#include <stdbool.h>

/* This thread's requests, after n more; negative: none. */
void heap_refuse_after(int n);

/* No more of them. Whether any was refused. */
bool heap_grant(void);

/* All requests of the threads that have never called heap_refuse_after(). */
void heap_refuse_others(bool on);

#endif
