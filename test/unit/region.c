/* SPDX-License-Identifier: MIT */
/* Regions: creating them, naming them, holding them. */
#include "../common.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

static int create(ringq_region **out, size_t size, const char *name, unsigned flags)
{
	return ringq_region_create(out, &(struct ringq_region_options){.size = size, .name = name, .flags = flags});
}

static int64_t file_size(const ringq_region *region)
{
	struct stat stat;

	check_eq(fstat(ringq_region_fd(region), &stat), 0);
	return stat.st_size;
}

Test(region, has_a_gibibyte_of_addresses_and_little_memory_by_default)
{
	ringq_region *region;

	check_eq(ringq_region_create(&region, NULL), 0);
	check_eq(file_size(region), GIB);
	check_compare(ringq_region_memory(region), <, 256 << 10);
	ringq_region_detach(region);
}

Test(region, has_the_size_asked_for)
{
	static const size_t sizes[] = {MIB, 4 * MIB, 100 * MIB, 64 * GIB};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		ringq_region *region = region_new(sizes[i]);

		check_eq(file_size(region), sizes[i]);
		check_compare(ringq_region_memory(region), <, 2 * MIB);
		ringq_region_detach(region);
	}
}

Test(region, refuses_bad_options_and_leaves_the_output_alone)
{
	ringq_region *untouched = (ringq_region *)&file_size, *region = untouched;

	check_eq(create(&region, 1, NULL, 0), -EINVAL);
	check_eq(create(&region, MIB - 1, NULL, 0), -EINVAL);
	check_eq(create(&region, 64 * GIB + 1, NULL, 0), -EINVAL);
	check_eq(create(&region, SIZE_MAX, NULL, 0), -EINVAL);
	check_eq(create(&region, 0, NULL, 2), -EINVAL);
	check_eq(create(&region, 0, NULL, ~0u), -EINVAL);
	check(region == untouched);
	check_eq(ringq_region_create(NULL, NULL), -EINVAL);
}

Test(region, answers_null_with_einval)
{
	struct ringq_member member;
	ringq_region *region;

	check_eq(ringq_region_attach(NULL, 0), -EINVAL);
	check_eq(ringq_region_open(NULL, "x"), -EINVAL);
	check_eq(ringq_region_open(&region, NULL), -EINVAL);
	check_eq(ringq_region_unlink(NULL), -EINVAL);
	check_eq(ringq_region_fd(NULL), -EINVAL);
	check_eq(ringq_region_members(NULL, &member, 1), -EINVAL);
	check_eq(ringq_region_memory(NULL), -EINVAL);
	ringq_region_detach(NULL);

	region = region_new(0);
	check_eq(ringq_region_members(region, NULL, 1), -EINVAL);
	check_compare(ringq_region_members(region, NULL, 0), >=, 0);
	ringq_region_detach(region);
}

Test(region, is_close_on_exec_and_cannot_be_resized)
{
	ringq_region *region = region_new(MIB);
	int fd = ringq_region_fd(region);

	check(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	check_eq(fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);
	check_eq(ftruncate(fd, 4096), -1);
	check_eq(ftruncate(fd, 2 * MIB), -1);
	ringq_region_detach(region);
}

Test(region, is_mapped_once_and_counted)
{
	unsigned mappings = count_region_mappings(), descriptors = count_descriptors();
	ringq_region *region = region_new(0), *again, *dup_again;
	unsigned mapped_once = count_region_mappings();
	int fd = dup(ringq_region_fd(region));

	check_eq(ringq_region_attach(&again, ringq_region_fd(region)), 0);
	check_eq(ringq_region_attach(&dup_again, fd), 0);
	check(again == region && dup_again == region);
	check_eq(count_region_mappings(), mapped_once);
	close(fd);

	ringq_region_detach(region);
	ringq_region_detach(region);
	check_eq(file_size(again), GIB);
	check_eq(count_region_mappings(), mapped_once);
	ringq_region_detach(region);
	check_eq(count_region_mappings(), mappings);
	check_eq(count_descriptors(), descriptors);
}

Test(region, attach_duplicates_the_descriptor)
{
	ringq_region *region = region_new(0), *attached;
	int fd = dup(ringq_region_fd(region));

	ringq_region_detach(region);
	check_eq(ringq_region_attach(&attached, fd), 0);
	check(ringq_region_fd(attached) != fd);
	check(fcntl(ringq_region_fd(attached), F_GETFD) & FD_CLOEXEC);
	check_eq(close(fd), 0);
	check_eq(file_size(attached), GIB);
	ringq_region_detach(attached);
}

Test(region, content_outlives_handles_as_long_as_a_descriptor_is_open)
{
	ringq_region *region = region_new(0);
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){.name = "q"});
	int fd = dup(ringq_region_fd(region));

	check_eq(put_number(queue, 7, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	ringq_region_detach(region);
	check_eq(ringq_region_attach(&region, fd), 0);
	check_eq(ringq_queue_open(&queue, region, "q"), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 7);
	ringq_queue_release(queue);
	ringq_region_detach(region);
	close(fd);
}

Test(region, without_descriptors_is_emfile)
{
	ringq_region *region = region_new(0), *other;
	ringq_queue *queue = queue_in(region, &(struct ringq_queue_options){0});
	int next = dup(0);

	close(next);
	check_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){next, next}), 0);
	check_eq(ringq_region_create(&other, NULL), -EMFILE);
	check_eq(create(&other, MIB, unique_name(), 0), -EMFILE);
	check_eq(ringq_region_attach(&other, ringq_region_fd(region)), -EMFILE);
	check_eq(ringq_event_fd(queue), -EMFILE);
	check_eq(put_number(queue, 1, RINGQ_NOWAIT), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 1);
	ringq_queue_release(queue);
	ringq_region_detach(region);
}

