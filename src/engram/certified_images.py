"""Images whose spikes do not depend on rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engram.certificate import Certificate
from engram.exchange.frozen import freeze
from engram.model import Model
from engram.simulation import simulate
from engram.validation import check_choice


def certify_images(
    model: Model, images, *, dtype: str | None = None, on_progress: Callable[[int], None] | None = None
) -> list[Certificate]:
    """Whether any spike that images draw depends on rounding, image by image.

    Parameters
    ----------
    model : Model
    images : ndarray of shape (n_images, n_inputs)
        Pixel values 0-255.
    dtype : {"float32", "float64"}, optional
        In which precision; the model's own by default.
    on_progress : callable, optional
        Called with the number of images done.

    Returns
    -------
    list of Certificate
        Of an image that drew too few spikes and was shown again, that of the last showing.

    Raises
    ------
    ConfigError
        If there is no bound for the network; see :func:`engram.simulate`.
    """
    dtype = model.network.dtype if dtype is None else dtype
    check_choice("dtype", dtype, ("float32", "float64"))
    frozen, simulator, certificates = freeze(model), model.simulator(), []
    network = replace(frozen.network, dtype=dtype)
    for image in np.asarray(images):
        spikes = simulator.presentation_of(image).input_spikes
        result = simulate(
            network,
            spikes=(spikes[:, 0], spikes[:, 1]),
            n_steps=simulator.schedule["n_shown"],
            certify=True,
            weights=frozen.weights,
            theta=frozen.theta,
            delays=frozen.delays,
            learn=False,
        )
        certificates.append(result.certificate)
        if on_progress is not None:
            on_progress(len(certificates))
    return certificates
