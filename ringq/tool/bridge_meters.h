/* SPDX-License-Identifier: MIT */
#ifndef TOOL_BRIDGE_METERS_H
#define TOOL_BRIDGE_METERS_H

/*
 * What a bridge has done, as all see it: an array of uint64 named bridge.NAME in its region. `ringq top` and `export` show each
 * array of that form.
 */

#define METERS_PREFIX "bridge."

/* Elements of the array; new ones come at the end. The list in ringq-bridge-amqp(1) has the same order. */
#define METERS(M)                                                                                                                    \
	M(PROCESS, "process", "gauge", "id of the process that is active; 0: none")                                                  \
	M(STATE, "state",                                                                                                            \
		"gauge", "of the active one: 0 ended, 1 connecting, 2 connected, 3 blocked by the broker, 4 the queue here is full") \
	M(WINDOW, "window", "gauge", "records in hand, taken and not confirmed")                                                     \
	M(OLDEST, "oldest_ms", "gauge", "for how long the oldest of these has been")                                                 \
	M(TAKEN, "taken", "count", "records taken here")                                                                             \
	M(PUBLISHED, "published", "count", "messages sent to the broker")                                                            \
	M(CONFIRMED, "confirmed", "count", "records that the broker has confirmed, and that are gone here")                          \
	M(NACKED, "nacked", "count", "messages that the broker has refused")                                                         \
	M(RETURNED, "returned", "count", "messages that it could not route")                                                         \
	M(REDELIVERED, "redelivered", "count", "records or messages that came for a second time or more")                            \
	M(DEAD_LETTERED, "dead_lettered", "count", "records set aside in the queue of dead letters")                                 \
	M(CONSUMED, "consumed", "count", "messages that came from the broker")                                                       \
	M(PUT, "put", "count", "records put here")                                                                                   \
	M(ACKNOWLEDGED, "acknowledged", "count", "messages that the broker was told are done")                                       \
	M(REJECTED, "rejected", "count", "messages that can never be put here, given back for good")                                 \
	M(DUPLICATES, "duplicates", "count", "messages dropped since their id had come before")                                      \
	M(BYTES, "bytes", "count", "of records confirmed, or put")                                                                   \
	M(CONNECTS, "connects", "count", "connections made")                                                                         \
	M(FAILURES, "failures", "count", "connections that ended, or could not be made")                                             \
	M(BLOCKED_MS, "blocked_ms", "count", "time in which the broker took nothing")                                                \
	M(FULL_MS, "full_ms", "count", "time in which the queue here was full")                                                      \
	M(STANDBY_MS, "standby_ms", "count", "time in which others stood by, the sum of theirs")

enum meter {
#define METER(name, ...) METER_##name,
	METERS(METER)
#undef METER
		METERS_END
};

#endif
