/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_VERSION_H
#define RINGQ_VERSION_H

#include <ringq/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of these headers. */
#define RINGQ_VERSION_MAJOR 0
#define RINGQ_VERSION_MINOR 2
#define RINGQ_VERSION_PATCH 0
#define RINGQ_VERSION (RINGQ_VERSION_MAJOR * 1000000 + RINGQ_VERSION_MINOR * 1000 + RINGQ_VERSION_PATCH)

/** The version of the library that runs, as RINGQ_VERSION of its own headers: 2000 is 0.2.0. Wait-free. */
RINGQ_API unsigned ringq_version(void);

/**
 * The layout of a region, of which two libraries that share it must know the same: a library attaches to regions of its own
 * major number, whatever the minor one. Asks the region behind a descriptor, which may be open for reading only, and of a
 * layout that ringq_region_attach() refuses with -EPROTO. fd -1: the layout that this library makes and attaches to.
 *
 * Errors: -EINVAL, -EBADF, -EACCES (open for writing only), -EPROTO (no region). Progress: bounded, system calls.
 */
RINGQ_API int ringq_region_layout(int fd, unsigned *major, unsigned *minor);

#ifdef __cplusplus
}
#endif
#endif
