/* SPDX-License-Identifier: MIT */
#ifndef TOOL_H
#define TOOL_H

/*
 * What the subcommands of `ringq` share. A subcommand is a file of this folder: a table of options, and a function that is
 * named in the list of main.c. It opens what it is told by open.c, prints by table.c or json.c, moves records by
 * frame.c, and returns an exit status. What only looks, observes: it takes no part in the region.
 */

#include <ringq/ringq.h>

#include "figures.h"
#include "find.h"
#include "frame.h"
#include "json.h"
#include "message.h"
#include "nameless.h"
#include "open.h"
#include "options.h"
#include "people.h"
#include "quantity.h"
#include "signals.h"
#include "table.h"
#include "text.h"

#endif
