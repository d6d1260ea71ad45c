/* SPDX-License-Identifier: MIT */
/*
 * A sender and a receiver, each with an end of a pipe.
 *
 * The counterpart of: parent_conn, child_conn = Pipe() with sender(conn) that does conn.send("Hello, receiver!") and
 * receiver(conn) that does msg = conn.recv(). Each process closes the end that is not its own: then the receiver learns,
 * after the last record, that no more can come.
 */

#include <errno.h>

#include "example.h"

static const char greeting[] = "Hello, receiver!";

static void sender(ringq_pipe *conn)
{
	must(ringq_send(conn, greeting, strlen(greeting), RINGQ_FOREVER), "send");
}

static void receiver(ringq_pipe *conn)
{
	char msg[100];
	ssize_t len = must(ringq_receive(conn, msg, sizeof(msg), RINGQ_FOREVER), "receive");

	printf("%.*s\n", (int)len, msg);
	expect((size_t)len == strlen(greeting) && memcmp(msg, greeting, (size_t)len) == 0, "it is the greeting");
	expect(ringq_receive(conn, msg, sizeof(msg), RINGQ_FOREVER) == -EPIPE, "the sender is gone");
}

static pid_t start_at_end(void (*run)(ringq_pipe *conn), ringq_pipe *conn, ringq_pipe *other)
{
	fflush(stdout);

	pid_t pid = fork();
	expect(pid >= 0, "fork works");
	if (pid == 0) {
		ringq_pipe_close(other);
		run(conn);
		ringq_pipe_close(conn);
		exit(EXIT_SUCCESS);
	}
	return pid;
}

int main(void)
{
	ringq_pipe *parent_conn, *child_conn;

	must(ringq_pipe_create(&parent_conn, &child_conn, NULL, 0), "create");

	pid_t p1 = start_at_end(sender, child_conn, parent_conn);
	pid_t p2 = start_at_end(receiver, parent_conn, child_conn);
	ringq_pipe_close(child_conn);
	ringq_pipe_close(parent_conn);
	join(p1);
	join(p2);
	return EXIT_SUCCESS;
}
