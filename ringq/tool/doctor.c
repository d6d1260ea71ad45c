/* SPDX-License-Identifier: MIT */

/*
 * Names what is wrong with regions and queues, and for each trouble the one command that cures it. It observes. What it finds
 * is true of the instant at which it looked: a queue may be full for a moment, so that what only lasts counts is looked at
 * twice.
 */

#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LASTS RINGQ_MS(500) /* who sleeps for so long is held up */
#define ROOM_LEAST 10       /* percent of /dev/shm */
#define DESCRIPTORS_MOST 90 /* percent of a process's limit */

static int64_t in_hand = RINGQ_SEC(600), away = RINGQ_SEC(60);
static int64_t not_yet; /* the longest wait for room that is not `away` */
static uint64_t troubles;
static struct json json;

__attribute__((format(printf, 5, 6))) static void report(
	const char *where, const char *object, const char *trouble, const char *cure, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	troubles++;
	if (common.json) {
		json_object(&json, NULL);
		json_text(&json, "region", where);
		json_text(&json, "object", object);
		json_text(&json, "trouble", trouble);
		json_text(&json, "text", text);
		json_text(&json, "cure", cure);
		json_close(&json, '}');
		return;
	}
	print_clean(stdout, where, strlen(where));
	if (object) {
		putchar('/');
		print_clean(stdout, object, strlen(object));
	}
	fputs(": ", stdout);
	print_clean(stdout, text, strlen(text));
	fputs("\n    ", stdout);
	print_clean(stdout, cure, strlen(cure));
	putchar('\n');
}

/* ---- one region ---- */

struct patient {
	const struct found *found;
	char label[300];
	ringq_region *region;
	struct ringq_object *objects;
	struct ringq_member *members;
	struct people people;
	ssize_t object_count, member_count;
	bool all_seen; /* no process was kept from view */
};

static bool is_stopped(pid_t here)
{
	char state = here ? process_state(here) : 0;
	return state == 'T' || state == 't';
}

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

/* A signal to a process; where it cannot be found from here, a look by whom it can be seen. */
static void cure_of_process(const struct patient *p, pid_t here, const char *kill, char cure[400])
{
	if (here)
		snprintf(cure, 400, "%s %d", kill, (int)here);
	else
		snprintf(cure, 400, "sudo ringq doctor %s", p->label);
}

static bool is_asleep_on(const struct ringq_member *m, uint64_t id, unsigned activity)
{
	return m->object == id && m->activity == activity;
}

static bool is_consumer(const struct ringq_member *m, uint64_t id)
{
	return m->took == id || is_asleep_on(m, id, RINGQ_ASLEEP_GET) || is_asleep_on(m, id, RINGQ_ASLEEP_TAKE);
}

static const char *object_of(const struct patient *p, uint64_t id, char label[80])
{
	for (ssize_t i = 0; i < p->object_count; i++)
		if (p->objects[i].id == id)
			return object_label(&p->objects[i], label);
	return NULL;
}

/* A process once, however many of its threads are members. */
static bool is_first_of_process(const struct patient *p, ssize_t i)
{
	const struct ringq_member *m = &p->members[i];
	for (ssize_t k = 0; k < i; k++)
		if (p->members[k].process == m->process &&
			people_here(&p->people, p->members[k].process, p->members[k].thread) ==
				people_here(&p->people, m->process, m->thread))
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
		char cure[64], label[80], who[96], hand[80] = "";
		pid_t here = people_here(&p->people, m->process, m->thread);
		if (!is_first_of_process(p, i) || !is_stopped(here))
			continue;
		const char *object = object_of(p, m->object ? m->object : m->took, label);
		snprintf(cure, sizeof cure, "kill -CONT %d", (int)here);
		int64_t held = holds_for(p, m);
		if (held >= 0)
			snprintf(hand, sizeof hand, ", and has had a record in hand for %s", show_span(held));
		report(p->label, object, "stopped", cure, "%s is stopped%s%s",
			show_process(m->process, m->name, here, who),
			m->activity == RINGQ_ASLEEP_LOCK ? ", asleep in lock"
			: m->object                      ? ", asleep there"
			: m->took && object              ? "; it takes from there"
							 : "",
			hand);
	}
}

