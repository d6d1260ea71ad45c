/* SPDX-License-Identifier: MIT */

/* What it finds is true of the instant at which it looked: a queue may be full for a moment, so that only what lasts counts. */

#include "diagnose.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "signals.h"
#include "trouble.h"

#define LASTS RINGQ_MS(500) /* who sleeps for so long is held up */
#define DESCRIPTORS_MOST 90 /* percent of a process's limit */

struct diagnosis diagnosis = {.in_hand = RINGQ_SEC(600), .away = RINGQ_SEC(60)};

static int64_t slept_for(const struct ringq_member *m)
{
	return now_ns() - (int64_t)m->since;
}

static bool is_asleep_on(const struct ringq_member *m, uint64_t id, unsigned activity)
{
	return m->object == id && m->activity == activity;
}

/* ---- processes ---- */

/* A process once, however many of its threads are members. */
static bool is_first_of_process(const struct patient *p, ssize_t i)
{
	const struct ringq_member *m = &p->members[i];
	for (ssize_t k = 0; k < i; k++)
		if (p->members[k].process == m->process && patient_here(p, &p->members[k]) == patient_here(p, m))
			return false;
	return true;
}

/* For how long the oldest record in hand of the queue that a thread takes from has been in that process's; -1: it is not. */
static int64_t holds_for(const struct patient *p, const struct ringq_member *m)
{
	struct ringq_queue_stat stat;
	for (ssize_t i = 0; m->took && i < p->object_count; i++)
		if (p->objects[i].id == m->took && p->objects[i].kind == RINGQ_OBJECT_QUEUE &&
			stat_object(p->region, &p->objects[i], &stat) == 1 && stat.in_hand &&
			stat.oldest_process == m->process)
			return (int64_t)stat.oldest_ns;
	return -1;
}

static void check_stopped(const struct patient *p)
{
	for (ssize_t i = 0; i < p->member_count; i++) {
		const struct ringq_member *m = &p->members[i];
		if (is_first_of_process(p, i) && is_stopped(patient_here(p, m)))
			trouble_stopped(p, m, holds_for(p, m));
	}
}

/* How many descriptors a process has open, and its limits. false: it may not be looked into, or has gone. */
static bool count_descriptors(pid_t pid, uint64_t *open_now, uint64_t *soft, uint64_t *hard)
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
	FILE *limits = fopen(path, "re");
	bool known = false;
	while (limits && !known && fgets(line, sizeof line, limits))
		known = sscanf(line, "Max open files %" SCNu64 " %" SCNu64, soft, hard) == 2;
	if (limits)
		fclose(limits);
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *fds = known ? opendir(path) : NULL;
	if (!fds)
		return false;
	*open_now = 0;
	for (struct dirent *d; (d = readdir(fds));)
		*open_now += d->d_name[0] != '.';
	closedir(fds);
	return true;
}

static void check_descriptors(const struct patient *p)
{
	for (size_t i = 0; p->found && i < p->found->holder_count; i++) {
		const struct holder *h = &p->found->holders[i];
		uint64_t now, soft, hard;
		if ((i && h[-1].pid == h->pid) || !count_descriptors(h->pid, &now, &soft, &hard))
			continue;
		if (now >= soft / 100 * DESCRIPTORS_MOST + soft % 100 * DESCRIPTORS_MOST / 100)
			trouble_descriptors(p, h, now, soft, hard);
	}
}

/* ---- arrays ---- */

static void check_lock(const struct patient *p, const struct ringq_object *object)
{
	struct ringq_producer holder;
	uint64_t waiting = 0;
	for (ssize_t i = 0; i < p->member_count; i++)
		waiting += is_asleep_on(&p->members[i], object->id, RINGQ_ASLEEP_LOCK) &&
		           slept_for(&p->members[i]) >= LASTS;
	if (ringq_region_lock_holder(p->region, object->id, &holder) != 1 || holder.state != RINGQ_ALIVE)
		return;
	if (waiting || is_stopped(people_here(&p->people, holder.process, holder.thread)))
		trouble_lock(p, object, &holder, waiting);
}

/* ---- queues ---- */

static bool is_consumer(const struct ringq_member *m, uint64_t id)
{
	return m->took == id || is_asleep_on(m, id, RINGQ_ASLEEP_GET) || is_asleep_on(m, id, RINGQ_ASLEEP_TAKE);
}

