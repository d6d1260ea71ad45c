/* SPDX-License-Identifier: MIT */
#ifndef CRASH_PEERS_H
#define CRASH_PEERS_H

#include "stage.h"

/* Two producers and two consumers pass their records; begins those who have not begun, and waits for all to end. */
void peers_run(struct stage *stage);

/* Takes what is left, all that is there. How many there were. */
uint32_t peers_drain(struct stage *stage);

#endif
