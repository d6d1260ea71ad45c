/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include <errno.h>
#include <string.h>

#include "harness/back_off.h"
#include "harness/harness.h"
#include "harness/peer.h"

/*
 * What scenarios do with an end. Inline: one indirect call into the peer's adapter is all that lies between, for ringq
 * as for everybody.
 */

static inline bool end_sleeps(const struct end *end)
{
	const struct channel_ops *ops = &end->channel->ops;

	return end->producer ? ops->put != NULL : ops->get != NULL;
}

static inline void end_put(struct end *end, const void *record, size_t len)
{
	const struct channel_ops *ops = &end->channel->ops;
	struct back_off wait = {0};

	if (ops->put) {
		while (!ops->put(end, record, len))
			;
		return;
	}
	while (!ops->try_put(end, record, len))
		back_off(&wait);
}

/* Waits for as long as it takes. False when no more will come. */
static inline bool end_get(struct end *end, void *record, size_t len)
{
	const struct channel_ops *ops = &end->channel->ops;
	struct back_off wait = {0};
	int r;

	if (ops->get) {
		while ((r = ops->get(end, record, len)) == 0)
			;
		return r > 0;
	}
	while ((r = ops->try_get(end, record, len)) == 0)
		back_off(&wait);
	return r > 0;
}

/* Gets in a loop that never sleeps, nor leaves the line alone. */
static inline void end_spin(struct end *end, void *record, size_t len)
{
	int r;

	do
		r = end->channel->ops.try_get(end, record, len);
	while (r == 0);
	if (r < 0)
		bench_die(0, "closed too early");
}

/* A record says who put it as which, at its front and, if there is room, at its end, so that a torn one shows. */
static inline void record_stamp(void *record, size_t len, uint64_t stamp)
{
	memcpy(record, &stamp, sizeof(stamp));
	memcpy((char *)record + len - sizeof(stamp), &stamp, sizeof(stamp));
}

static inline uint64_t record_check(const void *record, size_t len)
{
	uint64_t front, end;

	memcpy(&front, record, sizeof(front));
	memcpy(&end, (const char *)record + len - sizeof(end), sizeof(end));
	if (front != end)
		bench_die(0, "a torn record");
	return front;
}

#endif
