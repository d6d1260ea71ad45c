/* SPDX-License-Identifier: MIT */
/*
 * Throughput: some put, some get, and every record is accounted for. The clock starts when all are at work: before that each
 * producer puts records that do not count, until each consumer has got one. How long that took is a figure of its own.
 */
#include "harness/channel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "scenarios/scenarios.h"

enum {
	FLOW_MAX = 1024,              /* producers, and consumers */
	SHOW_EACH = 64,               /* records after which a producer shows how far it is */
	NOTE_EACH = 16,               /* records after which a consumer notes the time, if it does */
	WARM_UP_US = 50,              /* between such records, times the producers */
	LOST_NS = 1000 * 1000 * 1000, /* without a record, when all producers are done */
};

#define STAMP(who, seq) ((uint64_t)(who) << 48 | (seq))
#define STAMP_WHO(stamp) ((stamp) >> 48)
#define STAMP_SEQ(stamp) ((stamp) & (((uint64_t)1 << 48) - 1))
#define STAMP_END UINT64_MAX /* no more will come to who gets this */

/* What one consumer has seen. A cache line each, as they all count at the same time. */
struct seen {
	_Alignas(64) _Atomic uint64_t records;
	uint64_t sum;     /* of the sequence numbers */
	uint64_t swapped; /* out of order */
	uint64_t end;     /* when it knew, or could have known, that no more would come */
};

struct progress {
	_Alignas(64) _Atomic uint64_t records;
};

struct flow_shared {
	struct bench_gate gate, done;
	_Alignas(64) _Atomic unsigned producers_left;
	_Atomic uint64_t begin;      /* when the first producer began */
	_Atomic unsigned first_done; /* a producer was done before the others */
	double share_producer;       /* the slowest's, then */
	struct progress put[FLOW_MAX];
	struct seen seen[FLOW_MAX];
};

struct flow {
	const struct scenario *s;
	struct channel channel;
	struct flow_shared *shared;
	uint64_t made; /* when it was */
	uint64_t each; /* records from each producer, beside those that do not count */
	int cpus[2];   /* of producers and consumers; -1 = any */
};

struct role {
	const struct flow *flow;
	unsigned index;
};

static unsigned batch_of(const struct scenario *s)
{
	return s->batch ? s->batch : 1;
}

static char *buffer_make(const struct scenario *s)
{
	char *buffer = calloc(batch_of(s), s->len);

	if (!buffer)
		bench_die(0, "out of memory");
	return buffer;
}

static void put_batch(struct end *end, char *records, size_t len, uint64_t stamp, unsigned n)
{
	struct back_off wait = {0};
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++)
		record_stamp(records + i * len, len, stamp + i);
	while (done < n) {
		int r = end->channel->ops.put_many(end, records + done * len, len, n - done);

		done += (unsigned)r;
		if (r > 0)
			wait.tries = 0;
		else
			back_off(&wait);
	}
}

static void put_some(const struct flow *f, struct end *end, char *records, uint64_t stamp, unsigned n)
{
	if (f->s->batch) {
		put_batch(end, records, f->s->len, stamp, n);
	} else {
		record_stamp(records, f->s->len, stamp);
		end_put(end, records, f->s->len);
	}
}

/* How the slowest producer has fared when the first is done: until then all could have put as many. */
static void show_first(const struct flow *f)
{
	uint64_t sum = 0, least = UINT64_MAX;

	if (atomic_exchange(&f->shared->first_done, 1))
		return;
	for (unsigned i = 0; i < f->s->producers; i++) {
		uint64_t records = atomic_load_explicit(&f->shared->put[i].records, memory_order_relaxed);

		sum += records;
		least = records < least ? records : least;
	}
	f->shared->share_producer = (double)least * f->s->producers / (double)sum;
}

/* What a first record takes, of memory and time, lies behind all when this ends. */
static void warm_up(const struct flow *f, struct end *end, char *record, unsigned who)
{
	unsigned all = f->s->producers + f->s->consumers;

	for (bool there = false; !bench_all_there(&f->shared->gate, all); there = true) {
		put_some(f, end, record, STAMP(who, 0), 1);
		if (!there)
			bench_enter(&f->shared->gate);
		usleep(WARM_UP_US * f->s->producers);
	}
}

static void produce(const struct flow *f, struct end *end, char *records, unsigned who)
{
	struct progress *progress = &f->shared->put[who];
	unsigned step = batch_of(f->s);

	for (uint64_t seq = 1; seq <= f->each; seq += step) {
		uint64_t left = f->each - seq + 1;

		put_some(f, end, records, STAMP(who, seq), left < step ? (unsigned)left : step);
		if (seq / SHOW_EACH != (seq + step) / SHOW_EACH)
			atomic_store_explicit(&progress->records, seq, memory_order_relaxed);
	}
	atomic_store_explicit(&progress->records, f->each, memory_order_relaxed);
	show_first(f);
}

