/* SPDX-License-Identifier: MIT */
#include <ringq/version.h>

unsigned ringq_version(void)
{
	return RINGQ_VERSION;
}
