/* SPDX-License-Identifier: MIT */
#ifndef BRIDGE_SECRET_H
#define BRIDGE_SECRET_H

/*
 * User and password, of a file that nobody else may read: lines `user = NAME` and `password = TEXT`. It is read at each
 * connect, so that a password can be changed under a running bridge, and wiped right after. A name without a slash is looked
 * for in $CREDENTIALS_DIRECTORY first, where systemd's LoadCredential= puts it.
 */

struct secret {
	char user[256];
	char password[1024];
};

/* NULL, or what is wrong, as text that is good until the next call of the thread. */
const char *secret_read(struct secret *out, const char *path);
void secret_wipe(struct secret *secret);

/* No core of this process is ever written: there may be a password in it. */
void secret_forbid_cores(void);

#endif
