/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_NOTIFY_H
#define BRIDGE_NOTIFY_H

#include <stdint.h>

/* Tells the service manager, by the protocol of sd_notify(3): a datagram to $NOTIFY_SOCKET. Nothing, where there is none. */
void notify_send(const char *state);

/* How often the manager wants to hear WATCHDOG=1, in ns: half of what it allows. 0: never. */
int64_t notify_watchdog(void);

#endif
