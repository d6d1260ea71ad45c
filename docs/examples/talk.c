/* SPDX-License-Identifier: MIT */
/*
 * Two processes that are not related meet by the name of a region: `talk hello` in one terminal, `talk` in another,
 * whichever first. What was put waits until somebody takes it. `ringq unlink talk` removes the region.
 */
#include <stdio.h>
#include <string.h>
#include <ringq/ringq.h>

int main(int argc, char **argv)
{
	ringq_region *region;
	ringq_queue *queue;
	char text[256];
	ssize_t r = ringq_region_create(&region, &(struct ringq_region_options){.name = "talk"});

	if (r == -EEXIST) /* the other was here first */
		r = ringq_region_open(&region, "talk");
	if (r == 0)
		r = ringq_queue_create(&queue, region, &(struct ringq_queue_options){.name = "lines"});
	if (r == -EEXIST)
		r = ringq_queue_open(&queue, region, "lines");
	if (r == 0 && argc > 1)
		r = ringq_put(queue, argv[1], strlen(argv[1]), RINGQ_FOREVER);
	else if (r == 0 && (r = ringq_get(queue, text, sizeof(text), RINGQ_FOREVER)) >= 0)
		printf("%.*s\n", (int)r, text);
	if (r < 0)
		fprintf(stderr, "talk: %s\n", strerror((int)-r));
	return r < 0;
}
