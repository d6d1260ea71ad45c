/* SPDX-License-Identifier: MIT */
#ifndef CRASH_ACCOUNT_H
#define CRASH_ACCOUNT_H

#include "stage.h"

/*
 * Where each record of an acknowledged queue is, as the driver sees it while nobody moves: it waits, is in somebody's hand, or
 * is gone. Then the driver peeks, and takes what it has seen.
 *
 * Beside a child that stands at its instruction, and behind one that was killed there.
 */
void account_beside(struct stage *s);
void account_behind(struct stage *s);

#endif
