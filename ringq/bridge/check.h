/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_CHECK_H
#define BRIDGE_CHECK_H

#include "config.h"

/* Looks whether each could run, and declares and moves nothing. An exit status. */
int check_all(const struct config *config);

/* Prints the meters of each. An exit status. */
int status_all(const struct config *config);

#endif
