/* SPDX-License-Identifier: MIT */
/* What all scenarios share: the names of what they tell, whether a peer can do one, and its channels. */
#include "harness/scenario.h"

#include "harness/histogram.h"

const char *const figure_names[FIGURES] = {
	[SHARE_CONSUMER] = "share",
	[START] = "start",
	[SHARE_PRODUCER] = "share_producer",
	[SWAPPED] = "swapped",
	[SLEEPS] = "sleeps",
	[P50] = "p50",
	[P90] = "p90",
	[P99] = "p99",
	[P999] = "p999",
	[P9999] = "p9999",
	[MAX] = "max",
	[ACHIEVED] = "achieved",
	[FROZEN] = "frozen",
	[BASE] = "base",
	[WORST] = "worst",
	[AFTER] = "after",
	[FILL] = "fill",
	[DRAIN] = "drain",
};

size_t channel_depth(size_t len)
{
	size_t depth = ((size_t)8 << 20) / len;

	return depth < 4096 ? depth : 4096;
}

bool scenario_fits(const struct scenario *s, const struct peer *peer)
{
	unsigned where = s->threads ? PEER_THREADS : PEER_PROCESSES;

	if (peer->knows && !peer->knows(s))
		return false;
	if ((peer->flags & (s->needs | where)) != (s->needs | where) || (peer->max_len && s->len > peer->max_len))
		return false;
	return (!peer->max_producers || s->producers <= peer->max_producers) &&
	       (!peer->max_consumers || s->consumers <= peer->max_consumers);
}

void scenario_check_len(const struct scenario *s, size_t most)
{
	if (s->len > most)
		bench_die(0, "records of %zu bytes", s->len);
}

struct channel scenario_channel(const struct scenario *s, unsigned producers, unsigned consumers)
{
	struct channel_options options = {
		.len = s->len,
		.producers = producers,
		.consumers = consumers,
		.depth = channel_depth(s->len),
		.processes = !s->threads,
	};

	return channel_open(s->peer, &options);
}

enum { TIMES_FOR_P9999 = 50000 }; /* of fewer, it would be the worst but four */

void sample_percentiles(struct sample *out, const struct histogram *h)
{
	out->figures[P50] = histogram_at(h, 0.5);
	out->figures[P90] = histogram_at(h, 0.9);
	out->figures[P99] = histogram_at(h, 0.99);
	out->figures[P999] = histogram_at(h, 0.999);
	if (h->n >= TIMES_FOR_P9999)
		out->figures[P9999] = histogram_at(h, 0.9999);
	out->figures[MAX] = (double)h->max;
}
