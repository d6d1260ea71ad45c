# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.synchronize."""
import multiprocessing.synchronize
import sys

sys.modules[__name__] = multiprocessing.synchronize
