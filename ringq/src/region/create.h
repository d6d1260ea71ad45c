/* SPDX-License-Identifier: MIT */
#ifndef RQ_CREATE_H
#define RQ_CREATE_H

#include "region/region.h"

/* The caller's region, or one of its own where that is NULL; ringq_region_detach() ends either. */
int rq_region_or_own(struct ringq_region **region);

#endif
