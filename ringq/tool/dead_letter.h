/* SPDX-License-Identifier: MIT */
#ifndef DEAD_LETTER_H
#define DEAD_LETTER_H

#include <ringq/ringq.h>

/* Puts a record into a queue of dead letters, as the library sets aside what has been delivered too often. 0 or -errno. */
int put_dead_letter(ringq_queue *dead, const struct ringq_delivery *delivery);

#endif
