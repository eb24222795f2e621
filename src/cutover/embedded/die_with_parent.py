"""Runs a Python module so that every process it forks dies with it: `die_with_parent.py MODULE ARG...`.

For gunicorn: its workers would outlive a killed master by as long as a request takes. Not to be
imported: it is run by its path, in the environment of the system and without this package.
"""

import ctypes
import os
import runpy
import signal
import sys

_libc = ctypes.CDLL(None)
_parent = 0


def _remember() -> None:
    global _parent
    _parent = os.getpid()


def _bind() -> None:
    _libc.prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != _parent:
        os._exit(1)


if __name__ == "__main__":
    os.register_at_fork(before=_remember, after_in_child=_bind)
    del sys.argv[0]
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` has it
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
