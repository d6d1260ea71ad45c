# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.forkserver."""
import multiprocessing.forkserver
import sys

sys.modules[__name__] = multiprocessing.forkserver
