/* SPDX-License-Identifier: MIT */
/* Without /proc, or without files that have no name yet: what works all the same, and what says so. */
#include "../common.h"
#include "../sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static void make_folder(const char *root, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	check(mkdir(full, 0755) == 0 || errno == EEXIST);
}

/* This test's region in /dev/shm, and hidden names of this process or of one that has ended: others' tests run beside it. */
static unsigned count_files(void)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	unsigned n = 0;
	int pid;

	check(dir);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, "ringq.no-proc") == 0 ||
		     (sscanf(entry->d_name, ".ringq.%d.", &pid) == 1 && (pid == getpid() || kill(pid, 0)));
	closedir(dir);
	return n;
}

static void a_named_region_can_be_made_and_met(void)
{
	static const struct ringq_region_options options = {.name = "no-proc", .size = MIB};
	ringq_region *region, *other;
	unsigned before = count_files();

	check_eq(ringq_region_create(&region, &options), 0);
	check_eq(count_files(), before + 1);
	check_eq(ringq_region_create(&other, &options), -EEXIST);
	check_eq(count_files(), before + 1);
	check_eq(ringq_region_open(&other, "no-proc"), 0);
	check(other == region);
	ringq_region_detach(other);
	check_eq(ringq_region_is_linked(region), 1);
	check_eq(ringq_region_unlink("no-proc"), 0);
	check_eq(ringq_region_is_linked(region), 0);
	ringq_region_detach(region);
	check_eq(count_files(), before);
}

static void queues_work(ringq_region *region)
{
	ringq_queue *queue = queue_in(region, NULL);
	static char block[1 << 20];

	check_eq(ringq_put(queue, block, sizeof(block), RINGQ_NOWAIT), 0);
	check_eq(ringq_get(queue, block, sizeof(block), RINGQ_NOWAIT), (ssize_t)sizeof(block));
	check_eq(ringq_get(queue, block, sizeof(block), RINGQ_MS(120)), -ETIMEDOUT);
	ringq_queue_release(queue);
}

static char root[] = "/tmp/ringq-test-XXXXXX"; /* empty outside of the child's mount namespace */

/* `arg`: the rights of an ordinary user, who may link no file by its descriptor alone. */
static void in_a_chroot(void *arg)
{
	ringq_region *region;
	ringq_pipe *a, *b;
	ringq_array *array;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(0); /* not allowed here */
	if (mount("tmpfs", root, "tmpfs", 0, NULL))
		_exit(0);
	make_folder(root, "/dev");
	make_folder(root, "/dev/shm");
	check_eq(chmod(root, 0755), 0);
	check_eq(chroot(root), 0);
	check_eq(chdir("/"), 0);
	check_eq(chmod("/dev/shm", 01777), 0);
	if (arg)
		check_eq(setuid(65534), 0);
	a_named_region_can_be_made_and_met();
	region = region_new(16 * MIB);
	queues_work(region);
	check_eq(ringq_array_create(&array, region, "named", RINGQ_INT32, 1), 0);
	ringq_array_release(array);
	check_eq(ringq_array_create(&array, region, NULL, RINGQ_INT32, 1), -ENOENT);
	check_eq(ringq_pipe_create(&a, &b, region, 0), -ENOENT);
	ringq_region_detach(region);
	/* And none of it at all: */
	check_eq(unlink("/dev/shm"), -1);
	if (!arg) {
		check_eq(rmdir("/dev/shm"), 0);
		check_eq(ringq_region_create(&region, &(struct ringq_region_options){.name = "no-shm"}), -ENOSYS);
	}
}

/* What a file system says that has no O_TMPFILE, where the directory bit alone is not asked for. */
static void without_nameless_files(void *arg)
{
	static const int errors[] = {EOPNOTSUPP, EISDIR, EINVAL};

	sandbox_refuse_bits(SYS_openat, 2, O_TMPFILE & ~O_DIRECTORY, errors[(uintptr_t)arg]);
	a_named_region_can_be_made_and_met();
}

int main(void)
{
	unsigned before = count_files();

	check(mkdtemp(root));
	reap_child(fork_child(in_a_chroot, NULL));
	reap_child(fork_child(in_a_chroot, "as an ordinary user"));
	check_eq(rmdir(root), 0);
	if (sandbox_works())
		for (uintptr_t i = 0; i < 3; i++)
			reap_child(fork_child(without_nameless_files, (void *)i));
	check_eq(count_files(), before);
	return 0;
}
