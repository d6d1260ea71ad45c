/* SPDX-License-Identifier: MIT */
#ifndef RQ_DEAD_LETTER_H
#define RQ_DEAD_LETTER_H

#include "queue/handle.h"

/*
 * What was delivered too often goes into the dead-letter queue, and then it is done: who dies in between leaves it to
 * another, who puts it there again. Is there no room for it, it is back, this take leaves it, and the next tries again.
 * The delivery is the caller's, who is outside any call. 0, or why it is back.
 */
int rq_set_aside(struct ringq_queue *queue, struct ringq_delivery *delivery);

#endif
