/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_REGION_H
#define RINGQ_REGION_H

#include <errno.h> /* results are negative errnos */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGQ_API __attribute__((visibility("default")))

#define RINGQ_NOWAIT ((int64_t)0)
#define RINGQ_FOREVER ((int64_t)-1)
/* Of any arithmetic type: RINGQ_SEC(0.5) is half a second. */
#define RINGQ_US(n) ((int64_t)((n)*INT64_C(1000)))
#define RINGQ_MS(n) ((int64_t)((n)*INT64_C(1000000)))
#define RINGQ_SEC(n) ((int64_t)((n)*INT64_C(1000000000)))

/** A region: shared memory that holds any number of queues. One memfd, or one named file on tmpfs. */
typedef struct ringq_region ringq_region;

enum {
	RINGQ_FENCES = 1u << 0, /* for processes that may not use membarrier: see ringq_region_create() */
};

/** All zero means: 1 GiB of address space, anonymous. */
struct ringq_region_options {
	size_t size;      /* bytes of address space; 0 = 1 GiB; from 1 MiB to 64 GiB. Memory is taken as it is used. */
	const char *name; /* NULL = a memfd; else a file that ringq_region_open() finds until ringq_region_unlink() */
	unsigned flags;   /* 0 or RINGQ_FENCES */
};

/**
 * Creates a region and attaches this process to it.
 *
 * An anonymous region is a memfd, sealed against growing and shrinking: it goes with its last holder. A named region is
 * a file where POSIX shared memory lives (/dev/shm); it appears complete or not at all, lives until unlinked and no
 * longer held, has mode 0600, and cannot be sealed: whoever may write it may truncate it and so kill its holders by
 * SIGBUS. Give names only to regions whose users trust each other. A name may be removed under its holders, by
 * systemd's RemoveIPC or by whoever cleans /dev/shm: ringq_region_is_linked() tells.
 *
 * A name is 1 to 200 bytes without '/'. A region has room for one member for each 64 KiB of its size, at least 64, at
 * most 4096: a member is a thread that has called put, get or the like and has not ended.
 *
 * A region uses the system call membarrier, so that calls of puts and gets need no fence while nobody sleeps. Where a
 * process may not use it, as in some sandboxes, it cannot attach to such a region (-ENOSYS), and what it creates is a
 * region of fences instead. RINGQ_FENCES makes one for others of that kind. All who attach to it follow. It does the same;
 * a put and a get take some 10 ns longer, each by a fence, and total order looks at all lanes that were ever used.
 *
 * Errors: -EINVAL (size, name or flags), -EEXIST (the name is taken), -ENOMEM, -ENFILE, -EMFILE, -EFBIG (the size is
 * above RLIMIT_FSIZE; no signal is raised), -EAGAIN (the process locks its memory, and the size is above
 * RLIMIT_MEMLOCK; or it has no thread key left), -ENOSYS (the kernel or a sandbox refuses something that ringq needs, by
 * whatever errno, or there is no /dev/shm: docs/limits.md has the list), -EACCES or -EROFS (a named one: /dev/shm may not
 * be written).
 * Ownership: *out is detached by ringq_region_detach(). Threads: any. Progress: bounded, may sleep in system calls.
 */
RINGQ_API int ringq_region_create(ringq_region **out, const struct ringq_region_options *options);

/**
 * Attaches to the region behind a descriptor that was inherited or received. The descriptor is duplicated, not taken.
 *
 * A process maps a region once: attaching again gives the same handle, counted.
 *
 * Errors: -EBADF (no descriptor), -EACCES (not open for reading and writing), -EPROTO (not a region, or one with a
 * layout, word size or byte order that this library does not know), -EBADMSG (a region whose content fails validation:
 * truncated, corrupt), -ENOMEM, -EMFILE, -EAGAIN and -ENOSYS as ringq_region_create();
 * -ENOSYS also where this process may not use membarrier, and the region does.
 */
RINGQ_API int ringq_region_attach(ringq_region **out, int fd);

/** Attaches to the named region. Errors: as ringq_region_attach(), and -ENOENT, -EINVAL (the name). */
RINGQ_API int ringq_region_open(ringq_region **out, const char *name);

