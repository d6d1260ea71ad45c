# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.shared_memory."""
import multiprocessing.shared_memory
import sys

sys.modules[__name__] = multiprocessing.shared_memory
