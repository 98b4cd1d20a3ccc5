"""Execute each page in a kernel of its own that begins in a moment: forked from a process that has imported everything.

A kernel that is begun as Jupyter begins one imports for two seconds, again on each page. The process that they are
forked from does nothing but import, so each page starts from the same state, whatever was executed before.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
import sys
import threading
from importlib.metadata import EntryPoint
from pathlib import Path

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# What several pages import. matplotlib_inline is left to the kernels: imported ahead, it finds no shell to draw in.
IMPORTED = (
    "engram.datasets.csv_file", "engram.datasets.digits", "engram.datasets.fashion_mnist", "engram.datasets.kmnist",
    "engram.datasets.picture_folder", "engram.datasets.zip_json", "engram.estimator", "engram.evaluation",
    "engram.exchange", "engram.figures.canvas", "engram.kernels.build", "engram.kernels.compiler", "engram.regression",
    "engram.simulation", "engram.sweep", "ipykernel.debugger", "ipykernel.kernelapp", "ipykernel.zmqshell",
    "IPython.core.debugger", "IPython.core.oinspect", "IPython.core.pylabtools", "IPython.extensions.storemagic",
    "llvmlite.binding", "matplotlib.pyplot", "pandas", "PIL.GifImagePlugin", "PIL.PngImagePlugin", "rich.progress",
    "safetensors.numpy", "sklearn.preprocessing", "tornado.platform.asyncio",
)  # fmt: skip


def setup(app):
    """See Sphinx."""
    if sys.platform == "linux":  # elsewhere processes cannot be forked, or not safely: kernels begin as ever
        drawn = "module://matplotlib_inline.backend_inline"
        os.environ.setdefault("MPLBACKEND", drawn)  # as a kernel would, later
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # what a debugger would miss: nobody debugs a page
        multiprocessing.get_context("forkserver").set_forkserver_preload(list(IMPORTED))
        known = KernelProvisionerFactory.instance()
        known.provisioners["warm"] = EntryPoint("warm", f"{__name__}:Provisioner", known.GROUP_NAME)
        known.default_provisioner_name = "warm"
    return {"parallel_read_safe": False}


class Provisioner(LocalProvisioner):
    """Begins a kernel when Jupyter's client wants one."""

    async def launch_kernel(self, cmd, *, cwd, env, **others):
        """See Jupyter."""
        self.process = Forked(cmd[cmd.index("-f") :], cwd, env)
        self.pid = self.pgid = self.process.pid
        self.cwd = cwd
        return self.connection_info


class Forked:
    """A kernel's process, with what Jupyter asks of :class:`subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, arguments, folder, environment):
        ours = {"", str(Path.cwd()), str(Path(__file__).parent)}
        path = [place for place in sys.path if place not in ours]
        begin = multiprocessing.get_context("forkserver").Process
        self._process = begin(target=_kernel, args=(arguments, folder, environment, path))
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        """What it ended with; None while it runs."""
        return self._process.exitcode

    def wait(self):
        """Wait for its end."""
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number):
        """Send a signal to this process alone."""
        os.kill(self.pid, number)

    def terminate(self):
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """End it."""
        self.send_signal(signal.SIGKILL)


def _kernel(arguments, folder, environment, path):
    from ipykernel.kernelapp import IPKernelApp

    gc.freeze()  # what was imported ahead stays, and is not looked through for garbage on each page
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    sys.argv[:] = [sys.argv[0], *arguments]
    multiprocessing.set_start_method(None, force=True)  # a page chooses its own
    threading.Thread(target=_end_with, args=[multiprocessing.parent_process()], daemon=True).start()
    IPKernelApp.launch_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
    atexit._run_exitfuncs()  # a forked process ends without


def _end_with(builder):
    builder.join()
    os._exit(1)
