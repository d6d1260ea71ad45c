/* SPDX-License-Identifier: MIT */
#ifndef RQ_SWEEP_H
#define RQ_SWEEP_H

/* The collector: it alone knows all kinds of owners that a unit may have. */

#include "region/region.h"

/* Frees all units that belong to nobody. How many there were. */
uint64_t rq_sweep(struct ringq_region *region);

#endif
