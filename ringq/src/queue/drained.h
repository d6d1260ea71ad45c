/* SPDX-License-Identifier: MIT */
#ifndef RQ_DRAINED_H
#define RQ_DRAINED_H

/*
 * Whether an acknowledged queue is drained: nothing waits and nothing is in hand.
 *
 * Of two that end the last two deliveries at once, each sets its entry free, then passes a full fence, then reads all
 * books: one of them finds nothing. Who sleeps has announced it before it reads them (event.h).
 */

#include "queue/port.h"

/* At one instant: from before the look at the books to behind that at the lanes no head has moved. By a caller inside a call. */
bool rq_is_drained(struct rq_port *port);

#endif
