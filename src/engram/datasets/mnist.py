"""MNIST [1]_, 60,000 training and 10,000 test images of handwritten digits, 28×28 pixels.

References
----------
.. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86:2278 (1998).
"""

from engram.datasets.official import IdxFile, OfficialSet

MNIST = OfficialSet(
    name="mnist",
    title="MNIST",
    description="MNIST, 70,000 handwritten digits of 28×28 pixels.",
    files=(
        IdxFile(
            "train-images-idx3-ubyte",
            (60_000, 28, 28),
            sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            (60_000,),
            sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        IdxFile(
            "t10k-images-idx3-ubyte",
            (10_000, 28, 28),
            sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            (10_000,),
            sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    folders=("mnist", "MNIST/raw", "MNIST"),
)

SOURCE = MNIST.source()
