/* SPDX-License-Identifier: MIT */
/* The calls that put_get.js needs, as a module of Node: cc -shared -fPIC -o ringq.node put_get_node.c -l ringq. See node.sh. */
#include <stdlib.h>

#include <node_api.h>
#include <ringq/ringq.h>

static napi_value number(napi_env env, int64_t n)
{
	napi_value value;
	return napi_create_int64(env, n, &value) == napi_ok ? value : NULL;
}

/* The arguments: a queue, and, if `data` is given, a Buffer. */
static ringq_queue *arguments(napi_env env, napi_callback_info info, void **data, size_t *len)
{
	napi_value args[2];
	size_t n = 2;
	void *queue = NULL;
	bool is_buffer = true;
	if (napi_get_cb_info(env, info, &n, args, NULL, NULL) != napi_ok ||
		napi_get_value_external(env, args[0], &queue) != napi_ok ||
		(data && (napi_is_buffer(env, args[1], &is_buffer) != napi_ok || !is_buffer ||
				 napi_get_buffer_info(env, args[1], data, len) != napi_ok))) {
		napi_throw_type_error(env, NULL, data ? "queue, Buffer" : "queue");
		return NULL;
	}
	return queue;
}

static void release(napi_env env, void *queue, void *hint)
{
	(void)env;
	(void)hint;
	ringq_queue_release(queue);
}

static napi_value create(napi_env env, napi_callback_info info)
{
	ringq_queue *queue;
	napi_value value = NULL;
	(void)info;
	if (ringq_queue_create(&queue, NULL, NULL) < 0)
		napi_throw_error(env, NULL, "ringq_queue_create");
	else if (napi_create_external(env, queue, release, NULL, &value) != napi_ok)
		ringq_queue_release(queue);
	return value;
}

/* Neither waits, as a call that did would hold the whole of a Node: -EAGAIN is for who looks again later, at an event. */
static napi_value put(napi_env env, napi_callback_info info)
{
	void *data;
	size_t len;
	ringq_queue *queue = arguments(env, info, &data, &len);
	return queue ? number(env, ringq_put(queue, len ? data : NULL, len, RINGQ_NOWAIT)) : NULL;
}

static napi_value get(napi_env env, napi_callback_info info)
{
	void *data;
	size_t len;
	ringq_queue *queue = arguments(env, info, &data, &len);
	return queue ? number(env, ringq_get(queue, data, len, RINGQ_NOWAIT)) : NULL;
}

static napi_value finish(napi_env env, napi_callback_info info)
{
	ringq_queue *queue = arguments(env, info, NULL, NULL);
	return queue ? number(env, ringq_close(queue)) : NULL;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor calls[] = {
		{.utf8name = "create", .method = create, .attributes = napi_enumerable},
		{.utf8name = "put", .method = put, .attributes = napi_enumerable},
		{.utf8name = "get", .method = get, .attributes = napi_enumerable},
		{.utf8name = "close", .method = finish, .attributes = napi_enumerable},
	};
	return napi_define_properties(env, exports, sizeof(calls) / sizeof(*calls), calls) == napi_ok ? exports : NULL;
}