Test(named, can_be_opened_until_unlinked_and_held_for_longer)
{
	const char *name = unique_name();
	ringq_region *region, *opened, *other;

	check_eq(create(&region, MIB, name, 0), 0);
	check_eq(create(&other, MIB, name, 0), -EEXIST);
	check_eq(ringq_region_open(&opened, name), 0);
	check(opened == region);
	check_eq(ringq_region_unlink(name), 0);
	check_eq(ringq_region_unlink(name), -ENOENT);
	check_eq(ringq_region_open(&other, name), -ENOENT);

	ringq_region_detach(opened);
	ringq_queue_release(queue_in(region, &(struct ringq_queue_options){0}));
	check_eq(create(&other, MIB, name, 0), 0);
	check(other != region);
	ringq_region_detach(other);
	check_eq(ringq_region_unlink(name), 0);
	ringq_region_detach(region);
}

Test(named, lives_on_without_holders)
{
	const char *name = unique_name();
	ringq_region *region;
	ringq_queue *queue;

	check_eq(create(&region, MIB, name, 0), 0);
	queue = queue_in(region, &(struct ringq_queue_options){0});
	check_eq(put_number(queue, 11, RINGQ_NOWAIT), 0);
	ringq_queue_release(queue);
	ringq_region_detach(region);

	check_eq(ringq_region_open(&region, name), 0);
	check_eq(ringq_queue_open(&queue, region, NULL), 0);
	check_eq(get_number(queue, RINGQ_NOWAIT), 11);
	ringq_queue_release(queue);
	ringq_region_detach(region);
	check_eq(ringq_region_unlink(name), 0);
}

Test(named, is_for_its_user_only_whatever_the_umask)
{
	static const mode_t masks[] = {0, 022, 0777};

	for (size_t i = 0; i < COUNT(masks); i++) {
		const char *name = unique_name();
		mode_t old = umask(masks[i]);
		ringq_region *region;
		struct stat stat;

		check_eq(create(&region, MIB, name, 0), 0);
		umask(old);
		check_eq(fstat(ringq_region_fd(region), &stat), 0);
		check_eq(stat.st_mode & 0777, 0600);
		check(fcntl(ringq_region_fd(region), F_GETFD) & FD_CLOEXEC);
		check_eq(ringq_region_unlink(name), 0);
		ringq_region_detach(region);
	}
}

Test(named, names_are_1_to_200_bytes_without_slash)
{
	char longest[202];
	const char *base = unique_name();
	const char *bad[] = {"", "/", "/x", "a/b", "x/", "../x", longest};
	ringq_region *region;

	memset(longest, 'x', 201);
	longest[201] = 0;
	for (size_t i = 0; i < COUNT(bad); i++) {
		check_eq(create(&region, MIB, bad[i], 0), -EINVAL);
		check_eq(ringq_region_open(&region, bad[i]), -EINVAL);
		check_eq(ringq_region_unlink(bad[i]), -EINVAL);
	}

	memset(longest, 'x', 200);
	longest[200] = 0;
	memcpy(longest, base, strlen(base));
	check_eq(create(&region, MIB, longest, 0), 0);
	check_eq(ringq_region_unlink(longest), 0);
	ringq_region_detach(region);
	check_eq(create(&region, 1, longest, 0), -EINVAL);
	check_eq(ringq_region_open(&region, longest), -ENOENT);
}