static void check_lock(const struct patient *p, const struct ringq_object *object)
{
	struct ringq_producer holder;
	uint64_t waiting = 0;
	char cure[400], label[80], who[96];
	for (ssize_t i = 0; i < p->member_count; i++)
		waiting += is_asleep_on(&p->members[i], object->id, RINGQ_ASLEEP_LOCK) &&
		           now_ns() - (int64_t)p->members[i].since >= LASTS;
	if (ringq_region_lock_holder(p->region, object->id, &holder) != 1 || holder.state != RINGQ_ALIVE)
		return;
	pid_t here = people_here(&p->people, holder.process, holder.thread);
	bool stopped = is_stopped(here);
	if (!stopped && !waiting)
		return;
	cure_of_process(p, here, stopped ? "kill -CONT" : "kill", cure);
	report(p->label, object_label(object, label), stopped ? "lock-stopped" : "lock-held", cure,
		"%s %s the lock, and %s for it", show_process(holder.process, holder.name, here, who),
		stopped ? "is stopped and holds" : "holds", show_number(waiting, "waits", "wait"));
}

struct sleepers {
	uint64_t consumers, put;
	uint64_t held;                   /* consumers that sleep elsewhere, and so take nothing here */
	const struct ringq_member *one;  /* the first of them */
	uint64_t awake;                  /* of `consumers`, those in code of their own */
	const struct ringq_member *busy; /* the first of them that is not stopped */
	int64_t put_for;                 /* for how long the first of `put` has slept */
};

static bool is_asleep_long(const struct ringq_member *m)
{
	return m->activity != RINGQ_AWAKE && now_ns() - (int64_t)m->since >= LASTS;
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
			if (!s.busy && !is_stopped(people_here(&p->people, m->process, m->thread)))
				s.busy = m;
		}
		if (is_asleep_on(m, id, RINGQ_ASLEEP_PUT) && is_asleep_long(m)) {
			int64_t slept = now_ns() - (int64_t)m->since;
			s.put++;
			s.put_for = slept > s.put_for ? slept : s.put_for;
		}
	}
	return s;
}

/* What lets a consumer go that sleeps elsewhere: for a lock, the end of who holds it. */
static void cure_of_held(const struct patient *p, const struct ringq_member *m, char cure[700])
{
	struct ringq_producer holder;
	snprintf(cure, 700, "ringq who %s", p->label);
	if (m->activity != RINGQ_ASLEEP_LOCK || ringq_region_lock_holder(p->region, m->object, &holder) != 1 ||
		holder.state != RINGQ_ALIVE)
		return;
	pid_t here = people_here(&p->people, holder.process, holder.thread);
	if (here)
		cure_of_process(p, here, is_stopped(here) ? "kill -CONT" : "kill", cure);
}

static void report_held(const struct patient *p, const char *label, const struct sleepers *s, uint64_t records)
{
	const char *const calls[] = {
		[RINGQ_ASLEEP_PUT] = "put", [RINGQ_ASLEEP_LOCK] = "lock", [RINGQ_ASLEEP_JOIN] = "join"};
	const struct ringq_member *m = s->one;
	char cure[700], who[96], other[80];
	const char *call = m->activity < sizeof calls / sizeof *calls ? calls[m->activity] : NULL;
	const char *object = object_of(p, m->object, other);
	cure_of_held(p, m, cure);
	report(p->label, label, "held-up", cure,
		"%s for room, %s, and nobody takes: of %s asleep elsewhere the first is %s, for %s in %s of %s",
		show_number(s->put, "producer waits", "producers wait"),
		show_number(records, "record waits", "records wait"), show_number(s->held, "consumer", "consumers"),
		show_process(m->process, m->name, people_here(&p->people, m->process, m->thread), who),
		show_span(now_ns() - (int64_t)m->since), call ? call : "a call", object ? object : "what is gone");
}

