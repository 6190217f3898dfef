"""Has a running process make a system call that it would not make by itself: what an intruder's code would do.

By ptrace, from outside: there is nothing in the program for it. The thread is stopped where it waits in the
kernel, sent back to the instruction that it came by, with another call's number, and let go.
"""

import contextlib
import ctypes
import os
import platform

from .poll import until

CALLS = {"openat": 257, "execve": 59, "ptrace": 101, "io_uring_setup": 425}
"""by their numbers on x86_64"""

_SEIZE, _INTERRUPT, _GETREGS, _SETREGS, _DETACH = 0x4206, 0x4207, 12, 13, 17
_WALL = 0x40000000
_REGISTERS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
              "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs")
_SYSCALL = b"\x0f\x05"
"""the instruction"""


class NotPermittedError(Exception):
    """This machine does not let one process trace another, or is of another kind."""


class _Registers(ctypes.Structure):
    """user_regs_struct of x86_64."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTERS]


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(request, thread, data=None):
    if _libc.ptrace(request, thread, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _stopped(thread):
    """The thread stands still inside; then it goes on."""
    try:
        _ptrace(_SEIZE, thread)
    except PermissionError as error:
        raise NotPermittedError(f"ptrace: {error}") from error
    _ptrace(_INTERRUPT, thread)
    _, status = os.waitpid(thread, _WALL)
    assert os.WIFSTOPPED(status), status
    try:
        yield
    finally:
        _ptrace(_DETACH, thread)


def _redirect(thread, number):
    """Returns whether it stood behind a system call, and will make this one now."""
    registers = _Registers()
    with _stopped(thread):
        _ptrace(_GETREGS, thread, ctypes.byref(registers))
        with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
            memory.seek(registers.rip - len(_SYSCALL))
            if memory.read(len(_SYSCALL)) != _SYSCALL:
                return False
        registers.rip -= len(_SYSCALL)
        registers.rax = number
        registers.orig_rax = (1 << 64) - 1  # the call it was in is not to be begun again
        _ptrace(_SETREGS, thread, ctypes.byref(registers))
        return True


def threads(pid):
    """A process's threads, the first one first."""
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def make_call(thread, name):
    """Have a thread, by its id, make the system call of this name, with whatever arguments it has at hand."""
    if platform.machine() != "x86_64":
        raise NotPermittedError(f"no registers of {platform.machine()} are known here")
    until(f"thread {thread} can be made to call {name}", lambda: _redirect(thread, CALLS[name]))
