/* SPDX-License-Identifier: MIT */

/* Looking: whether the bridges of a configuration could run, and what those have done that do. */

#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge.h"
#include "log.h"
#include "topology.h"

/* ---- check ---- */

static bool check_here(const struct bridge_config *c)
{
	struct place place;
	char why[600];
	int r = place_open(&place, c, why, sizeof why);
	if (r) {
		printf("%s: here: NOT GOOD: %s\n", c->name, why);
		return false;
	}
	printf("%s: here: good: region %s, queue %s, %" PRIu64 " records wait\n", c->name, c->region, c->queue,
		ringq_size(place.queue));
	place_close(&place);
	return true;
}

static bool check_there(const struct bridge_config *c, const struct uri *uri)
{
	struct link link;
	uint64_t waiting = 0;
	link_init(&link, c);
	bool good = link_open(&link, uri) == 0;
	if (good && topology_ready(&link, true, &waiting)) {
		/* To be declared at the first connect: missing is what it may be. */
		if (c->topology == TOPOLOGY_DECLARE && link.channel_error == AMQP_NOT_FOUND) {
			printf("%s: %s: good: not there yet, and declared when the bridge runs: %s\n", c->name,
				uri->text, link.why);
			link_close(&link);
			return true;
		}
		good = false;
	}
	if (good && c->remote_queue)
		printf("%s: %s: good: queue %s, %" PRIu64 " messages wait\n", c->name, uri->text, c->remote_queue,
			waiting);
	else if (good)
		printf("%s: %s: good: exchange %s\n", c->name, uri->text, c->exchange);
	else
		printf("%s: %s: NOT GOOD: %s\n", c->name, uri->text, link.why);
	link_close(&link);
	return good;
}

int check_all(const struct config *config)
{
	bool good = true;
	for (size_t i = 0; i < config->bridges; i++) {
		const struct bridge_config *c = &config->bridge[i];
		if (c->skip)
			continue;
		good = check_here(c) && good;
		for (unsigned k = 0; k < c->uris; k++)
			good = check_there(c, &c->uri[k]) && good;
	}
	return good ? STATUS_DONE : STATUS_NO;
}

/* ---- status ---- */

static int print_meters(const struct bridge_config *c)
{
	ringq_region *region;
	ringq_array *array;
	int r = ringq_region_open(&region, c->region);
	if (r) {
		log_line(LOG_LEVEL_ERROR, c->name, "region %s: %s", c->region, strerror(-r));
		return status_of(r);
	}
	r = meters_find(&array, region, c->name, false);
	if (r) {
		log_line(LOG_LEVEL_ERROR, c->name, "%s: array bridge.%s: %s",
			r == -ENOENT ? "it has not run yet" : "its meters cannot be read", c->name, strerror(-r));
		ringq_region_detach(region);
		return status_of(r);
	}
	for (size_t i = 0; i < METERS_END; i++) {
		uint64_t value = 0;
		ringq_load(array, i, &value);
		printf("%s\t%s\t%" PRIu64 "\n", c->name, meter_names[i], value);
	}
	ringq_array_release(array);
	ringq_region_detach(region);
	return STATUS_DONE;
}

int status_all(const struct config *config)
{
	int status = STATUS_DONE;
	for (size_t i = 0; i < config->bridges; i++) {
		int one = config->bridge[i].skip ? STATUS_DONE : print_meters(&config->bridge[i]);
		if (status == STATUS_DONE)
			status = one;
	}
	return status;
}
