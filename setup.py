"""All that pyproject.toml cannot say: with ``ENGRAM_SHIP_CODE=1`` a wheel carries machine code of the kernels.

Such a wheel is for one kind of machine, while it is for every Python: what it carries knows nothing of Python.
"""

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

SHIPS = os.environ.get("ENGRAM_SHIP_CODE", "0") not in ("", "0")


class BuildWithCode(build_py):
    """The sources, and beside them what the compiler makes of them: of exactly these, as the wheel holds them."""

    def run(self):
        """See setuptools."""
        super().run()
        sources = Path(self.build_lib).resolve()
        folder = sources / "engram" / "kernels" / "machine_code"
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier build
        if SHIPS and not self.editable_mode:
            if platform.machine().lower() not in ("x86_64", "amd64"):
                sys.exit(f"ENGRAM_SHIP_CODE is for x86-64 machines, this is {platform.machine()}; build without it.")
            surroundings = {**os.environ, "PYTHONPATH": str(sources), "ENGRAM_SHIPPED_CODE": "0"}
            command = [sys.executable, "-m", "engram.kernels.ship", str(folder)]
            subprocess.run(command, env=surroundings, cwd=sources, check=True)


class WheelWithCode(bdist_wheel):
    """A wheel of machine code is for its kind of machine and for any Python."""

    def finalize_options(self):
        """See setuptools."""
        super().finalize_options()
        self.root_is_pure = not SHIPS

    def get_tag(self):
        """For any Python of this kind of machine."""
        _, _, kind = super().get_tag()
        return ("py3", "none", kind)


needed = []
if SHIPS:  # only then does building a wheel need the compiler
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    names = ("numba", "numpy", "platformdirs", "scipy", "rich")
    needed = [line for line in project["dependencies"] if line.startswith(names)]

setup(cmdclass={"build_py": BuildWithCode, "bdist_wheel": WheelWithCode}, setup_requires=needed)
