/* SPDX-License-Identifier: MIT */
#ifndef RINGQ_ARRAY_H
#define RINGQ_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ringq/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An array of elements of one type in shared memory, with a lock. A Value is an array of one element.
 *
 * Three ways to its content, of which each keeps its promise only beside itself, or under the lock:
 *
 *  elements    ringq_load(), ringq_store(), ringq_add(), ringq_compare_exchange(): atomic, one element at a time. No lock.
 *  the whole   ringq_array_read() and ringq_array_write(): all elements at once. Writers exclude each other by the lock;
 *              readers need no lock, wait for nobody, and never see half a write, whoever was killed or stopped.
 *  the memory  ringq_array_data(): plain C, as with any memory that others write: hold the lock, or know what you do.
 *
 * A write of the whole beside an element's or a plain store: what the store wrote may be lost, as if the write had come
 * after it, also when the writer has died meanwhile. A read of the whole beside an element's store sees that element as it
 * was before or after the store, and a load of an element beside a write of the whole sees it as it was before or after
 * the write, never in parts: for any count of elements, and however buf is aligned. Beside a plain store nothing is
 * promised of the element that it writes. Where all changes are made under the lock, and all reads of more than one
 * element, nothing is mixed.
 */
typedef struct ringq_array ringq_array;

enum ringq_type {
	RINGQ_BYTES, /* unsigned char; not for ringq_add() and ringq_compare_exchange() */
	RINGQ_INT8,
	RINGQ_UINT8,
	RINGQ_INT16,
	RINGQ_UINT16,
	RINGQ_INT32,
	RINGQ_UINT32,
	RINGQ_INT64,
	RINGQ_UINT64,
	RINGQ_FLOAT,
	RINGQ_DOUBLE,
};

/**
 * Creates an array of count elements, all zero, in a region, or in a region of its own if region is NULL. To initialise
 * it, write it before others can see it: before fork, or before they are told its name.
 *
 * Named (1 to 63 bytes, unique among the region's queues and arrays), it lives as long as its region. Anonymous (NULL), it
 * belongs to the process that made it: it goes when that releases it, or when that process and all that were forked from
 * it since have ended, or called exec, or detached. Processes forked later use the handle; others cannot open it.
 *
 * An anonymous array of up to 8 bytes takes 64 bytes of the region, a larger one 64 and twice its data, in units of 64
 * up to 2 KiB, of pages beyond; a named one whole pages.
 *
 * Errors: -EINVAL (type, count, name), -EEXIST (the name is taken), -ENOMEM (or more than the region can hold), -ENOSPC
 * (names), -EUSERS (members, or processes that make arrays), and for a region of its own those of ringq_region_create().
 * The first anonymous array of a process in a region opens the region's file anew: -EMFILE, -ENFILE, -ENOENT (/proc is
 * not mounted), -EACCES (with the rights that the process has now it may not), -ESTALE (the region's descriptor was
 * closed: ringq_region_fd()).
 * Ownership: *out is released by ringq_array_release(). Threads: any. Progress: lock-free, except for the process's own
 * locks of malloc and the like; a system call only when memory comes or goes.
 */
RINGQ_API int ringq_array_create(
	ringq_array **out, ringq_region *region, const char *name, enum ringq_type type, size_t count);

/** Opens a named array. Errors: -EINVAL, -ENOENT (no array has the name), -EBADMSG. Progress: lock-free. */
RINGQ_API int ringq_array_open(ringq_array **out, ringq_region *region, const char *name);

/**
 * Releases the handle. An anonymous array goes if this process made it: nobody may use it any more, as after free(), and
 * no other thread may be inside a call with the handle. A child that releases a handle it has inherited ends its handle
 * only. The lock stays as it is. NULL is ignored. Progress: as
 * ringq_array_create().
 */
RINGQ_API void ringq_array_release(ringq_array *array);

/** The array's region. It stays the array's: do not detach it unless you attached it. NULL for NULL. */
RINGQ_API ringq_region *ringq_array_region(const ringq_array *array);

