/* SPDX-License-Identifier: MIT */
#include "trouble.h"

#include <inttypes.h>
#include <stdio.h>

#include "advice.h"
#include "figures.h"
#include "signals.h"
#include "text.h"

/* ---- words and cures that several have ---- */

/* A process as it calls itself, and by the id that it has here, where that is another. */
static const char *show_process(uint32_t process, const char *name, pid_t here, char text[96])
{
	int n = snprintf(text, 96, "process %u (%s)", process, name);
	if (here && here != (pid_t)process)
		snprintf(text + n, 96 - (size_t)n, ", which is %d here,", (int)here);
	else if (!here)
		snprintf(text + n, 96 - (size_t)n, ", which cannot be found from here,");
	return text;
}

static const char *show_member(const struct patient *p, const struct ringq_member *m, char text[96])
{
	return show_process(m->process, m->name, patient_here(p, m), text);
}

/* How many wait for room. */
static const char *show_waiting(const struct sleepers *s)
{
	return show_number(s->put, "producer waits", "producers wait");
}

static const char *show_records(const struct sleepers *s)
{
	return show_number(s->records, "record waits", "records wait");
}

/* A signal to a process; where it cannot be found from here, a look by whom it can be seen. */
static void cure_of_process(const struct patient *p, pid_t here, const char *kill, char cure[400])
{
	if (here)
		snprintf(cure, 400, "%s %d", kill, (int)here);
	else
		snprintf(cure, 400, "sudo ringq doctor %s", p->label);
}

static const char *drains(const struct patient *p, const char *label, char cure[700])
{
	snprintf(cure, 700, "ringq drain %s/%s --output=FILE", p->label, label);
	return cure;
}

/* ---- of processes ---- */

void trouble_stopped(const struct patient *p, const struct ringq_member *m, int64_t held)
{
	char cure[64], label[80], who[96], hand[80] = "";
	pid_t here = patient_here(p, m);
	const char *object = patient_object(p, m->object ? m->object : m->took, label);
	snprintf(cure, sizeof cure, "kill -CONT %d", (int)here);
	if (held >= 0)
		snprintf(hand, sizeof hand, ", and has had a record in hand for %s", show_span(held));
	advise(p->label, object, "stopped", cure, "%s is stopped%s%s", show_process(m->process, m->name, here, who),
		m->activity == RINGQ_ASLEEP_LOCK ? ", asleep in lock"
		: m->object                      ? ", asleep there"
		: m->took && object              ? "; it takes from there"
						 : "",
		hand);
}

void trouble_descriptors(const struct patient *p, const struct holder *h, uint64_t now, uint64_t soft, uint64_t hard)
{
	char cure[96], who[96];
	uint64_t more = hard > soft ? hard : 2 * hard;
	snprintf(cure, sizeof cure, "%sprlimit --pid %d --nofile=%" PRIu64 ":%" PRIu64, hard > soft ? "" : "sudo ",
		(int)h->pid, more, more);
	advise(p->label, NULL, "descriptors", cure,
		"%s has %" PRIu64 " of %" PRIu64 " descriptors open: what needs another will say EMFILE",
		show_process((uint32_t)h->pid, h->name, h->pid, who), now, soft);
}

/* ---- of queues and arrays ---- */

void trouble_lock(const struct patient *p, const struct ringq_object *object, const struct ringq_producer *holder,
	uint64_t waiting)
{
	char cure[400], label[80], who[96];
	pid_t here = people_here(&p->people, holder->process, holder->thread);
	bool stopped = is_stopped(here);
	cure_of_process(p, here, stopped ? "kill -CONT" : "kill", cure);
	advise(p->label, object_label(object, label), stopped ? "lock-stopped" : "lock-held", cure,
		"%s %s the lock, and %s for it", show_process(holder->process, holder->name, here, who),
		stopped ? "is stopped and holds" : "holds", show_number(waiting, "waits", "wait"));
}

void trouble_full(const struct patient *p, const struct ringq_object *object, const struct sleepers *s)
{
	char cure[700], label[80];
	object_label(object, label);
	advise(p->label, label, "full", drains(p, label, cure), "%s for room, %s, and nobody takes them",
		show_waiting(s), show_records(s));
}

/* What lets a consumer go that sleeps elsewhere: for a lock, the end of who holds it. */
static void cure_of_held(const struct patient *p, const struct ringq_member *m, char cure[400])
{
	struct ringq_producer holder;
	snprintf(cure, 400, "ringq who %s", p->label);
	if (m->activity != RINGQ_ASLEEP_LOCK || ringq_region_lock_holder(p->region, m->object, &holder) != 1 ||
		holder.state != RINGQ_ALIVE)
		return;
	pid_t here = people_here(&p->people, holder.process, holder.thread);
	if (here)
		cure_of_process(p, here, is_stopped(here) ? "kill -CONT" : "kill", cure);
}

