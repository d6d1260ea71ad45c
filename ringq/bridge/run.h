/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_RUN_H
#define BRIDGE_RUN_H

#include "bridge.h"

/* Runs all bridges of a configuration, until they end or a signal ends them. An exit status. */
int run_all(const struct config *config, const struct run_options *options);

#endif
