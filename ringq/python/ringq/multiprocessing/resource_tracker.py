# SPDX-License-Identifier: MIT
"""The standard library's multiprocessing.resource_tracker."""
import multiprocessing.resource_tracker
import sys

sys.modules[__name__] = multiprocessing.resource_tracker
