"""The peers' own environments, made from pinned requirement files."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE.parent / ".peers"

# Files of requirements, and whether what they depend on is installed too.
_REQUIREMENTS = {
    "brian2": [("brian2.txt", True)],
    "bindsnet": [("bindsnet.txt", True), ("bindsnet-alone.txt", False)],
}


def interpreter(environment: str) -> Path:
    """The Python of an environment; that of engram is the one that runs this."""
    if environment == "engram":
        return Path(sys.executable)
    return _ROOT / environment / "bin" / "python"


def missing(environment: str) -> str | None:
    """Why an environment cannot be used, or None if it can."""
    if not interpreter(environment).exists():
        return "not installed; run with --install"
    problem = _ROOT / environment / "problem.txt"
    return problem.read_text() if environment != "engram" and problem.exists() else None


def install() -> None:
    """Make the environments anew; one that fails is left with the reason in it."""
    for environment, files in _REQUIREMENTS.items():
        folder = _ROOT / environment
        venv.create(folder, clear=True, with_pip=True)
        (_ROOT / ".gitignore").write_text("*\n")
        for name, with_dependencies in files:
            command = [interpreter(environment), "-m", "pip", "install", "--quiet"]
            options = [] if with_dependencies else ["--no-deps"]
            done = subprocess.run(
                [*command, *options, "-r", _HERE / "requirements" / name], stderr=subprocess.PIPE, text=True
            )
            if done.returncode:
                lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no reason given"]
                (folder / "problem.txt").write_text(f"pip could not install it: {lines[0]}")
                break
