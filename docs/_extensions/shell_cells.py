"""Cells of a page that are commands: ``%%shell`` shows what they print, in an empty folder of the page's own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from IPython.core.magic import register_cell_magic

os.chdir(tempfile.mkdtemp())
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where engram was installed


@register_cell_magic
def shell(line, cell):
    """Show what commands print, as a file would have it."""
    os.environ.pop("FORCE_COLOR", None)
    told = subprocess.run(["bash", "-ec", cell], capture_output=True, text=True, check=True).stdout
    print(told.replace(f"{Path.cwd()}/", ""), end="")  # the folder has another name each time
