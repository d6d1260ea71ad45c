# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.process."""
import multiprocessing.process
import sys

sys.modules[__name__] = multiprocessing.process