/* Consumers that are awake and do not come: a put that has slept for so long has seen nobody take. */
static void report_away(const struct patient *p, const char *label, const struct sleepers *s, uint64_t records)
{
	const struct ringq_member *m = s->busy;
	pid_t here = people_here(&p->people, m->process, m->thread);
	char cure[400], who[96];
	cure_of_process(p, here, "kill", cure);
	report(p->label, label, "away",
		cure, "%s for room, the first for %s, %s, and nobody takes them: of %s that %s awake, in code of %s own, the first is %s",
		show_number(s->put, "producer waits", "producers wait"), show_span(s->put_for),
		show_number(records, "record waits", "records wait"), show_number(s->awake, "consumer", "consumers"),
		s->awake == 1 ? "is" : "are", s->awake == 1 ? "its" : "their",
		show_process(m->process, m->name, here, who));
}

static void check_flow(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	struct sleepers s = count(p, object->id);
	uint64_t records = stat->records_in - stat->records_out;
	char cure[700], label[80];
	object_label(object, label);
	if (!records || object->kind == RINGQ_OBJECT_PIPE)
		return;
	if (s.consumers) {
		if (!s.busy || s.awake != s.consumers || !s.put)
			return;
		if (s.put_for >= away)
			report_away(p, label, &s, records);
		else if (s.put_for > not_yet)
			not_yet = s.put_for;
		return;
	}
	snprintf(cure, sizeof cure, "ringq drain %s/%s --output=FILE", p->label, label);
	if (s.held && s.put)
		report_held(p, label, &s, records);
	else if (s.put)
		report(p->label, label, "full", cure, "%s for room, %s, and nobody takes them",
			show_number(s.put, "producer waits", "producers wait"),
			show_number(records, "record waits", "records wait"));
	else if (p->member_count && !s.held)
		report(p->label, label, "no-consumer", cure, "%s, and nobody takes them",
			show_number(records, "record waits", "records wait"));
}

/* A job that is stuck in a worker's hands. Of a stopped one that is said with the worker. */
static void check_hands(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	char cure[400], label[80], who[96];
	const struct ringq_member *m = NULL;
	if (!stat->in_hand || (int64_t)stat->oldest_ns < in_hand)
		return;
	for (ssize_t i = 0; i < p->member_count && !m; i++)
		if (p->members[i].process == stat->oldest_process && p->members[i].thread == stat->oldest_thread)
			m = &p->members[i];
	pid_t here = people_here(&p->people, stat->oldest_process, stat->oldest_thread);
	if (is_stopped(here))
		return;
	cure_of_process(p, here, "kill -9", cure);
	report(p->label, object_label(object, label), "in-hand", cure,
		"%s in hand, the oldest for %s: that of %s; it comes back when that ends",
		show_number(stat->in_hand, "record is", "records are"), show_span((int64_t)stat->oldest_ns),
		show_process(stat->oldest_process, m ? m->name : "?", here, who));
}

static void check_dead(const struct patient *p, const struct ringq_object *object, const struct ringq_queue_stat *stat)
{
	char cure[700], label[80];
	object_label(object, label);
	if (!stat->dead_producers || stat->closed)
		return;
	if (stat->producers)
		snprintf(cure, sizeof cure, "ringq stat %s/%s --lanes", p->label, label);
	else
		snprintf(cure, sizeof cure, "ringq close %s/%s", p->label, label);
	report(p->label, label, "dead-producer", cure,
		"%s, and nobody has taken %s over; what %s had put can be taken%s",
		show_number(stat->dead_producers, "producer has died", "producers have died"),
		stat->dead_producers == 1 ? "its lane" : "their lanes", stat->dead_producers == 1 ? "it" : "they",
		stat->producers ? "" : ". No producer is left: without another, consumers wait");
}