/**
 * Removes the name; holders keep the region. Errors: -ENOENT, -EINVAL (the name), -EACCES, -EPERM (another user's, or a
 * directory's), -ENOSYS.
 */
RINGQ_API int ringq_region_unlink(const char *name);

/**
 * Whether the region has a name now: 1; 0 when it was removed, so that nobody can open the region any more, and for an
 * anonymous one. It is the link count of ringq_region_fd(), st_nlink. Errors: -EINVAL (NULL), -ESTALE. A system call.
 */
RINGQ_API int ringq_region_is_linked(const ringq_region *region);

/**
 * The region's descriptor, to be inherited or sent; it stays the region's and is close-on-exec. Do not close it: where
 * that has happened, as by a daemonizer, what works through the mapping goes on, which is all that queues and named
 * arrays do, and another file that has the number by then is left alone. What needs the descriptor is -ESTALE, until a
 * ringq_region_attach() or the like to the same region gives it one again. Errors: -EINVAL (NULL), -ESTALE.
 */
RINGQ_API int ringq_region_fd(const ringq_region *region);

/**
 * Sends the region over a connected AF_UNIX socket. Errors: -EINVAL, -ESTALE, or what sendmsg says. Blocks as the socket
 * does.
 */
RINGQ_API int ringq_region_send(const ringq_region *region, int socket);

/**
 * Receives and attaches a region sent by ringq_region_send().
 * Errors: as ringq_region_attach(), -EPIPE (the sender has closed), -EPROTO (a message without a region), or what
 * recvmsg says. Nothing is left open on error. With -EMFILE the message stays, for another try, unless another thread has
 * just taken the descriptor; with any other error it is consumed. Blocks as the socket does.
 */
RINGQ_API int ringq_region_receive(ringq_region **out, int socket);

/**
 * Gives the handle up; the last one of a process unmaps the region. A queue handle holds its region too, so that the
 * region of ringq_queue_create() goes with its queue handles. Calls of other threads inside the region's queues go on
 * until those are released. NULL is ignored.
 */
RINGQ_API void ringq_region_detach(ringq_region *region);

/** What a member does. While it is awake, nobody is told more: not to cost it anything. */
enum ringq_activity {
	RINGQ_AWAKE = 0,
	RINGQ_ASLEEP_PUT = 1,  /* in a put or the like, for room */
	RINGQ_ASLEEP_GET = 2,  /* in a get or the like, for a record */
	RINGQ_ASLEEP_TAKE = 3, /* in ringq_take() */
	RINGQ_ASLEEP_LOCK = 4, /* in ringq_lock() or ringq_array_write(), for the lock */
	RINGQ_ASLEEP_JOIN = 5, /* in ringq_join() */
};

/** A member of a region: a thread that has put, got or the like. */
struct ringq_member {
	uint32_t process; /* ids as the member saw them in its PID namespace: for people to read */
	uint32_t thread;
	char name[16];     /* the thread's name when it joined */
	uint32_t activity; /* enum ringq_activity; whether its process is stopped is for /proc to say */
	uint32_t index;    /* its entry in the region's table */
	uint64_t object;   /* asleep: the id of the queue, pipe or array that it waits for (ringq/look.h); 0: no one */
	uint64_t since;    /* asleep: since when the call sleeps, in ns as CLOCK_MONOTONIC counts */
	uint64_t took;     /* the id of the queue or pipe from which it took or looked at a record last; 0: none */
};

/**
 * Lists the members alive in the region, up to n. Returns how many there are, which may be more than n. Works on an observed
 * region too. Who joins or sleeps at that moment may be shown with what its entry said before. Errors: -EINVAL, -EBADMSG.
 * Progress: bounded, system calls; disturbs nobody.
 */
RINGQ_API ssize_t ringq_region_members(const ringq_region *region, struct ringq_member *out, size_t n);

/**
 * How many bytes of memory stand behind the region now, of all its objects. Errors: -EINVAL (NULL), -ESTALE. A system
 * call; disturbs nobody.
 */
RINGQ_API int64_t ringq_region_memory(const ringq_region *region);

#ifdef __cplusplus
}
#endif
#endif
