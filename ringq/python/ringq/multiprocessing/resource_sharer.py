# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.resource_sharer."""
import multiprocessing.resource_sharer
import sys

sys.modules[__name__] = multiprocessing.resource_sharer
