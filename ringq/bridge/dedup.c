/* SPDX-License-Identifier: MIT */

/*
 * The last n message ids, to tell which message has come before. Whole ids are compared: a message is never dropped for one
 * that only looks alike.
 *
 * They lie in an array of the region, bridge-ids.NAME, of uint64, so that they outlive the process, and are looked up in a
 * copy of its own:
 *
 *   element 0       how many ids there have been; the next one's place is that, modulo n
 *   16 for each     hash of the id; 0: it is being written, or there is none | the id, with a zero byte behind it
 *
 * An id is written when its message has been put, and before the broker is told so. Who dies between the put and that has
 * its message put again: one, not a window of them. Several processes may write (`share`): adding to the count is what gives
 * them their places. What is read is compared with its hash, so that half of an id is none.
 */

#include "dedup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { PLACE = 16, ID_MOST = (PLACE - 1) * 8 - 1 }; /* words; bytes: what is longer is known to this process only */

struct entry {
	char *id; /* NULL: free */
	uint64_t hash;
	uint32_t next; /* of the same bucket; NOBODY: none */
};

#define NOBODY UINT32_MAX

struct dedup {
	ringq_array *array; /* NULL: only this process knows */
	uint32_t n, buckets;
	uint64_t seen; /* of the count, what this process has a copy of */
	struct entry *entry;
	uint32_t *bucket;
};

/* Never 0. */
static uint64_t hash_of(const char *id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *id; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	return h ? h : 1;
}

/* ---- this process's copy ---- */

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

static void learn(struct dedup *d, uint32_t which, const char *id, uint64_t hash)
{
	forget(d, which);
	char *copy = strdup(id);
	if (!copy)
		return; /* then it may come twice */
	uint32_t *bucket = &d->bucket[hash & (d->buckets - 1)];
	d->entry[which] = (struct entry){.id = copy, .hash = hash, .next = *bucket};
	*bucket = which;
}

/* ---- the array ---- */

static size_t first_word(uint32_t which)
{
	return 1 + (size_t)which * PLACE;
}

static void read_place(struct dedup *d, uint32_t which)
{
	uint64_t hash = 0, words[PLACE - 1];
	ringq_load(d->array, first_word(which), &hash);
	for (size_t i = 0; i < PLACE - 1; i++)
		ringq_load(d->array, first_word(which) + 1 + i, &words[i]);
	char *id = (char *)words;
	id[ID_MOST] = 0;
	if (hash && hash_of(id) == hash)
		learn(d, which, id, hash);
}

static void write_place(struct dedup *d, uint32_t which, const char *id, uint64_t hash)
{
	uint64_t words[PLACE - 1] = {0}, none = 0;
	size_t len = strlen(id);
	ringq_store(d->array, first_word(which), &none);
	if (len > ID_MOST)
		return;
	memcpy(words, id, len);
	for (size_t i = 0; i <= len / 8; i++)
		ringq_store(d->array, first_word(which) + 1 + i, &words[i]);
	ringq_store(d->array, first_word(which), &hash);
}

/* Learns what others, or the process before this one, have written up to a count. */
static void catch_up(struct dedup *d, uint64_t count)
{
	if (count - d->seen > d->n)
		d->seen = count - d->n;
	for (; d->seen != count; d->seen++)
		read_place(d, (uint32_t)(d->seen % d->n));
}

/* 0; or -errno: then this process alone knows. */
static int open_array(struct dedup *d, ringq_region *region, const char *bridge, uint64_t n)
{
	char name[64];
	snprintf(name, sizeof name, "bridge-ids.%s", bridge);
	int r = ringq_array_create(&d->array, region, name, RINGQ_UINT64, 1 + n * PLACE);
	if (r == -EEXIST)
		r = ringq_array_open(&d->array, region, name);
	if (r) {
		d->array = NULL;
		return r;
	}
	uint64_t places = (ringq_array_count(d->array) - 1) / PLACE;
	if (ringq_array_type(d->array) == RINGQ_UINT64 && places && places <= DEDUP_MOST) {
		d->n = (uint32_t)places;
		return 0;
	}
	ringq_array_release(d->array);
	d->array = NULL;
	return -EPROTO;
}

/* ---- for a bridge ---- */

int dedup_open(struct dedup **out, ringq_region *region, const char *bridge, uint64_t n)
{
	struct dedup *d = *out = calloc(1, sizeof *d);
	if (!d)
		return -ENOMEM;
	d->n = (uint32_t)n;
	int r = open_array(d, region, bridge, n);
	if (r)
		log_line(LOG_LEVEL_WARNING, bridge, "array bridge-ids.%s: %s: ids end with this process", bridge,
			strerror(-r));
	else if (d->n != n)
		log_line(LOG_LEVEL_WARNING, bridge, "array bridge-ids.%s has room for %u ids: that is `dedup`", bridge,
			d->n);
	d->buckets = 1;
	while (d->buckets < d->n)
		d->buckets *= 2;
	d->entry = calloc(d->n, sizeof *d->entry);
	d->bucket = malloc(d->buckets * sizeof *d->bucket);
	if (!d->entry || !d->bucket) {
		dedup_close(d);
		*out = NULL;
		return -ENOMEM;
	}
	memset(d->bucket, 0xff, d->buckets * sizeof *d->bucket);
	return 0;
}

void dedup_close(struct dedup *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->entry && i < d->n; i++)
		free(d->entry[i].id);
	free(d->entry);
	free(d->bucket);
	ringq_array_release(d->array);
	free(d);
}

bool dedup_has(struct dedup *d, const char *id)
{
	uint64_t hash = hash_of(id), count = d->seen;
	if (d->array)
		ringq_load(d->array, 0, &count);
	catch_up(d, count);
	for (uint32_t i = d->bucket[hash & (d->buckets - 1)]; i != NOBODY; i = d->entry[i].next)
		if (d->entry[i].hash == hash && strcmp(d->entry[i].id, id) == 0)
			return true;
	return false;
}

void dedup_remember(struct dedup *d, const char *id)
{
	int64_t count = (int64_t)d->seen;
	uint64_t hash = hash_of(id);
	if (d->array)
		ringq_add(d->array, 0, 1, &count);
	catch_up(d, (uint64_t)count);
	uint32_t which = (uint32_t)(d->seen++ % d->n);
	if (d->array)
		write_place(d, which, id, hash);
	learn(d, which, id, hash);
}
