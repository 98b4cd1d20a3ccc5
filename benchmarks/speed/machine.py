"""What machine and which versions a measurement was made on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

VECTORS = ("avx512f", "avx2", "avx", "sse2")
OF_PROCESSOR = {"x86-64-v4": "avx512f", "x86-64-v3": "avx2", "haswell": "avx2", "x86-64-v2": "sse4.2", "x86-64": "sse2"}
"""Vector instructions of processors that code may be made for."""


def describe(cpu: str = "") -> dict:
    """Processor, vector instructions in use, caches, memory, system and date.

    Parameters
    ----------
    cpu : str
        What code was made for, if not for the processor at hand.
    """
    processor = _lines("/proc/cpuinfo", "model name", "cpu family", "model", "flags")
    memory = _lines("/proc/meminfo", "MemTotal")
    flags = processor.get("flags", "").split()
    return {
        "processor": processor.get("model name", platform.processor()),
        "family_model": f"{processor.get('cpu family', '?')}/{processor.get('model', '?')}",
        "code_for": cpu or "this processor",
        "vectors": OF_PROCESSOR.get(cpu, "unknown") if cpu else next((v for v in VECTORS if v in flags), "unknown"),
        "cores": os.cpu_count(),
        "caches": _caches(),
        "memory_gib": round(int(memory.get("MemTotal", "0 kB").split()[0]) / 2**20, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }


def available_mib() -> float:
    """Memory that can be had without swapping."""
    return int(_lines("/proc/meminfo", "MemAvailable").get("MemAvailable", "0 kB").split()[0]) / 1024


def _lines(path: str, *names: str) -> dict[str, str]:
    """The first value of each name in a file of ``name : value`` lines; nothing where there is no such file."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return {}
    pairs = [(name.strip(), value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon]
    return {name: value for name, value in reversed(pairs) if name in names}


def _caches() -> dict[str, str]:
    """Size of each cache of the first core."""
    caches = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        caches[f"L{level}{'' if kind == 'Unified' else ' ' + kind.lower()}"] = size
    return caches