/* Whatever else has the name, also what cannot be opened at all. */
Test(named, of_what_is_no_region_are_eproto)
{
	const char *name = unique_name();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ringq_region *region = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char path[256];

	snprintf(path, sizeof(path), "/dev/shm/ringq.%s", name);
	check_eq(mkdir(path, 0700), 0);
	check_eq(ringq_region_open(&region, name), -EPROTO);
	check_eq(create(&region, MIB, name, 0), -EEXIST);
	check_eq(ringq_region_unlink(name), -EPERM);
	check_eq(rmdir(path), 0);
	check_eq(symlink("/etc/passwd", path), 0);
	check_eq(ringq_region_open(&region, name), -EPROTO);
	check_eq(ringq_region_unlink(name), 0);
	check_eq(mkfifo(path, 0600), 0);
	check_eq(ringq_region_open(&region, name), -EPROTO);
	check_eq(ringq_region_unlink(name), 0);
	check_compare(snprintf(address.sun_path, sizeof(address.sun_path), "%s", path), <, sizeof(address.sun_path));
	check_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	check_eq(ringq_region_open(&region, name), -EPROTO);
	check_eq(ringq_region_unlink(name), 0);
	check_eq(close(fd), 0);
	check(region == NULL);
}

Test(named, a_failed_create_leaves_nothing)
{
	const char *name = unique_name();
	unsigned descriptors, mappings = count_region_mappings();
	ringq_region *region, *other;

	check_eq(create(&region, MIB, name, 0), 0);
	descriptors = count_descriptors();
	for (int i = 0; i < 10; i++)
		check_eq(create(&other, MIB, name, 0), -EEXIST);
	check_eq(count_descriptors(), descriptors);
	check_eq(ringq_region_unlink(name), 0);
	ringq_region_detach(region);
	check_eq(count_region_mappings(), mappings);
}

struct naming {
	const char *name;
	atomic_int start, winners, stop;
};

static void create_once(void *arg)
{
	struct naming *naming = arg;
	ringq_region *region;
	int rc;

	wait_set(&naming->start);
	rc = create(&region, MIB, naming->name, 0);
	check(rc == 0 || rc == -EEXIST);
	atomic_fetch_add(&naming->winners, rc == 0);
}

Test(named, one_of_many_creators_wins)
{
	struct naming *naming = share_memory(sizeof(*naming));
	pid_t children[6];

	naming->name = unique_name();
	for (int round = 0; round < 20; round++) {
		naming->start = naming->winners = 0;
		for (size_t i = 0; i < COUNT(children); i++)
			children[i] = fork_child(create_once, naming);
		naming->start = 1;
		for (size_t i = 0; i < COUNT(children); i++)
			reap_child(children[i]);
		check_eq(naming->winners, 1);
		check_eq(ringq_region_unlink(naming->name), 0);
	}
}

static void open_all_the_time(void *arg)
{
	struct naming *naming = arg;

	while (!naming->stop) {
		ringq_region *region;
		int rc = ringq_region_open(&region, naming->name);

		check_eq(rc == 0 ? -ENOENT : rc, -ENOENT);
		if (rc == 0)
			ringq_region_detach(region);
	}
}

Test(named, appears_complete_or_not_at_all)
{
	struct naming *naming = share_memory(sizeof(*naming));
	pid_t opener;

	naming->name = unique_name();
	opener = fork_child(open_all_the_time, naming);
	for (uint64_t i = 0; i < brief_or_long(500, 50000); i++) {
		ringq_region *region;

		check_eq(create(&region, MIB, naming->name, 0), 0);
		check_eq(ringq_region_unlink(naming->name), 0);
		ringq_region_detach(region);
	}
	naming->stop = 1;
	reap_child(opener);
}

Test(named, says_whether_it_has_its_name_still)
{
	const char *name = unique_name();
	ringq_region *region, *anonymous = region_new(MIB);

	check_eq(create(&region, MIB, name, 0), 0);
	check_eq(ringq_region_is_linked(region), 1);
	check_eq(ringq_region_unlink(name), 0);
	check_eq(ringq_region_is_linked(region), 0);
	check_eq(ringq_region_is_linked(anonymous), 0);
	check_eq(ringq_region_is_linked(NULL), -EINVAL);
	ringq_region_detach(region);
	ringq_region_detach(anonymous);
}
