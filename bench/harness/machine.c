/* SPDX-License-Identifier: MIT */
#include "harness/machine.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/harness.h"

enum { TEXT = 128 };

struct machine {
	char model[TEXT], caches[TEXT];
	unsigned cpus;
	struct utsname host;
};

static void read_model(char model[TEXT])
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	strcpy(model, "unknown cpu");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "model name : %127[^\n\"\\]", model) != 1)
		;
	if (f)
		fclose(f);
}

/* ", L1d 32 KiB, L2 512 KiB", as much as is known: libc asks the cpu where the kernel does not tell. */
static void read_caches(char caches[TEXT])
{
	static const struct {
		const char *name;
		int size;
	} levels[] = {{"L1d", _SC_LEVEL1_DCACHE_SIZE}, {"L2", _SC_LEVEL2_CACHE_SIZE}, {"L3", _SC_LEVEL3_CACHE_SIZE}};
	size_t at = 0;

	caches[0] = 0;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		long size = sysconf(levels[i].size);

		if (size > 0)
			at += (size_t)snprintf(caches + at, TEXT - at, ", %s %ld KiB", levels[i].name, size / 1024);
	}
}

static struct machine read_machine(void)
{
	struct machine m;
	int cpus[2];

	m.cpus = bench_cpus(cpus);
	read_model(m.model);
	read_caches(m.caches);
	uname(&m.host);
	return m;
}

void machine_print(FILE *f)
{
	struct machine m = read_machine();

	fprintf(f, "%s, %u cpus%s, Linux %s", m.model, m.cpus, m.caches, m.host.release);
}

void machine_json(FILE *f)
{
	struct machine m = read_machine();

	fprintf(f, "\"cpu\":\"%s\",\"cpus\":%u,\"caches\":\"%s\",\"kernel\":\"%s\"", m.model, m.cpus,
		m.caches[0] ? m.caches + 2 : "", m.host.release);
}
