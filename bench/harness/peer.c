/* SPDX-License-Identifier: MIT */
/* The register of peers, and what their adapters share. */
#include "harness/peer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "harness/harness.h"

static struct peer *first;

static bool comes_before(const struct peer *a, const struct peer *b)
{
	bool a_ours = !strncmp(a->name, "ringq", 5), b_ours = !strncmp(b->name, "ringq", 5);

	return a_ours != b_ours ? a_ours : strcasecmp(a->name, b->name) < 0;
}

void peer_add(struct peer *peer)
{
	struct peer **at = &first;

	while (*at && comes_before(*at, peer))
		at = &(*at)->next;
	peer->next = *at;
	*at = peer;
}

struct peer *peer_first(void)
{
	return first;
}

const struct peer *peer_find(const char *name)
{
	for (const struct peer *peer = first; peer; peer = peer->next)
		if (!strcmp(peer->name, name))
			return peer;
	bench_die(0, "no peer is called \"%s\"", name);
}

void *channel_memory(const struct channel *channel, size_t size)
{
	int visible = channel->options.processes ? MAP_SHARED : MAP_PRIVATE;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, visible | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die(errno, "mmap");
	return p;
}

size_t power_up(size_t n)
{
	size_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

struct channel channel_open(const struct peer *peer, const struct channel_options *options)
{
	struct channel channel = {.options = *options, .peer = peer};

	peer->open(&channel);
	return channel;
}

void channel_join(const struct channel *channel, struct end *end, bool producer, unsigned index)
{
	*end = (struct end){.channel = channel, .state = channel->state, .producer = producer, .index = index};
	if (channel->ops.join)
		channel->ops.join(end);
}

void channel_leave(struct end *end)
{
	if (end->channel->ops.leave)
		end->channel->ops.leave(end);
}
