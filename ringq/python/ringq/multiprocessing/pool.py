# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.pool."""
import multiprocessing.pool
import sys

sys.modules[__name__] = multiprocessing.pool
