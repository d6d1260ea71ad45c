/* SPDX-License-Identifier: MIT */

/*
 * One file for a report of a fault: versions, the machine, limits, what the kernel grants, and all regions in figures. No
 * record is read; names of queues and processes are there.
 */

#include "survey.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *output;

/* ---- one form for people and for programs ---- */

struct writer {
	FILE *to;
	struct json json;
};

static void section(struct writer *w, const char *name)
{
	if (common.json)
		json_object(&w->json, name);
	else
		fprintf(w->to, "\n%s\n", name);
}

static void end_section(struct writer *w)
{
	if (common.json)
		json_close(&w->json, '}');
}

static void text(struct writer *w, const char *key, const char *value)
{
	if (common.json) {
		json_text(&w->json, key, value);
		return;
	}
	fprintf(w->to, "  %-22s ", key);
	print_clean(w->to, value ? value : "-", strlen(value ? value : "-"));
	fputc('\n', w->to);
}

static void number(struct writer *w, const char *key, uint64_t value)
{
	if (common.json)
		json_number(&w->json, key, value);
	else
		fprintf(w->to, "  %-22s %" PRIu64 "\n", key, value);
}

/* ---- the machine ---- */

/* A file's first line, or that which begins so, behind its sign. */
static void line_of(struct writer *w, const char *key, const char *path, const char *begin)
{
	char line[512];
	const char *found = NULL;
	FILE *from = fopen(path, "re");
	while (from && !found && fgets(line, sizeof line, from)) {
		line[strcspn(line, "\n")] = 0;
		if (!begin)
			found = line;
		else if (strncmp(line, begin, strlen(begin)) == 0 && strpbrk(line, ":="))
			found = strpbrk(line, ":=") + 1;
	}
	if (from)
		fclose(from);
	text(w, key, found ? found + strspn(found, " \t") : NULL);
}

static void version_section(struct writer *w)
{
	char out[64];
	unsigned v = ringq_version(), major = 0, minor = 0;
	ringq_region_layout(-1, &major, &minor);
	section(w, "versions");
	snprintf(out, sizeof out, "%d.%d.%d", RINGQ_VERSION_MAJOR, RINGQ_VERSION_MINOR, RINGQ_VERSION_PATCH);
	text(w, "command", out);
	snprintf(out, sizeof out, "%u.%u.%u", v / 1000000, v / 1000 % 1000, v % 1000);
	text(w, "library", out);
	snprintf(out, sizeof out, "%u.%u", major, minor);
	text(w, "layout", out);
	end_section(w);
}

