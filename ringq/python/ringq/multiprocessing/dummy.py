# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.dummy."""
import multiprocessing.dummy
import sys

sys.modules[__name__] = multiprocessing.dummy
