/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_LOOK_H
#define RINGQ_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ringq/array.h>
#include <ringq/queue.h>
#include <ringq/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Looking in, without taking and without joining.
 *
 * The calls of this header, ringq_region_members(), ringq_region_memory() and ringq_queue_stat() read a region through its
 * file. They take no part: the caller does not become a member, nothing is written, nobody is delayed, or can tell. They are
 * safe beside everything that participants do, hostile ones too: corrupt memory gives an error or a wrong
 * figure, never a fault. Where the region's descriptor has been closed, they are -ESTALE: see ringq_region_fd().
 */

/**
 * A handle of a region for looking only: of a descriptor that may be open for reading only, that was inherited, received, or
 * opened as /proc/PID/fd/N of another process, or as the file of a named region. Nothing is mapped, so that
 * nobody can harm the looker by truncating the file. The descriptor is duplicated, not taken.
 *
 * What works on it: all calls of ringq/look.h, ringq_region_members(), ringq_region_memory(), ringq_region_fd(),
 * ringq_region_send(), ringq_region_detach(), ringq_queue_open(), ringq_queue_stat(), ringq_queue_region(),
 * ringq_queue_release(). All that would take part is -EROFS: ringq_queue_create(), ringq_get(), ringq_peek(), ringq_close(),
 * arrays, pipes and so on; ringq_empty() is true, ringq_full() false, ringq_size() 0.
 *
 * Errors: as ringq_region_attach(), but a descriptor may be open for reading only. Ownership: *out is detached by
 * ringq_region_detach(). Threads: any. Progress: bounded, system calls.
 */
RINGQ_API int ringq_region_observe(ringq_region **out, int fd);

enum ringq_object_kind {
	RINGQ_OBJECT_QUEUE = 1,
	RINGQ_OBJECT_PIPE = 2, /* one direction of a pipe: a queue, as far as looks are concerned */
	RINGQ_OBJECT_ARRAY = 3,
};

/** Something that a region holds. Arrays without a name are their makers' own, and not shown. */
struct ringq_object {
	uint32_t kind;    /* enum ringq_object_kind */
	uint32_t flags;   /* of a queue or a pipe: as created; of an array: enum ringq_type */
	uint64_t id;      /* never 0, and never another's in this region */
	uint64_t created; /* when, in ns since 1970, by the system's clock */
	char name[64];    /* "": none */
};

/**
 * Lists up to n objects of a region, those of one list in the order in which they were made. Returns how many there are, which
 * may be more than n. Errors: -EINVAL, -ENOMEM, -EBADMSG. Progress: bounded, system calls.
 */
RINGQ_API ssize_t ringq_region_objects(const ringq_region *region, struct ringq_object *out, size_t n);

/**
 * Opens a queue by its id, also one that has no name; and a named array. The direction of a pipe can be opened only in an
 * observed region (else -EINVAL): a pipe goes when nobody holds its ends, and this handle holds none.
 * Errors: -EINVAL, -ENOENT (no object, or one of another kind, has the id), -EBADMSG, -ENOMEM; of an array, -EROFS.
 * Ownership: as ringq_queue_open(), ringq_array_open(). Progress: bounded, system calls.
 */
RINGQ_API int ringq_queue_open_id(ringq_queue **out, ringq_region *region, uint64_t id);
RINGQ_API int ringq_array_open_id(ringq_array **out, ringq_region *region, uint64_t id);

/** The id of a queue, or of an array that has a name; of another, and for NULL, 0. */
RINGQ_API uint64_t ringq_queue_id(const ringq_queue *queue);
RINGQ_API uint64_t ringq_array_id(const ringq_array *array);

enum ringq_producer_state {
	RINGQ_NOBODY = 0, /* is known to have put there */
	RINGQ_ALIVE = 1,  /* a producer of the lane, now */
	RINGQ_LEFT = 2,   /* the last one; its thread has ended, or it has released its handle */
	RINGQ_DEAD = 3,   /* it died; the lane is the next producer's who needs one */
};

/** Who puts, or has put, to a lane: a thread, as it called itself when it came, by the ids that it saw. */
struct ringq_producer {
	uint32_t process;
	uint32_t thread;
	uint32_t state; /* enum ringq_producer_state */
	uint32_t reserved;
	char name[16];
};

/** One lane of a queue: what one producer at a time puts to. */
struct ringq_lane_stat {
	struct ringq_producer producer;
	uint64_t records_in;  /* put, by all who had the lane */
	uint64_t records_out; /* taken */
	uint64_t bytes_held;  /* memory that the lane holds now */
	uint64_t bytes_most;  /* the most that waited when its producer looked for room */
	uint32_t lane;
	uint32_t asleep; /* 1 if its producer may be asleep, for room */
};

