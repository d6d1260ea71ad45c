/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PEERS_RINGQ_H
#define BENCH_PEERS_RINGQ_H

/* What all of ringq's modes share. */

#include "harness/peer.h"

/** Makes the channel a queue of this order, with these flags; its calls copy, and sleep by themselves. */
void ringq_open_with(struct channel *c, unsigned order, unsigned flags);

#endif
