"""Hold out test images where a file brings only one set."""

import numpy as np


def stratified_split(labels: np.ndarray, n_test: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide images into a training and a test part with the same mix of classes, always in the same way.

    Each class gives its share of the test images, rounded by the largest remainder (ties go to the
    smaller label), and always keeps at least one image for training. Within a class the images are drawn
    by ``RandomState(0)``, whose stream NumPy keeps fixed for good (NEP 19), so that the same labels are
    divided alike on every machine and in every version.

    Parameters
    ----------
    labels : ndarray of shape (n_images,), int64
        Class of each image.
    n_test : int
        Number of test images; fewer come out where classes of a single image cannot give one.

    Returns
    -------
    train, test : ndarray of int64
        Sorted indices of the two parts.

    Examples
    --------
    >>> import numpy as np
    >>> train, test = stratified_split(np.array([0, 0, 0, 1, 1, 1]), 2)
    >>> len(train), len(test)
    (4, 2)
    """
    classes, counts = np.unique(labels, return_counts=True)
    # Whole-number arithmetic: shares as quotient and remainder of counts · n_test / n_images.
    quotas, remainders = np.divmod(counts * n_test, len(labels))
    for index in np.argsort(-remainders, kind="stable")[: n_test - quotas.sum()]:
        quotas[index] += 1
    quotas = np.minimum(quotas, counts - 1)
    random = np.random.RandomState(0)
    held_out = np.zeros(len(labels), bool)
    for label, quota in zip(classes, quotas, strict=True):
        held_out[random.permutation(np.flatnonzero(labels == label))[:quota]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
