/* SPDX-License-Identifier: MIT */
#ifndef RQ_MAP_H
#define RQ_MAP_H

/* The one mapping that a process has of each region. */

#include "region/region.h"

/* Maps fd, which it takes over whatever comes of it, or finds that it is mapped already. Counted either way. */
int rq_region_map(struct ringq_region **out, int fd, const struct rq_geometry *at, const struct rq_header *header);

/* A region that is only looked at, of which fd becomes a part, whatever comes of it. */
int rq_region_look(struct ringq_region **out, int fd, const struct rq_geometry *at, uint32_t clock);

void rq_region_ref(struct ringq_region *region);

#define RQ_SHM_DIRECTORY "/dev/shm"

/* The path of a named region. -EINVAL. */
int rq_region_path(char path[256], const char *name);

#endif