static bool is_asleep_long(const struct ringq_member *m)
{
	return m->activity != RINGQ_AWAKE && slept_for(m) >= LASTS;
}

/* Who waits in a get of another queue may wait for both. */
static bool is_held(const struct ringq_member *m)
{
	return is_asleep_long(m) && m->activity != RINGQ_ASLEEP_GET && m->activity != RINGQ_ASLEEP_TAKE;
}

static struct sleepers count(const struct patient *p, uint64_t id)
{
	struct sleepers s = {0};
	for (ssize_t i = 0; i < p->member_count; i++) {
		const struct ringq_member *m = &p->members[i];
		bool consumer = is_consumer(m, id), held = consumer && is_held(m);
		s.consumers += consumer && !held;
		s.held += held;
		s.one = held && !s.one ? m : s.one;
		if (consumer && m->activity == RINGQ_AWAKE) {
			s.awake++;
			if (!s.busy && !is_stopped(patient_here(p, m)))
				s.busy = m;
		}
		if (is_asleep_on(m, id, RINGQ_ASLEEP_PUT) && is_asleep_long(m)) {
			int64_t slept = slept_for(m);
			s.put++;
			s.put_for = slept > s.put_for ? slept : s.put_for;
		}
	}
	return s;
}

/* Consumers that are awake and do not come: a put that has slept for so long has seen nobody take. */
static void check_away(const struct patient *p, const struct ringq_object *object, const struct sleepers *s)
{
	if (!s->busy || s->awake != s->consumers || !s->put)
		return;
	if (s->put_for >= diagnosis.away)
		trouble_away(p, object, s);
	else if (s->put_for > diagnosis.not_yet)
		diagnosis.not_yet = s->put_for;
}

static void check_flow(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	struct sleepers s = count(p, object->id);
	s.records = stat->records_in - stat->records_out;
	if (!s.records || object->kind == RINGQ_OBJECT_PIPE)
		return;
	if (s.consumers)
		check_away(p, object, &s);
	else if (s.held && s.put)
		trouble_held_up(p, object, &s);
	else if (s.put)
		trouble_full(p, object, &s);
	else if (p->member_count && !s.held)
		trouble_no_consumer(p, object, &s);
}

/* A job that is stuck in a worker's hands. Of a stopped one that is said with the worker. */
static void check_hands(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	if (stat->in_hand && (int64_t)stat->oldest_ns >= diagnosis.in_hand &&
		!is_stopped(people_here(&p->people, stat->oldest_process, stat->oldest_thread)))
		trouble_in_hand(p, object, stat);
}

static int check_queue(const struct patient *p, const struct ringq_object *object)
{
	struct ringq_queue_stat stat;
	int r = stat_object(p->region, object, &stat);
	if (r != 1)
		return r;
	check_flow(p, object, &stat);
	check_hands(p, object, &stat);
	if (stat.dead_producers && !stat.closed)
		trouble_dead_producer(p, object, &stat);
	return 0;
}

/* ---- the region ---- */

/* A member lives: it has the region, though it cannot be seen from here. */
static bool is_unused(const struct patient *p)
{
	return p->found && *p->found->name && !p->found->unlinked && !p->found->holder_count && !p->member_count &&
	       p->all_seen;
}

/* Of a region that nobody has nothing else is said: nobody waits for its cure. */
static int check_unused(const struct patient *p)
{
	uint64_t records = 0;
	for (ssize_t i = 0; i < p->object_count; i++) {
		struct ringq_queue_stat stat;
		int r = p->objects[i].kind == RINGQ_OBJECT_ARRAY ? 0 : stat_object(p->region, &p->objects[i], &stat);
		if (r < 0)
			return r;
		records += r == 1 ? stat.records_in - stat.records_out : 0;
	}
	trouble_unused(p, records);
	return 0;
}

int diagnose(const struct patient *p)
{
	int e = 0;
	if (is_unused(p))
		return check_unused(p);
	check_stopped(p);
	check_descriptors(p);
	for (ssize_t i = 0; e == 0 && i < p->object_count; i++) {
		if (p->objects[i].kind == RINGQ_OBJECT_ARRAY)
			check_lock(p, &p->objects[i]);
		else
			e = check_queue(p, &p->objects[i]);
	}
	return e;
}
