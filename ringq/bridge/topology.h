/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_TOPOLOGY_H
#define BRIDGE_TOPOLOGY_H

#include "link.h"

/*
 * The broker's queue and exchange that a bridge needs: looked for, or declared durable where `topology = declare` says so, at
 * each connect. With look_only nothing is declared. 0; or -1 with the reason in the link, which is of no more use then.
 * *waiting, unless NULL, becomes how many messages wait in the remote queue.
 */
int topology_ready(struct link *link, bool look_only, uint64_t *waiting);

#endif