static int check_queue(const struct patient *p, const struct ringq_object *object)
{
	struct ringq_queue_stat stat;
	int r = stat_object(p->region, object, &stat);
	if (r != 1)
		return r;
	check_flow(p, object, &stat);
	check_hands(p, object, &stat);
	check_dead(p, object, &stat);
	return 0;
}

/* A member lives: it has the region, though it cannot be seen from here. */
static bool is_unused(const struct patient *p)
{
	return p->found && *p->found->name && !p->found->unlinked && !p->found->holder_count && !p->member_count &&
	       p->all_seen;
}

/* Of a region that nobody has nothing else is said: nobody waits for its cure. */
static int report_unused(const struct patient *p)
{
	char cure[400];
	uint64_t records = 0;
	int64_t memory = ringq_region_memory(p->region);
	for (ssize_t i = 0; i < p->object_count; i++) {
		struct ringq_queue_stat stat;
		int r = p->objects[i].kind == RINGQ_OBJECT_ARRAY ? 0 : stat_object(p->region, &p->objects[i], &stat);
		if (r < 0)
			return r;
		records += r == 1 ? stat.records_in - stat.records_out : 0;
	}
	snprintf(cure, sizeof cure, "ringq clean --yes --with-records %s", p->label);
	report(p->label, NULL, "unused", cure, "no process has it; %s of memory, with %s",
		show_size(memory > 0 ? (uint64_t)memory : 0), show_number(records, "record", "records"));
	return 0;
}

/* ---- descriptors of those who have it ---- */

/* How many a process has open, and its limits. false: it may not be looked into, or has gone. */
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
		char cure[96], who[96];
		if ((i && h[-1].pid == h->pid) || !count_descriptors(h->pid, &now, &soft, &hard) ||
			now < soft / 100 * DESCRIPTORS_MOST + soft % 100 * DESCRIPTORS_MOST / 100)
			continue;
		uint64_t more = hard > soft ? hard : 2 * hard;
		snprintf(cure, sizeof cure, "%sprlimit --pid %d --nofile=%" PRIu64 ":%" PRIu64,
			hard > soft ? "" : "sudo ", (int)h->pid, more, more);
		report(p->label, NULL, "descriptors", cure,
			"%s has %" PRIu64 " of %" PRIu64 " descriptors open: what needs another will say EMFILE",
			show_process((uint32_t)h->pid, h->name, h->pid, who), now, soft);
	}
}

static int check_all(const struct patient *p)
{
	int e = 0;
	if (is_unused(p))
		return report_unused(p);
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

static int examine(struct patient *p)
{
	int e = 0;
	p->object_count = objects_of(p->region, &p->objects);
	p->member_count = p->object_count < 0 ? 0 : members_of(p->region, &p->members);
	if (p->object_count < 0 || p->member_count < 0)
		return (int)(p->object_count < 0 ? p->object_count : p->member_count);
	e = p->found ? people_of(&p->people, p->region, p->found) : people_search(&p->people, p->region);
	if (e)
		return e;
	e = check_all(p);
	people_free(&p->people);
	free(p->objects);
	free(p->members);
	return e;
}

/* ---- what cannot be looked at ---- */

static void report_layout(const char *label, const struct found *f, int fd)
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
		report(label, NULL, "layout", cure, "of layout %u.%u; this library knows %u.%u", major, minor, own,
			own_minor);
	else if (known)
		report(label, NULL, "damaged", cure, "damaged: it contradicts itself");
	else
		report(label, NULL, "no-region", cure, "its name is that of a region, and it is none");
}

