/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_OUT_H
#define BRIDGE_OUT_H

#include "bridge.h"

/* Moves records out over an open link until something ends. */
enum end out_move(struct bridge *b);
/* Gives back what is in hand. */
void out_give_back(struct bridge *b);

#endif
