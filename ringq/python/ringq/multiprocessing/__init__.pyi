# SPDX-License-Identifier: MIT
from multiprocessing import (
    active_children as active_children,
    allow_connection_pickling as allow_connection_pickling,
    AuthenticationError as AuthenticationError,
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    BufferTooShort as BufferTooShort,
    Condition as Condition,
    cpu_count as cpu_count,
    current_process as current_process,
    Event as Event,
    freeze_support as freeze_support,
    get_logger as get_logger,
    Lock as Lock,
    log_to_stderr as log_to_stderr,
    parent_process as parent_process,
    ProcessError as ProcessError,
    reducer as reducer,
    RLock as RLock,
    Semaphore as Semaphore,
    set_executable as set_executable,
    set_forkserver_preload as set_forkserver_preload,
    TimeoutError as TimeoutError,
)

from . import context as context, process as process, reduction as reduction

Array = context._default_context.Array
get_all_start_methods = context._default_context.get_all_start_methods
get_context = context._default_context.get_context
get_start_method = context._default_context.get_start_method
JoinableQueue = context._default_context.JoinableQueue
Manager = context._default_context.Manager
Pipe = context._default_context.Pipe
Pool = context._default_context.Pool
Process = context._default_context.Process
Queue = context._default_context.Queue
RawArray = context._default_context.RawArray
RawValue = context._default_context.RawValue
set_start_method = context._default_context.set_start_method
SimpleQueue = context._default_context.SimpleQueue
Value = context._default_context.Value

SUBDEBUG: int
SUBWARNING: int
__all__ = [
    "Array",
    "AuthenticationError",
    "Barrier",
    "BoundedSemaphore",
    "BufferTooShort",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Pool",
    "Process",
    "ProcessError",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "SimpleQueue",
    "TimeoutError",
    "Value",
    "active_children",
    "allow_connection_pickling",
    "cpu_count",
    "current_process",
    "freeze_support",
    "get_all_start_methods",
    "get_context",
    "get_logger",
    "get_start_method",
    "log_to_stderr",
    "parent_process",
    "reducer",
    "set_executable",
    "set_forkserver_preload",
    "set_start_method",
]
