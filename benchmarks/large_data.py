"""How much memory large data take while they are read: a table of millions of rows, and a folder of many pictures.

    python benchmarks/large_data.py --out docs/measured/large_data.json

Each set is made in a temporary folder and read by a process of its own, whose peak memory is compared with that of one
that reads a handful of rows or pictures, and with the size of the arrays that it holds in the end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

READ = """
import json, resource, sys
from engram.datasets import load
told = []
data = load(sys.argv[1], progress=lambda what, done, total: told.append((done, total)))
held = data.train_images.nbytes + data.test_images.nbytes + data.train_labels.nbytes + data.test_labels.nbytes
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"examples": len(data.train_images) + len(data.test_images), "held_bytes": held, "peak_bytes": peak,
                  "progress_calls": len(told), "told_to_the_end": told[-1][0] == told[-1][1] if told else None}))
"""


def write_table(path: Path, n_rows: int) -> Path:
    """A table of four columns of numbers and a label."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("a,b,c,d,label\n")
        for start in range(0, n_rows, 100_000):
            rows = random.integers(0, 1000, (min(100_000, n_rows - start), 4))
            np.savetxt(file, np.column_stack((rows, rows.sum(axis=1) % 3)), "%d", ",")
    return path


def write_pictures(folder: Path, n_files: int) -> Path:
    """A folder of 28×28 PNG files in ten classes."""
    from PIL import Image

    random = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    for k in range(n_files):
        picture = np.zeros((28, 28), np.uint8)
        picture[8:20, 8:20] = random.integers(0, 256, (12, 12))
        Image.fromarray(picture).save(folder / str(k % 10) / f"{k}.png", compress_level=1)
    return folder


def read(path: Path) -> dict:
    """What reading a path takes."""
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(write, few: int, many: int, name: str) -> dict:
    """A large set beside a small one of the same kind."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = read(write(Path(folder) / f"few{name}", few)), read(write(Path(folder) / f"many{name}", many))
    large["beyond_what_is_held"] = large["peak_bytes"] - small["peak_bytes"] - large["held_bytes"]
    return large


def main() -> None:
    """Measure both kinds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = {
        "csv": measure(write_table, 1000, options.rows, ".csv"),
        "pictures": measure(write_pictures, 100, options.files, ""),
    }
    text = json.dumps(result, indent=2, sort_keys=True) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
