/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_IN_H
#define BRIDGE_IN_H

#include "bridge.h"

/* Moves records in over an open link until something ends. */
enum end in_move(struct bridge *b);

#endif
