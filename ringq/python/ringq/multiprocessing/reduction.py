# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.reduction."""
import multiprocessing.reduction
import sys

sys.modules[__name__] = multiprocessing.reduction
