/* SPDX-License-Identifier: MIT */

#include "status.h"

#include <errno.h>

int status_of(int error)
{
	switch (error) {
	case 0:
		return STATUS_DONE;
	case -EAGAIN:
	case -ETIMEDOUT:
	case -EEXIST:
	case -EMSGSIZE:
		return STATUS_NO;
	case -EINVAL:
		return STATUS_USAGE;
	case -ENOENT:
	case -ESRCH:
		return STATUS_NOT_FOUND;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return STATUS_NOT_PERMITTED;
	case -EPIPE:
		return STATUS_CLOSED;
	case -EPROTO:
	case -EBADMSG:
		return STATUS_DAMAGED;
	default:
		return STATUS_TROUBLE;
	}
}
