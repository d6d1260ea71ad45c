/* SPDX-License-Identifier: MIT */

/*
 * The whole of an array at once: a sequence lock whose readers never wait, because there are two copies.
 *
 *   write   (with the lock) new content -> shadow; version odd (V1); shadow -> data; version even (V2)
 *   read    version (V3); even: copy the data, odd: the shadow; version again (V4): the same, or begin again
 *
 * While the version is even the data are whole, and while it is odd the shadow is; each is changed only while it is the
 * other that counts. A writer that is stopped or dies anywhere leaves the version as it is, so readers go on with what
 * counts; the next who gets the lock sees an odd version and finishes the copy first (rq_snapshot_repair).
 *
 * Order. A reader that has copied a byte of a later stage must see a later version at V4. The version's stores V1 and V2
 * are followed by a release fence (F1, F2) before the copy into what no longer counts, and the copy of readers is
 * followed by an acquire fence (F3) before V4: whoever has seen a byte written after F1 or F2 sees at V4 what was stored
 * before it. That readers see all of what counts now follows from V1 and V2 being release stores, and V3 an acquire
 * load. The version never repeats within the time of a copy.
 *
 * F1 and F2 are this writer's. What it writes over was made free by the writer before it, whose last version it has seen
 * by the lock alone. A reader that has copied a byte of this write must see that version, too, so there is a fence (F4)
 * before the first byte of each write and of a repair. C11 asks for it; where stores become visible to all at once, as on
 * x86 and AArch64, the lock is enough.
 *
 * Elements are stored by others meanwhile, one at a time. All copies move whole elements (copy.h), so that neither a read
 * nor a load sees parts of two.
 *
 * Up to 8 bytes are one word, stored and loaded at once; there is no shadow.
 */

#include "array/snapshot.h"

#include "base/copy.h"

static void set_version(struct ringq_array *a, uint64_t version)
{
	rq_store_release(&a->shared->version, version); /* V1, V2 */
	rq_release_fence();                             /* F1, F2 */
}

/* From the shadow, which is whole. In TSan's eyes as everywhere: shared to shared, so through a buffer. */
static void copy_shadow(struct ringq_array *a)
{
	char buffer[512];
	for (size_t at = 0, n; at < a->bytes; at += n) {
		n = a->bytes - at < sizeof buffer ? a->bytes - at : sizeof buffer;
		rq_copy_elements_out(buffer, a->shadow + at, n);
		rq_copy_elements_in(a->data + at, buffer, n);
	}
}

void rq_snapshot_repair(struct ringq_array *a)
{
	uint64_t version = rq_load_acquire(&a->shared->version); /* behind V5, which is enough */
	if (!a->shadow || version % 2 == 0)
		return;
	rq_release_fence(); /* F4 */
	copy_shadow(a);
	set_version(a, version + 1);
}

void rq_snapshot_write(struct ringq_array *a, const void *buf)
{
	uint64_t version = rq_load(&a->shared->version);
	rq_release_fence(); /* F4: behind the lock, which acquired what the last writer did */
	rq_copy_elements_in(a->shadow, buf, a->bytes);
	set_version(a, version + 1);
	rq_copy_elements_in(a->data, buf, a->bytes);
	set_version(a, version + 2);
}

bool rq_snapshot_read(const struct ringq_array *a, void *buf)
{
	uint64_t version = rq_load_acquire(&a->shared->version); /* V3 */
	rq_copy_elements_out(buf, version % 2 ? a->shadow : a->data, a->bytes);
	rq_acquire_fence();                             /* F3 */
	return rq_load(&a->shared->version) == version; /* V4 */
}
