# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.util."""
import multiprocessing.util
import sys

sys.modules[__name__] = multiprocessing.util