static void put_ends(const struct flow *f, struct end *end, char *record)
{
	record_stamp(record, f->s->len, STAMP_END);
	for (unsigned i = 0; i < f->s->consumers; i++)
		end_put(end, record, f->s->len);
}

/* All stay until all is taken: some peers drop what has not been read when its sender goes. */
static void producer(void *arg)
{
	const struct role *role = arg;
	const struct flow *f = role->flow;
	const struct channel *c = &f->channel;
	char *records = buffer_make(f->s);
	uint64_t none = 0;
	struct end end;

	bench_pin(f->cpus[0]);
	channel_join(c, &end, true, role->index);
	warm_up(f, &end, records, role->index);
	atomic_compare_exchange_strong(&f->shared->begin, &none, bench_now());
	produce(f, &end, records, role->index);
	if (atomic_fetch_sub(&f->shared->producers_left, 1) == 1) {
		if (c->ops.close)
			c->ops.close(&end);
		else if (end_sleeps(&end) && (c->peer->flags & PEER_FIFO))
			put_ends(f, &end, records);
	}
	bench_await(&f->shared->done, f->s->consumers);
	channel_leave(&end);
	free(records);
}

/* What a consumer knows while nothing comes. */
struct idle {
	struct back_off wait;
	uint64_t since; /* when it began, 0 = is not */
	uint64_t moved; /* when the sum was last seen to grow */
	uint64_t sum;
};

struct sink {
	const struct flow *flow;
	struct end end;
	char *records;
	struct seen *shared;
	uint64_t n, sum, swapped; /* as in struct seen */
	struct idle idle;
	bool notes; /* it sleeps in its calls, and nobody tells it that no more will come: it notes the time, */
	uint64_t noted, recent;  /* when so many had come, and that was then */
	uint64_t last[FLOW_MAX]; /* sequence number from each producer */
};

/*
 * Whether all records are taken, by the counts that all consumers show when they are idle. If nothing moves although all
 * producers are done, records are lost.
 */
static bool all_taken(struct sink *k)
{
	const struct flow *f = k->flow;
	struct idle *idle = &k->idle;
	uint64_t sum = 0, now = bench_now();

	for (unsigned i = 0; i < f->s->consumers; i++)
		sum += atomic_load(&f->shared->seen[i].records);
	if (sum == f->each * f->s->producers)
		return true;
	if (!idle->moved || sum != idle->sum || atomic_load(&f->shared->producers_left)) {
		idle->moved = now;
		idle->sum = sum;
	}
	if (now - idle->moved > LOST_NS)
		bench_die(0, "loses or doubles records: %llu of %llu came out", (unsigned long long)sum,
			(unsigned long long)(f->each * f->s->producers));
	return false;
}

/* Nothing came: waits, if the call did not. Returns whether nothing more will. */
static bool idle(struct sink *k)
{
	struct idle *idle = &k->idle;

	if (end_sleeps(&k->end)) {
		if (!idle->since)
			idle->since = bench_now() - (uint64_t)PEER_PATIENCE_MS * 1000000;
		if (idle->since < k->recent) /* the call did not wait that long */
			idle->since = k->recent;
	} else {
		if (idle->wait.tries == BACK_OFF_SPIN && !idle->since)
			idle->since = bench_now();
		if (!back_off(&idle->wait))
			return false;
	}
	if (atomic_load_explicit(&k->shared->records, memory_order_relaxed) != k->n)
		atomic_store(&k->shared->records, k->n);
	return all_taken(k);
}

static int take_once(struct sink *k)
{
	const struct channel_ops *ops = &k->end.channel->ops;
	size_t len = k->flow->s->len;

	if (k->flow->s->batch)
		return ops->get_many(&k->end, k->records, len, k->flow->s->batch);
	return ops->get ? ops->get(&k->end, k->records, len) : ops->try_get(&k->end, k->records, len);
}

/* Takes up to a batch. Returns how many; 0 = no more will come. */
static unsigned take(struct sink *k)
{
	int r;

	while ((r = take_once(k)) == 0)
		if (idle(k))
			return 0;
	if (r < 0)
		return 0;
	if (k->idle.wait.tries || k->idle.since)
		k->idle = (struct idle){0};
	if (k->notes && k->n >= k->noted + NOTE_EACH) {
		k->noted = k->n;
		k->recent = bench_now();
	}
	return (unsigned)r;
}