/** The elements, in a row, the first at a multiple of 8; for more than 8 bytes of them, of 64. NULL for NULL. */
RINGQ_API void *ringq_array_data(ringq_array *array);

/** How many elements there are. 0 for NULL. */
RINGQ_API size_t ringq_array_count(const ringq_array *array);

/** Their type: an enum ringq_type. -EINVAL for NULL. */
RINGQ_API int ringq_array_type(const ringq_array *array);

/**
 * Locks the array for the calling thread, which may do so again, and unlocks as often.
 *
 * Returns 0; or -EOWNERDEAD: locked too, but the thread that held the lock ended inside, and what it was doing may be
 * half done; the caller may repair it, and no later one is told. A write of the whole is finished then, never half done.
 * Errors: -EAGAIN (RINGQ_NOWAIT; or locked 2^32 - 1 times by the caller), -ETIMEDOUT, -EINTR (ringq_array_interruptible()),
 * -EUSERS, -ENOMEM. Progress: blocking while a living thread holds the lock, also a stopped one; a holder's death wakes a
 * sleeper at once, on an interruptible handle within 100 ms. No system call while nobody else wants the lock. A child of fork does not hold what its parent's thread
 * does. Who comes may be faster than who was woken.
 */
RINGQ_API int ringq_lock(ringq_array *array, int64_t timeout);

/**
 * With on, a call that sleeps for the lock on this handle says -EINTR when a signal handler has run in its thread meanwhile,
 * whether or not the handler was installed with SA_RESTART. One that has run right before the call fell asleep is not seen:
 * where it must not be missed, lock with time-outs. While the process has a handler with SA_RESTART, such a wait wakes ten
 * times a second; else it sleeps as any other. Errors: -EINVAL. Wait-free.
 */
RINGQ_API int ringq_array_interruptible(ringq_array *array, bool on);

/** Unlocks. Errors: -EPERM (the calling thread does not hold the lock). Wait-free, except for a wake-up. */
RINGQ_API int ringq_unlock(ringq_array *array);

/**
 * Copies an element from, or to, *value, which is of the array's type; atomically. A load sees all that was before the
 * store whose value it sees. Errors: -EINVAL (index). Wait-free.
 */
RINGQ_API int ringq_load(const ringq_array *array, size_t index, void *value);
RINGQ_API int ringq_store(ringq_array *array, size_t index, const void *value);

/**
 * Adds to an element of an integer type, atomically; it wraps as unsigned integers do. *previous, unless NULL, becomes
 * what it was before, of a uint64_t the same bits. Errors: -EINVAL (index, or another type). Wait-free.
 */
RINGQ_API int ringq_add(ringq_array *array, size_t index, int64_t delta, int64_t *previous);

/**
 * Makes an element of an integer type `desired` if it is *expected, both cut to its width, atomically. 0 if it was; -EAGAIN
 * if not, and *expected becomes what it was. Errors: -EINVAL (index, or another type). Wait-free.
 */
RINGQ_API int ringq_compare_exchange(ringq_array *array, size_t index, int64_t *expected, int64_t desired);

/**
 * Copies all elements out, as one ringq_array_write() left them, or as it found them: never a mixture. size is that of
 * all. Errors: -EINVAL (size). Lock-free: it begins again only if another write has been finished meanwhile; a writer that
 * is stopped or killed at any instruction keeps it from nothing. On error buf is left alone.
 */
RINGQ_API int ringq_array_read(const ringq_array *array, void *buf, size_t size);

/**
 * Writes all elements, for readers at one instant. size is that of all. It takes the lock for it, waiting for as long as
 * another holds it, and takes the lock of a dead holder over, without a word: all is written anew. A writer that dies has
 * written all or nothing. Errors: -EINVAL (size), -EINTR, -EUSERS, -ENOMEM. Progress and -EINTR:
 * as ringq_lock() with RINGQ_FOREVER.
 */
RINGQ_API int ringq_array_write(ringq_array *array, const void *buf, size_t size);

#ifdef __cplusplus
}
#endif
#endif
