"""Kuzushiji-MNIST [1]_, 70,000 cursive hiragana in ten classes, in MNIST's form.

The hashes are those of the published, gzipped files.

References
----------
.. [1] T. Clanuwat et al., arXiv:1812.01718 (2018).
"""

from engram.datasets.official import IdxFile, OfficialSet

KMNIST = OfficialSet(
    name="kmnist",
    title="KMNIST",
    description="Kuzushiji-MNIST, 70,000 cursive hiragana of 28×28 pixels.",
    files=(
        IdxFile("train-images-idx3-ubyte", (60_000, 28, 28), md5="bdb82020997e1d708af4cf47b453dcf7"),
        IdxFile("train-labels-idx1-ubyte", (60_000,), md5="e144d726b3acfaa3e44228e80efcd344"),
        IdxFile("t10k-images-idx3-ubyte", (10_000, 28, 28), md5="5c965bf0a639b31b8f53240b1b52f4d7"),
        IdxFile("t10k-labels-idx1-ubyte", (10_000,), md5="7320c461ea6c1c855c0b718fb2a4b134"),
    ),
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    folders=("kmnist", "KMNIST/raw", "KMNIST"),
    class_names=dict(enumerate(("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"))),
)

SOURCE = KMNIST.source()
