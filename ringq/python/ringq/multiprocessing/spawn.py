# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.spawn."""
import multiprocessing.spawn
import sys

sys.modules[__name__] = multiprocessing.spawn
