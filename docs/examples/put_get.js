// SPDX-License-Identifier: MIT
// Put and get from Node, by the C calls, through koffi: npm install koffi, then node put_get.js, with ringq installed.
const koffi = require('koffi'), { promisify } = require('util');

const c = koffi.load('libringq.so.0');
koffi.opaque('ringq_queue');
const create = c.func('int ringq_queue_create(_Out_ ringq_queue **queue, void *region, const void *options)');
const put = c.func('int ringq_put(ringq_queue *queue, const void *data, size_t len, int64_t timeout)');
const get = c.func('intptr_t ringq_get(ringq_queue *queue, void *buffer, size_t len, int64_t timeout)');
const close = c.func('int ringq_close(ringq_queue *queue)');
const release = c.func('void ringq_queue_release(ringq_queue *queue)');
const NOWAIT = 0, FOREVER = -1; // macros of ringq.h

// What may wait does so in a thread of koffi's: Node goes on meanwhile.
const wait = promisify(get.async);

async function consume(queue) {
	const buffer = Buffer.alloc(64), got = [];
	for (let n; (n = await wait(queue, buffer, buffer.length, FOREVER)) >= 0;) // below 0: closed, and all taken
		got.push(buffer.toString('utf8', 0, n));
	release(queue);
	console.log('got', got.join(', '));
}

const handle = [null];
if (create(handle, null, null) < 0)
	throw new Error('ringq_queue_create');
const [queue] = handle;
consume(queue);
for (const record of ['one', 'two', 'three'].map(word => Buffer.from(word)))
	if (put(queue, record, record.length, NOWAIT) < 0)
		throw new Error('ringq_put');
close(queue);
