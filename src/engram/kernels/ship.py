"""Machine code for a wheel: ``python -m engram.kernels.ship FOLDER`` compiles what comes with engram for
:data:`engram.kernels.code_store.SHIPPED_FOR`, into a folder that such a wheel holds beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

from engram.kernels import code_store
from engram.kernels.progress import told
from engram.kernels.stock import stock_routines
from engram.kernels.workers import compiled


def ship(folder: Path, routines=None) -> int:
    """Compile routines, by default all that come with engram, into a folder; return how many bytes they are."""
    routines = stock_routines() if routines is None else routines
    n_bytes = 0
    with told(_line) as tell:
        for done, (routine, code) in enumerate(compiled(routines, (code_store.SHIPPED_FOR, "")), 1):
            n_bytes += code_store.ship(routine, code, folder).stat().st_size
            tell(done, len(routines), routine.label)
    return n_bytes


def _line(done: int, total: int, label: str) -> None:
    if done % 50 == 0 or done == total:
        print(f"compiled {done} of {total} routines for {code_store.SHIPPED_FOR}", flush=True)


if __name__ == "__main__":
    ship(Path(sys.argv[1]))