static int examine_found(const struct found *f, bool all_seen)
{
	struct patient p = {.found = f, .all_seen = all_seen};
	char cure[400];
	found_label(f, p.label);
	int fd = found_open(f, O_RDONLY), e = fd < 0 ? fd : ringq_region_observe(&p.region, fd);
	if (e == 0) {
		e = examine(&p);
		ringq_region_detach(p.region);
	}
	if (e == -EACCES || e == -EPERM)
		report(p.label, NULL, "not-permitted", "sudo ringq doctor", "it may not be looked into");
	else if (fd >= 0 && (e == -EPROTO || e == -EBADMSG))
		report_layout(p.label, f, fd);
	else if (e && e != -ENOENT && e != -ESTALE)
		fail(e, p.label);
	if (f->unlinked && f->holder_count) {
		snprintf(cure, sizeof cure, "kill %d", (int)f->holders->pid);
		report(p.label, NULL, "unlinked", cure,
			"the name %s was removed, and %s the region: who opens the name now does not get it", f->name,
			show_number(f->holder_count, "process still has", "processes still have"));
	}
	if (fd >= 0)
		close(fd);
	return e == -ENOMEM || e == -EMFILE ? STATUS_TROUBLE : STATUS_DONE;
}

static void check_room(void)
{
	struct statvfs st;
	if (statvfs("/dev/shm", &st) || st.f_blocks == 0)
		return;
	uint64_t left = st.f_bavail * 100 / st.f_blocks;
	if (left < ROOM_LEAST)
		report("/dev/shm", NULL, "room", "ringq clean --yes", "%s of %s are left: puts will say ENOMEM",
			show_size(st.f_bavail * st.f_frsize), show_size(st.f_blocks * st.f_frsize));
}

static int examine_all(void)
{
	struct search search;
	int r = search_all(&search), status = STATUS_DONE;
	if (r)
		return fail(r, "/proc");
	for (size_t i = 0; i < search.count && status == STATUS_DONE; i++)
		status = examine_found(&search.found[i], search.denied == 0);
	check_room();
	warn_denied(search.denied);
	search_free(&search);
	return status;
}

/* The search is before the region is opened here: this process is no holder. */
static int examine_one(const char *spec)
{
	struct target target;
	struct search search;
	struct patient p = {0};
	int r = search_all(&search);
	if (r)
		return fail(r, "/proc");
	r = target_region(&target, spec, LOOK);
	if (r) {
		search_free(&search);
		return r;
	}
	p.region = target.region;
	p.all_seen = search.denied == 0;
	snprintf(p.label, sizeof p.label, "%s", target.label);
	p.found = search_find(&search, ringq_region_fd(p.region));
	int e = examine(&p);
	target_close(&target);
	search_free(&search);
	return e ? fail(e, spec) : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	if (common.json) {
		json_start(&json, stdout);
		json_object(&json, NULL);
		json_number(&json, "version", 1);
		json_array(&json, "troubles");
	}
	int r = argc ? examine_one(argv[0]) : examine_all();
	if (common.json) {
		json_close(&json, ']');
		json_close(&json, '}');
		json_line(&json);
	} else if (r == STATUS_DONE && !troubles) {
		printf("no trouble found");
		if (not_yet >= RINGQ_SEC(1))
			printf(", but somebody has waited for room for %s: that counts from %s on (--away)",
				show_span(not_yet), show_span(away));
		putchar('\n');
	}
	return r ? r : troubles ? STATUS_NO : STATUS_DONE;
}

static const struct option_spec options[] = {
	{0, "in-hand", "TIME", OPTION_TIME, &in_hand, "a record may be in a worker's hands for so long; 10min"},
	{0, "away", "TIME", OPTION_TIME, &away,
		"consumers may be awake and take nothing, while others wait for room, for so long; 1min"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command doctor_command = {"doctor", run, "[REGION]",
	"Names what is wrong with regions and queues, and the command that cures it", options, 0, 1, false};
