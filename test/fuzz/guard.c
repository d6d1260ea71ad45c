/* SPDX-License-Identifier: MIT */
/*
 * Regions between walls: the library's mappings of regions get a stretch of address space on both sides that nobody may
 * touch, so that an offset that leads out of the region is a fault and not somebody else's memory. Linked with
 * -Wl,--wrap=mmap64,--wrap=munmap.
 */
#include <stdint.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "stage.h"

/* An owner word of any unit number, as a table entry may name it, lies within this. */
#define WALL ((size_t)1 << 28)
#define SMALLEST_REGION ((size_t)1 << 20)

const void *walled_region;

void *__real_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t len);
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t len);

void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	char *walls, *inside;

	if (at || fd < 0 || len < SMALLEST_REGION || !(flags & MAP_SHARED))
		return __real_mmap64(at, len, protection, flags, fd, offset);
	walls = __real_mmap64(NULL, len + 2 * WALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (walls == MAP_FAILED)
		return MAP_FAILED;
	inside = __real_mmap64(walls + WALL, len, protection, flags | MAP_FIXED, fd, offset);
	if (inside == MAP_FAILED)
		__real_munmap(walls, len + 2 * WALL);
	else
		walled_region = inside;
	return inside;
}

/* Nothing else that the library unmaps is as large as a region. */
int __wrap_munmap(void *at, size_t len)
{
	if (len < SMALLEST_REGION)
		return __real_munmap(at, len);
	return __real_munmap((char *)at - WALL, len + 2 * WALL);
}
