/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static _Thread_local int left = -1; /* requests that are granted; negative: all */
static _Thread_local bool refused, refuses;
static atomic_bool others;

void heap_refuse_after(int n)
{
	refuses = true;
	refused = false;
	left = n;
}

bool heap_grant(void)
{
	left = -1;
	return refused;
}

void heap_refuse_others(bool on)
{
	others = on;
}

static bool is_refused(void)
{
	if (!refuses)
		return others;
	if (left < 0)
		return false;
	if (left == 0)
		return refused = true;
	left--;
	return false;
}

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_refused() ? NULL : __real_realloc(old, size);
}