/**
 * Figures for each lane of a queue, up to n. Returns how many lanes there are, which may be more than n.
 * Errors and progress: as ringq_queue_stat().
 */
RINGQ_API ssize_t ringq_queue_lanes(const ringq_queue *queue, struct ringq_lane_stat *out, size_t n);

/**
 * Who holds the lock of a named array, by the array's id: 1, and *out is it; 0: nobody does. Of a holder that has died,
 * RINGQ_DEAD, nothing more is known: the next to lock the array gets -EOWNERDEAD.
 * Errors: -EINVAL, -ENOENT (no array has the id), -EBADMSG. Progress: bounded, system calls.
 */
RINGQ_API int ringq_region_lock_holder(const ringq_region *region, uint64_t array, struct ringq_producer *out);

/**
 * Copies up to n elements of a named array, from element `first` on, by the array's id: each as ringq_load() would, not all
 * at one instant. Returns how many elements the array has, which may be less than first + n, or more.
 * Errors: -EINVAL (also: the array is of another type), -ENOENT (no array has the id), -EBADMSG. Progress: bounded, system
 * calls.
 */
RINGQ_API ssize_t ringq_region_elements(
	const ringq_region *region, uint64_t array, enum ringq_type type, size_t first, void *out, size_t n);

/** A cursor over what waits in a queue, or over what is in hand. One thread at a time may use it. */
typedef struct ringq_browser ringq_browser;

/** A record that a browse shows. */
struct ringq_record_info {
	uint64_t sequence; /* how many records were put to its lane before it, since the queue was made */
	uint32_t lane;
	uint32_t attempt; /* of its next delivery, or of that in which it is in hand; 1: it was not delivered before */
	uint32_t in_hand; /* 1: somebody has taken it, and not acknowledged it: of ringq_browse_in_hand() only */
	uint32_t held_ms; /* for how long, in ms, to some of them; as many as fit, which is 49 days */
	struct ringq_producer producer; /* who put it; RINGQ_NOBODY: two others have had the lane since */
	struct ringq_producer holder;   /* who has it in hand, RINGQ_ALIVE; of what waits, RINGQ_NOBODY */
};

/**
 * Begins to browse a queue, oldest record first. Errors: -EINVAL, -EBADF, -ENOMEM. Ownership: *out is ended by
 * ringq_browse_end(); it holds the region, not the queue's handle. Threads: any. Progress: wait-free.
 */
RINGQ_API int ringq_browse(ringq_browser **out, const ringq_queue *queue);

/**
 * Begins to browse what is in hand of an acknowledged queue, and with whom: what has been taken, is neither acknowledged nor
 * given back, and whose taker lives. What has been in hand for longest comes first. Of another queue there is nothing.
 * Errors, ownership, threads, progress: as ringq_browse().
 */
RINGQ_API int ringq_browse_in_hand(ringq_browser **out, const ringq_queue *queue);

/**
 * Shows the next record: copies its first size bytes to buf, and returns its length, which may be more. *info, unless NULL,
 * tells of it.
 *
 * Nothing is taken, nobody is delayed, and it never waits. What it shows was in the queue at an instant of the call, whole.
 * What others take meanwhile is skipped; what nobody takes is shown, once. In total order records are shown in the order in
 * which they would come out, except that one whose put was under way for long may be shown late; in producer order, in each
 * producer's order. Of an acknowledged queue, what had come back when the first one was asked for is shown first, in the order
 * in which takes will have it; what is in hand is not shown, nor what comes back later.
 *
 * Of ringq_browse_in_hand(), what was in hand when the first one was asked for is shown, once, unless it has been let go
 * by the time; then there is no more, also later.
 *
 * Errors: -ENOENT: no more; a later call shows what has been put since. So, beside producers that are faster, it may not
 * come to that. -EAGAIN: others took all the time; call again. -EBADMSG: a lane failed validation; a later call continues
 * with the others. -EINVAL, -ENOMEM. Progress: bounded, some system calls.
 */
RINGQ_API ssize_t ringq_browse_next(ringq_browser *browser, void *buf, size_t size, struct ringq_record_info *info);

/** Ends it. NULL is ignored. */
RINGQ_API void ringq_browse_end(ringq_browser *browser);

#ifdef __cplusplus
}
#endif
#endif
