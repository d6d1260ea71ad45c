/* SPDX-License-Identifier: MIT */
#ifndef RQ_FILE_H
#define RQ_FILE_H

/*
 * The file behind a region, as this process reaches it: by its mapping, and by the number of a descriptor.
 *
 * The mapping is the library's for as long as the region is attached. The number is only lent: a daemonizer may close all
 * descriptors, and the program's next file then gets the number. So memory is taken and given back through the mapping,
 * which cannot become another file's. What has to be asked of a descriptor is believed, and a descriptor is closed, only
 * if it leads to the file's device and inode still.
 *
 *   memory for a page    MADV_POPULATE_WRITE (Linux 5.14); else a futex operation that writes to the page what is there
 *                        already, which the kernel does on behalf of the caller: an error where a store would be SIGBUS
 *   giving pages back    MADV_REMOVE; else, as in locked memory, fallocate() on the descriptor
 *   a second mapping     mremap() with an old size of 0; else mmap() of the descriptor
 *
 * Numbers 0 to 2 are the program's, open or not: what it prints after `2>&-` must not land in a region. Each descriptor of
 * the library is moved above them before it is used.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rq_file {
	char *base;     /* the mapping of all of it */
	_Atomic int fd; /* what was its descriptor when it was last looked at */
	dev_t device;
	ino_t inode;
};

/*
 * What a failed call means to who made it: memory, descriptors and rights by their names; all else is -ENOSYS, as a sandbox
 * may refuse a call by any errno.
 */
int rq_file_error(int error);

/* The same of a call on a descriptor that is open for what is asked: rights are none of its answers. */
int rq_file_refused(int error);

/* Makes a new descriptor one above 2 that is closed by exec(). Takes fd over: on error it is closed. -EMFILE. */
int rq_file_descriptor(int fd);

/* A copy of a descriptor, as the above. -EBADF, -EMFILE, -ENOSYS. */
int rq_file_copy(int fd);

/* Whether n more descriptors can be had at the moment, tried with copies of fd: 0, -EMFILE or -EBADF. */
int rq_file_reserve(int fd, unsigned n);

/* Whether a descriptor leads to the file: 0; -ESTALE; -ENOSYS if that cannot be asked. The other: it does for sure. */
int rq_file_check(const struct rq_file *file, int fd);
bool rq_file_is_behind(const struct rq_file *file, int fd);

/* Opens what is there for reading and writing, as the above; what no file of its own can be the reason for is -ENOSYS. */
int rq_file_open(const char *path, int flags);

/* The file's descriptor; -ESTALE if the number was closed, or is another file's by now; -ENOSYS if that cannot be asked. */
int rq_file_number(const struct rq_file *file);

/* Closes a descriptor, unless the number has become another file's. */
void rq_file_close(const struct rq_file *file, int fd);

/* Memory behind a range of whole pages; -ENOMEM; -ENOSYS where all ways are refused. */
int rq_file_back(const struct rq_file *file, uint64_t offset, uint64_t len);

/* The range has no memory any more, and reads as zeroes. 0 or -ENOSYS. */
int rq_file_give_back(const struct rq_file *file, uint64_t offset, uint64_t len);

/* Maps a range of the file once more, in place of what is mapped at `to`. -ENOMEM, -ESTALE. */
int rq_file_map_again(const struct rq_file *file, uint64_t offset, uint64_t len, char *to);

/*
 * Whether another open file description than this one of the file's has locked the byte (rq_sys_lock_byte). Negative:
 * cannot be told, as the number does not lead to the file any more.
 */
int rq_file_held(const struct rq_file *file, int fd, uint64_t byte);

/* Of this thread: of the process's first thread there is nothing once that has ended, though the process lives. */
#define RQ_OWN_DESCRIPTORS "/proc/thread-self/fd"

/* A new open file description of the file, by /proc. -ESTALE, -ENOENT (no /proc), -EACCES, -EMFILE. */
int rq_file_reopen(const struct rq_file *file);

/* Gives a new file its size. -EFBIG where RLIMIT_FSIZE is below it: ftruncate() alone would raise SIGXFSZ, too. */
int rq_file_resize(int fd, uint64_t size);

/* Whether memory can be taken behind pages at all. 0 or -ENOSYS. */
int rq_file_probe(void);

#endif
