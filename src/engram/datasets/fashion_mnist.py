"""Fashion-MNIST [1]_, 70,000 pictures of clothes in ten classes, in MNIST's form.

References
----------
.. [1] H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747 (2017).
"""

from engram.datasets.official import IdxFile, OfficialSet

_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

FASHION_MNIST = OfficialSet(
    name="fashion-mnist",
    title="Fashion-MNIST",
    description="Fashion-MNIST, 70,000 pictures of clothes of 28×28 pixels.",
    files=(
        IdxFile(
            "train-images-idx3-ubyte",
            (60_000, 28, 28),
            sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            (60_000,),
            sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        IdxFile(
            "t10k-images-idx3-ubyte",
            (10_000, 28, 28),
            sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            (10_000,),
            sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    mirrors=(
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    folders=("fashion-mnist", "fashion", "FashionMNIST/raw", "FashionMNIST"),
    class_names=dict(enumerate(_CLASSES)),
)

SOURCE = FASHION_MNIST.source()
