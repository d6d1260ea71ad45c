/* SPDX-License-Identifier: MIT */

/*
 * The last n message ids, to tell which message has come before. Whole ids are compared: a message is never dropped for one
 * that only looks alike.
 */

#include "bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *id; /* NULL: free */
	uint64_t hash;
	uint32_t next; /* of the same bucket; NOBODY: none */
};

#define NOBODY UINT32_MAX

struct dedup {
	uint32_t n, buckets;
	uint32_t oldest; /* the next to be replaced */
	struct entry *entry;
	uint32_t *bucket;
};

static uint64_t hash_of(const char *id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

int dedup_new(struct dedup **out, uint64_t n)
{
	struct dedup *d = *out = calloc(1, sizeof *d);
	if (!d)
		return -ENOMEM;
	d->n = (uint32_t)n;
	d->buckets = 1;
	while (d->buckets < n)
		d->buckets *= 2;
	d->entry = calloc(n, sizeof *d->entry);
	d->bucket = malloc(d->buckets * sizeof *d->bucket);
	if (!d->entry || !d->bucket) {
		dedup_free(d);
		*out = NULL;
		return -ENOMEM;
	}
	memset(d->bucket, 0xff, d->buckets * sizeof *d->bucket);
	return 0;
}

void dedup_free(struct dedup *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->entry && i < d->n; i++)
		free(d->entry[i].id);
	free(d->entry);
	free(d->bucket);
	free(d);
}

bool dedup_has(const struct dedup *d, const char *id)
{
	uint64_t hash = hash_of(id);
	for (uint32_t i = d->bucket[hash & (d->buckets - 1)]; i != NOBODY; i = d->entry[i].next)
		if (d->entry[i].hash == hash && strcmp(d->entry[i].id, id) == 0)
			return true;
	return false;
}

static void forget(struct dedup *d, uint32_t which)
{
	struct entry *e = &d->entry[which];
	if (!e->id)
		return;
	uint32_t *at = &d->bucket[e->hash & (d->buckets - 1)];
	while (*at != which)
		at = &d->entry[*at].next;
	*at = e->next;
	free(e->id);
	e->id = NULL;
}

void dedup_remember(struct dedup *d, const char *id)
{
	char *copy = strdup(id);
	if (!copy)
		return; /* then it may come twice */
	forget(d, d->oldest);
	struct entry *e = &d->entry[d->oldest];
	uint64_t hash = hash_of(id);
	uint32_t *bucket = &d->bucket[hash & (d->buckets - 1)];
	*e = (struct entry){.id = copy, .hash = hash, .next = *bucket};
	*bucket = d->oldest;
	d->oldest = (d->oldest + 1) % d->n;
}