static void machine_section(struct writer *w)
{
	struct utsname u;
	section(w, "machine");
	if (uname(&u) == 0) {
		text(w, "kernel", u.release);
		text(w, "build", u.version);
		text(w, "architecture", u.machine);
	}
	line_of(w, "system", "/etc/os-release", "PRETTY_NAME");
	line_of(w, "processor", "/proc/cpuinfo", "model name");
	number(w, "processors", (uint64_t)sysconf(_SC_NPROCESSORS_CONF));
	number(w, "processors_online", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	number(w, "page_size", (uint64_t)sysconf(_SC_PAGESIZE));
	line_of(w, "memory", "/proc/meminfo", "MemTotal");
	line_of(w, "memory_available", "/proc/meminfo", "MemAvailable");
	line_of(w, "clock", "/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL);
	line_of(w, "overcommit", "/proc/sys/vm/overcommit_memory", NULL);
	line_of(w, "huge_pages_of_shmem", "/sys/kernel/mm/transparent_hugepage/shmem_enabled", NULL);
	end_section(w);
}

static void limit(struct writer *w, const char *key, __rlimit_resource_t which)
{
	struct rlimit l;
	char out[64];
	if (getrlimit(which, &l))
		snprintf(out, sizeof out, "?");
	else if (l.rlim_cur == RLIM_INFINITY)
		snprintf(out, sizeof out, "unlimited");
	else
		snprintf(out, sizeof out, "%" PRIu64, (uint64_t)l.rlim_cur);
	text(w, key, out);
}

static void limits_section(struct writer *w)
{
	struct statvfs fs;
	section(w, "limits");
	limit(w, "open_files", RLIMIT_NOFILE);
	limit(w, "address_space", RLIMIT_AS);
	limit(w, "file_size", RLIMIT_FSIZE);
	limit(w, "locked_memory", RLIMIT_MEMLOCK);
	limit(w, "processes", RLIMIT_NPROC);
	if (statvfs("/dev/shm", &fs) == 0) {
		number(w, "dev_shm_size", (uint64_t)fs.f_blocks * fs.f_frsize);
		number(w, "dev_shm_free", (uint64_t)fs.f_bavail * fs.f_frsize);
	} else {
		text(w, "dev_shm", strerror(errno));
	}
	line_of(w, "memory_of_group", "/sys/fs/cgroup/memory.max", NULL);
	end_section(w);
}

/* ---- what the kernel grants: each call is made, and does nothing ---- */

static void probed(struct writer *w, const char *key, bool granted)
{
	char out[64];
	snprintf(out, sizeof out, "%s", granted ? "yes" : strerrorname_np(errno) ? strerrorname_np(errno) : "no");
	text(w, key, out);
}

static bool has_membarrier(int command)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	if (commands >= 0 && !(commands & command))
		errno = ENOSYS;
	return commands >= 0 && (commands & command);
}

static bool has_futex_waitv(void)
{
#ifdef SYS_futex_waitv
	/* No futexes at all are an argument that a kernel which knows the call finds wrong. */
	return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == 0 || errno == EINVAL;
#else
	errno = ENOSYS;
	return false;
#endif
}

static bool has_memfd(void)
{
	int fd = memfd_create("ringq report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool good = fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return good;
}

static bool has_region(void)
{
	ringq_region *region;
	int e = ringq_region_create(&region, &(struct ringq_region_options){.size = 1 << 20});
	if (e == 0)
		ringq_region_detach(region);
	errno = -e;
	return e == 0;
}

static void kernel_section(struct writer *w)
{
	section(w, "granted");
	probed(w, "region", has_region());
	probed(w, "memfd_and_seals", has_memfd());
	probed(w, "membarrier_global", has_membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED));
	probed(w, "membarrier_private", has_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	probed(w, "futex_waitv", has_futex_waitv());
	probed(w, "dev_shm_writable", access("/dev/shm", W_OK) == 0);
	line_of(w, "seccomp", "/proc/self/status", "Seccomp");
	line_of(w, "ptrace_scope", "/proc/sys/kernel/yama/ptrace_scope", NULL);
	line_of(w, "pid_namespace", "/proc/self/status", "NSpid");
	number(w, "user", geteuid());
	end_section(w);
}

/* ---- regions ---- */

static void queue_entry(struct writer *w, const struct survey *s, const struct survey_queue *q)
{
	const struct ringq_queue_stat *t = &q->stat;
	if (!common.json) {
		fputs("  ", w->to);
		print_clean(w->to, s->regions[q->region].label, strlen(s->regions[q->region].label));
		fputc('/', w->to);
		print_clean(w->to, q->name, strlen(q->name));
		fprintf(w->to,
			": in %" PRIu64 ", out %" PRIu64 ", held %" PRIu64 ", most %" PRIu64
			", order %u, flags %u, max %" PRIu64 "/%" PRIu64
			", lanes %u, producers %u, dead %u, asleep %" PRIu64 "/%" PRIu64 ", sleeps %" PRIu64 "/%" PRIu64
			", wakes %" PRIu64 "%s\n",
			t->records_in, t->records_out, t->bytes_held, t->bytes_most, t->order, t->flags, t->max_records,
			t->max_bytes, t->lanes, t->producers, t->dead_producers, q->asleep.get, q->asleep.put,
			t->sleeps_get, t->sleeps_put, t->wakes, t->closed ? ", closed" : "");
		return;
	}
	json_object(&w->json, NULL);
	json_text(&w->json, "region", s->regions[q->region].label);
	json_text(&w->json, "queue", q->name);
	json_number(&w->json, "records_in", t->records_in);
	json_number(&w->json, "records_out", t->records_out);
	json_number(&w->json, "held", t->bytes_held);
	json_number(&w->json, "most", t->bytes_most);
	json_number(&w->json, "order", t->order);
	json_number(&w->json, "flags", t->flags);
	json_number(&w->json, "max_records", t->max_records);
	json_number(&w->json, "max_bytes", t->max_bytes);
	json_number(&w->json, "lanes", t->lanes);
	json_number(&w->json, "producers", t->producers);
	json_number(&w->json, "dead_producers", t->dead_producers);
	json_number(&w->json, "asleep_get", q->asleep.get);
	json_number(&w->json, "asleep_put", q->asleep.put);
	json_number(&w->json, "sleeps_get", t->sleeps_get);
	json_number(&w->json, "sleeps_put", t->sleeps_put);
	json_number(&w->json, "wakes", t->wakes);
	json_bool(&w->json, "closed", t->closed);
	json_close(&w->json, '}');
}

static void region_entry(struct writer *w, const struct survey_region *r)
{
	uint64_t memory = r->memory > 0 ? (uint64_t)r->memory : 0;
	if (!common.json) {
		fputs("  ", w->to);
		print_clean(w->to, r->label, strlen(r->label));
		fprintf(w->to,
			": %s, size %" PRIu64 ", memory %" PRIu64 ", queues %" PRIu64 ", arrays %" PRIu64
			", members %" PRIu64 ", holders %zu\n",
			r->state, r->size, memory, r->queues, r->arrays, r->members, r->holders);
		return;
	}
	json_object(&w->json, NULL);
	json_text(&w->json, "region", r->label);
	json_text(&w->json, "state", r->state);
	json_number(&w->json, "size", r->size);
	json_number(&w->json, "memory", memory);
	json_number(&w->json, "queues", r->queues);
	json_number(&w->json, "arrays", r->arrays);
	json_number(&w->json, "members", r->members);
	json_number(&w->json, "holders", r->holders);
	json_close(&w->json, '}');
}

static void list(struct writer *w, const char *name)
{
	if (common.json)
		json_array(&w->json, name);
	else
		fprintf(w->to, "\n%s\n", name);
}

static void end_list(struct writer *w)
{
	if (common.json)
		json_close(&w->json, ']');
}

static void regions_sections(struct writer *w, const struct survey *s)
{
	list(w, "regions");
	for (size_t i = 0; i < s->region_count; i++)
		region_entry(w, &s->regions[i]);
	end_list(w);
	list(w, "queues");
	for (size_t i = 0; i < s->queue_count; i++)
		queue_entry(w, s, &s->queues[i]);
	end_list(w);
	if (!common.json)
		fputc('\n', w->to);
	number(w, "not_looked_into", s->denied);
}

static void write_report(FILE *to, const struct survey *s)
{
	struct writer w = {.to = to};
	json_start(&w.json, to);
	if (common.json) {
		json_object(&w.json, NULL);
		json_number(&w.json, "version", 1);
	} else {
		fputs("Report of ringq. No records are in it; names of regions, queues and this machine's kernel "
		      "are.\n",
			to);
	}
	version_section(&w);
	machine_section(&w);
	limits_section(&w);
	kernel_section(&w);
	regions_sections(&w, s);
	if (common.json) {
		json_close(&w.json, '}');
		json_line(&w.json);
	}
}

static int run(int argc, char **argv)
{
	struct survey_scope everything = {0};
	struct survey survey;
	(void)argc, (void)argv;
	int r = survey_take(&survey, &everything);
	survey_scope_free(&everything);
	if (r)
		return r;
	FILE *to = output ? fopen(output, "we") : stdout;
	if (!to) {
		survey_free(&survey);
		complain("%s: %s", output, strerror(errno));
		return STATUS_TROUBLE;
	}
	write_report(to, &survey);
	survey_free(&survey);
	if (output && (ferror(to) | fclose(to))) {
		complain("%s: could not be written", output);
		return STATUS_TROUBLE;
	}
	return STATUS_DONE;
}

static const struct option_spec options[] = {
	{0, "output", "FILE", OPTION_TEXT, &output, "write it there"},
	OPTION_JSON,
	OPTIONS_END,
};

const struct command report_command = {"report", run, "",
	"Tells of this machine and of all regions, for a report of a fault; no records", options, 0, 0, false};
