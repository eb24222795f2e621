"""Run a Python module so that every process it forks ends with it: `die_with_parent.py MODULE ARG...`.

It is for gunicorn, whose workers would outlive a killed master by the time of a request. It is run by its path, without
this package, so it must not import it.
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
    sys.path[0] = os.getcwd()  # noqa: PTH109 - the same as `python -m`
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
