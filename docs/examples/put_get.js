// SPDX-License-Identifier: MIT
// Put and get from Node, by the module that put_get_node.c makes of the C calls: node put_get.js ./ringq.node
const ringq = require(require('path').resolve(process.argv[2]));

const queue = ringq.create();
for (const word of ['one', 'two', 'three'])
	if (ringq.put(queue, Buffer.from(word)) < 0)
		throw new Error('put');
ringq.close(queue);

const buffer = Buffer.alloc(64), got = [];
for (let n; (n = ringq.get(queue, buffer)) >= 0;) // below 0: closed, and all taken
	got.push(buffer.toString('utf8', 0, n));
console.log('got', got.join(', '));
