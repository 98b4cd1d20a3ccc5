import contextlib
import gc
import importlib
import os
import signal
from pathlib import Path

# SciPy reads it when it is first imported; without it scikit-learn skips its check of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: no test fails because others work beside it.
settings.register_profile("engram", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("engram")

# A shell lets what it starts in the background ignore Ctrl-C, and nohup a terminal that closes; some tests send both to
# themselves and to others.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
    signal.signal(_number, signal.SIG_DFL)


def pytest_collection(session):
    """Workers of the whole suite begin to import at either end: in a fresh clone each compiles to bytecode, not all.

    Whatever cannot be imported is told when it is collected.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    if session.config.args_source == pytest.Config.ArgsSource.TESTPATHS and int(worker) % 2:
        for file in sorted(Path(__file__).parent.glob("test_*.py"), reverse=True):
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(file.stem)


def pytest_collection_finish(session):
    """All that was imported and collected stays to the end: it is not looked through for garbage, time and again."""
    gc.freeze()