/* Each consumer sees a part of each producer's records, in that producer's order; a lone one sees all. */
static uint64_t check(struct sink *k, uint64_t stamp)
{
	const struct flow *f = k->flow;
	uint64_t who = STAMP_WHO(stamp), seq = STAMP_SEQ(stamp);

	if (who >= f->s->producers || seq > f->each)
		bench_die(0, "a record that nobody put");
	if (f->channel.peer->flags & PEER_SWAPS) {
		k->swapped += seq <= k->last[who];
		k->last[who] = seq;
		return seq;
	}
	if (seq <= k->last[who])
		bench_die(0, "a record out of order, or twice");
	if (f->s->consumers == 1 && seq != k->last[who] + 1)
		bench_die(0, "a record is missing");
	k->last[who] = seq;
	return seq;
}

/* False at a record that says that this is all. */
static bool check_all(struct sink *k, unsigned n)
{
	size_t len = k->flow->s->len;

	for (unsigned i = 0; i < n; i++) {
		uint64_t stamp = record_check(k->records + i * len, len);

		if (stamp == STAMP_END)
			return false;
		if (STAMP_SEQ(stamp) == 0)
			continue;
		k->sum += check(k, stamp);
		k->n++;
	}
	return true;
}

static void consumer(void *arg)
{
	const struct role *role = arg;
	const struct flow *f = role->flow;
	struct seen *seen = &f->shared->seen[role->index];
	struct sink k = {.flow = f, .records = buffer_make(f->s), .shared = seen};
	unsigned n;

	bench_pin(f->cpus[1]);
	channel_join(&f->channel, &k.end, false, role->index);
	k.notes = end_sleeps(&k.end) && !f->channel.ops.close && !(f->channel.peer->flags & PEER_FIFO);
	n = take(&k);
	bench_enter(&f->shared->gate);
	while (n > 0 && check_all(&k, n))
		n = take(&k);
	seen->end = k.idle.since ? k.idle.since : bench_now();
	seen->sum = k.sum;
	seen->swapped = k.swapped;
	atomic_store(&seen->records, k.n);
	bench_enter(&f->shared->done);
	channel_leave(&k.end);
	free(k.records);
}

/* All went through once, if as many came out as went in and their numbers add up: no consumer saw any twice. */
static void account(const struct flow *f, struct sample *out)
{
	const struct scenario *s = f->s;
	uint64_t records = 0, sum = 0, swapped = 0, end = 0, slowest = UINT64_MAX, total = f->each * s->producers;

	for (unsigned i = 0; i < s->consumers; i++) {
		const struct seen *seen = &f->shared->seen[i];

		records += seen->records;
		sum += seen->sum;
		swapped += seen->swapped;
		end = seen->end > end ? seen->end : end;
		slowest = seen->records < slowest ? seen->records : slowest;
	}
	if (records != total || sum != s->producers * (f->each * (f->each + 1) / 2))
		bench_die(0, "loses or doubles records: %llu of %llu came out", (unsigned long long)records,
			(unsigned long long)total);
	out->figures[START] = (double)(atomic_load(&f->shared->begin) - f->made) / 1e9;
	out->seconds = (double)(end - atomic_load(&f->shared->begin)) / 1e9;
	out->value = (double)total / out->seconds / 1e6;
	if (s->unit[0] == 'G')
		out->value *= (double)s->len / 1e3;
	if (f->channel.peer->flags & PEER_SWAPS)
		out->figures[SWAPPED] = (double)swapped;
	if (s->consumers > 1)
		out->figures[SHARE_CONSUMER] = (double)slowest * s->consumers / (double)total;
	if (s->producers > 1)
		out->figures[SHARE_PRODUCER] = f->shared->share_producer;
}

/* One producer and one consumer are bound to a cpu each; more go where the kernel puts them. */
void scenario_flow(const struct scenario *s, uint64_t n, struct sample *out)
{
	struct flow f = {.s = s, .made = bench_now(), .each = n / s->producers + 1, .cpus = {-1, -1}};
	struct role producers[FLOW_MAX], consumers[FLOW_MAX];

	f.channel = scenario_channel(s, s->producers, s->consumers);
	f.shared = bench_shared(sizeof(*f.shared));
	if (s->producers == 1 && s->consumers == 1)
		bench_cpus(f.cpus);
	atomic_store(&f.shared->producers_left, s->producers);
	for (unsigned i = 0; i < s->consumers; i++) {
		consumers[i] = (struct role){&f, i};
		bench_start(!s->threads, consumer, &consumers[i]);
	}
	for (unsigned i = 0; i < s->producers; i++) {
		producers[i] = (struct role){&f, i};
		bench_start(!s->threads, producer, &producers[i]);
	}
	if (!bench_join())
		bench_die(0, "a producer or consumer failed");
	account(&f, out);
}
