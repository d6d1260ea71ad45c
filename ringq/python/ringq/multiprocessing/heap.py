# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.heap."""
import multiprocessing.heap
import sys

sys.modules[__name__] = multiprocessing.heap
