/* SPDX-License-Identifier: MIT */
#include "bridge.h"

#include <poll.h>

bool bridge_sleep(struct bridge *b, int64_t ns)
{
	struct pollfd p = {.fd = b->wake, .events = POLLIN};
	int64_t until = link_now() + ns;
	for (;;) {
		int64_t now = link_now();
		bridge_tick(b, now);
		if (bridge_stops(b) || now >= until)
			return !bridge_stops(b);
		int64_t left = until - now < RINGQ_SEC(1) ? until - now : RINGQ_SEC(1);
		poll(&p, 1, (int)(left / 1000000) + 1);
	}
}

void bridge_set_state(struct bridge *b, enum state state)
{
	meter_set(&b->meters, METER_STATE, state);
}

void bridge_tick(struct bridge *b, int64_t now)
{
	atomic_store(&b->tick, now);
	meters_flush(&b->meters, now, false);
}

int64_t bridge_pause(const struct bridge_config *c, uint32_t failures)
{
	int64_t pause = c->reconnect_min;
	while (failures-- > 1 && pause < c->reconnect_max)
		pause *= 2;
	return pause < c->reconnect_max ? pause : c->reconnect_max;
}
