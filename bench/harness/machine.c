/* SPDX-License-Identifier: MIT */
#include "harness/machine.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/harness.h"

enum { TEXT = 128 };

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

void machine_print(FILE *f)
{
	char model[TEXT], caches[TEXT];
	struct utsname host;
	int cpus[2];
	unsigned n = bench_cpus(cpus);

	read_model(model);
	read_caches(caches);
	uname(&host);
	fprintf(f, "%s, %u cpus%s, Linux %s", model, n, caches, host.release);
}

void machine_json(FILE *f)
{
	char model[TEXT], caches[TEXT];
	struct utsname host;
	int cpus[2];
	unsigned n = bench_cpus(cpus);

	read_model(model);
	read_caches(caches);
	uname(&host);
	fprintf(f, "\"cpu\":\"%s\",\"cpus\":%u,\"caches\":\"%s\",\"kernel\":\"%s\"", model, n,
		caches[0] ? caches + 2 : "", host.release);
}