void trouble_held_up(const struct patient *p, const struct ringq_object *object, const struct sleepers *s)
{
	const char *const calls[] = {
		[RINGQ_ASLEEP_PUT] = "put", [RINGQ_ASLEEP_LOCK] = "lock", [RINGQ_ASLEEP_JOIN] = "join"};
	const struct ringq_member *m = s->one;
	char cure[400], label[80], who[96], other[80];
	const char *call = m->activity < sizeof calls / sizeof *calls ? calls[m->activity] : NULL;
	const char *where = patient_object(p, m->object, other);
	cure_of_held(p, m, cure);
	advise(p->label, object_label(object, label), "held-up", cure,
		"%s for room, %s, and nobody takes: of %s asleep elsewhere the first is %s, for %s in %s of %s",
		show_waiting(s), show_records(s), show_number(s->held, "consumer", "consumers"), show_member(p, m, who),
		show_span(now_ns() - (int64_t)m->since), call ? call : "a call", where ? where : "what is gone");
}

void trouble_away(const struct patient *p, const struct ringq_object *object, const struct sleepers *s)
{
	char cure[400], label[80], who[96];
	cure_of_process(p, patient_here(p, s->busy), "kill", cure);
	advise(p->label, object_label(object, label), "away",
		cure, "%s for room, the first for %s, %s, and nobody takes them: of %s that %s awake, in code of %s own, the first is %s",
		show_waiting(s), show_span(s->put_for), show_records(s), show_number(s->awake, "consumer", "consumers"),
		s->awake == 1 ? "is" : "are", s->awake == 1 ? "its" : "their", show_member(p, s->busy, who));
}

void trouble_no_consumer(const struct patient *p, const struct ringq_object *object, const struct sleepers *s)
{
	char cure[700], label[80];
	object_label(object, label);
	advise(p->label, label, "no-consumer", drains(p, label, cure), "%s, and nobody takes them", show_records(s));
}

void trouble_in_hand(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	char cure[400], label[80], who[96];
	const struct ringq_member *m = NULL;
	for (ssize_t i = 0; i < p->member_count && !m; i++)
		if (p->members[i].process == stat->oldest_process && p->members[i].thread == stat->oldest_thread)
			m = &p->members[i];
	pid_t here = people_here(&p->people, stat->oldest_process, stat->oldest_thread);
	cure_of_process(p, here, "kill -9", cure);
	advise(p->label, object_label(object, label), "in-hand", cure,
		"%s in hand, the oldest for %s: that of %s; it comes back when that ends",
		show_number(stat->in_hand, "record is", "records are"), show_span((int64_t)stat->oldest_ns),
		show_process(stat->oldest_process, m ? m->name : "?", here, who));
}

void trouble_dead_producer(
	const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	char cure[700], label[80];
	object_label(object, label);
	if (stat->producers)
		snprintf(cure, sizeof cure, "ringq stat %s/%s --lanes", p->label, label);
	else
		snprintf(cure, sizeof cure, "ringq close %s/%s", p->label, label);
	advise(p->label, label, "dead-producer", cure,
		"%s, and nobody has taken %s over; what %s had put can be taken%s",
		show_number(stat->dead_producers, "producer has died", "producers have died"),
		stat->dead_producers == 1 ? "its lane" : "their lanes", stat->dead_producers == 1 ? "it" : "they",
		stat->producers ? "" : ". No producer is left: without another, consumers wait");
}

/* ---- of regions ---- */

void trouble_unused(const struct patient *p, uint64_t records)
{
	char cure[400];
	int64_t memory = ringq_region_memory(p->region);
	snprintf(cure, sizeof cure, "ringq clean --yes --with-records %s", p->label);
	advise(p->label, NULL, "unused", cure, "no process has it; %s of memory, with %s",
		show_size(memory > 0 ? (uint64_t)memory : 0), show_number(records, "record", "records"));
}

void trouble_unlinked(const char *label, const struct found *f)
{
	char cure[400];
	snprintf(cure, sizeof cure, "kill %d", (int)f->holders->pid);
	advise(label, NULL, "unlinked", cure,
		"the name %s was removed, and %s the region: who opens the name now does not get it", f->name,
		show_number(f->holder_count, "process still has", "processes still have"));
}

void trouble_not_permitted(const char *label)
{
	advise(label, NULL, "not-permitted", "sudo ringq doctor", "it may not be looked into");
}

void trouble_layout(const char *label, const struct found *f, int fd)
{
	unsigned major = 0, minor = 0, own = 0, own_minor = 0;
	char cure[400];
	bool known = ringq_region_layout(fd, &major, &minor) == 0;
	ringq_region_layout(-1, &own, &own_minor);
	if (f->holder_count)
		snprintf(cure, sizeof cure, "kill %d", (int)f->holders->pid);
	else
		snprintf(cure, sizeof cure, "ringq unlink --yes %s", label);
	if (known && major != own)
		advise(label, NULL, "layout", cure, "of layout %u.%u; this library knows %u.%u", major, minor, own,
			own_minor);
	else if (known)
		advise(label, NULL, "damaged", cure, "damaged: it contradicts itself");
	else
		advise(label, NULL, "no-region", cure, "its name is that of a region, and it is none");
}

void trouble_room(uint64_t left, uint64_t of)
{
	advise("/dev/shm", NULL, "room", "ringq clean --yes", "%s of %s are left: puts will say ENOMEM",
		show_size(left), show_size(of));
}
