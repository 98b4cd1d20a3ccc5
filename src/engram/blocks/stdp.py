"""Plasticity: synapses that change with the timing of spikes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engram.blocks.base import Block, State, as_input, as_spikes, step_ends
from engram.blocks.equations import EXP2
from engram.blocks.recordings import PlasticityRun, STDPWindow
from engram.errors import ConfigError, DataError
from engram.plasticity.pair import Pair
from engram.synapses import clip_weight, trace_now

_ON_PRE: Callable = Pair.on_pre  # functions of numbers, although they stand in a class
_ON_POST: Callable = Pair.on_post


@dataclass(frozen=True, kw_only=True, eq=False)
class PairSTDP(Block):
    r"""Pair STDP: a synapse grows if its input spikes before the neuron, and shrinks if after.

    The equations are those of the learning rule :class:`engram.plasticity.pair.Pair`: a presynaptic spike changes the
    weight by :math:`(w_{max} - w_{min})\, x_{post}` and adds `a_pre` to :math:`x_{pre}`; a postsynaptic one changes it
    by :math:`(w_{max} - w_{min})\, x_{pre}` and takes `a_post` from :math:`x_{post}`. The traces decay exponentially.
    Spikes of the same step count as pre before post.

    Parameters
    ----------
    a_pre, a_post : float
        Potentiation and depression by a pair without delay, as a fraction of the range of weights.
    tau_pre, tau_post : float
        Decay of the traces, ms.
    w_min, w_max : float
        Bounds of the weights.
    w_start : float or array-like of shape (n_inputs, n_neurons)
        Weights at time 0.
    dt : float
        Time step, ms.

    Attributes
    ----------
    w : ndarray of shape (n_inputs, n_neurons)
    x_pre : ndarray of shape (n_inputs,)
    x_post : ndarray of shape (n_neurons,)

    Examples
    --------
    >>> from engram.blocks import PairSTDP
    >>> synapse = PairSTDP()
    >>> _ = synapse.step(True, False)
    >>> round(float(synapse.step(False, True)[0, 0]), 4)  # 0.5 + 0.1 exp(-1/30)
    0.5967
    """

    a_pre: float = 0.1
    a_post: float = 0.11
    tau_pre: float = 30.0
    tau_post: float = 30.0
    w_min: float = 0.0
    w_max: float = 1.0
    w_start: float | np.ndarray = 0.5

    w = State[np.ndarray]()
    x_pre = State[np.ndarray]()
    x_post = State[np.ndarray]()
    _shaped = State[bool]()

    def __post_init__(self):
        Pair(  # checks them
            a_pre=self.a_pre,
            a_post=self.a_post,
            tau_pre=self.tau_pre,
            tau_post=self.tau_post,
            w_min=self.w_min,
            w_max=self.w_max,
        )
        start = as_input("w_start", self.w_start)
        if start.ndim not in (0, 2):
            raise ConfigError(f"w_start must be a number or have shape (n_inputs, n_neurons), got {start.shape}.")
        if np.any((start < self.w_min) | (start > self.w_max)):
            raise ConfigError(
                f"w_start must lie between w_min {self.w_min!r} and w_max {self.w_max!r}, got {start.min():g} to"
                f" {start.max():g}."
            )
        super().__post_init__()

    def reset(self) -> None:
        """Return to the weights of time 0, without traces."""
        start = as_input("w_start", self.w_start)
        n_inputs, n_neurons = start.shape or (1, 1)
        self._set(w=np.array(np.broadcast_to(start, (n_inputs, n_neurons))))
        self._set(x_pre=np.zeros(n_inputs), x_post=np.zeros(n_neurons), _shaped=start.ndim == 2)

    def step(self, pre, post) -> np.ndarray:
        """Advance by one time step.

        Parameters
        ----------
        pre : array-like of shape (n_inputs,), bool
            Which inputs spiked.
        post : array-like of shape (n_neurons,), bool
            Which neurons spiked.

        Returns
        -------
        ndarray of shape (n_inputs, n_neurons)
            The weights.
        """
        pre, post = np.atleast_1d(as_spikes("pre", pre)), np.atleast_1d(as_spikes("post", post))
        self._take_shape(pre, post)
        w, x_pre, x_post = self.w.copy(), self._decayed(self.x_pre, self.tau_pre), self.x_post
        x_post = self._decayed(x_post, self.tau_post)
        x_pre[pre] += self.a_pre
        w[pre] = self._clipped(_ON_PRE(w[pre], x_post, self.w_min, self.w_max))
        x_post[post] -= self.a_post
        w[:, post] = self._clipped(_ON_POST(w[:, post], x_pre[:, None], self.w_min, self.w_max))
        self._set(w=w, x_pre=x_pre, x_post=x_post)
        return w

    def run(self, pre, post) -> PlasticityRun:
        """Let spike trains change the weights, going on from the present state.

        Parameters
        ----------
        pre : array-like of shape (n_steps,) or (n_steps, n_inputs), bool
        post : array-like of shape (n_steps,) or (n_steps, n_neurons), bool

        Returns
        -------
        PlasticityRun
        """
        pre, post = np.asarray(pre), np.asarray(post)
        if not min(pre.ndim, post.ndim) >= 1 or len(pre) != len(post):
            raise DataError(
                f"pre and post must have one row per time step, got shapes {pre.shape} and {post.shape}; give both the"
                " same number of steps."
            )
        states = []
        for row_pre, row_post in zip(pre, post, strict=True):
            self.step(row_pre, row_post)
            states.append((self.w, self.x_pre, self.x_post))
        w, x_pre, x_post = (np.array(part) for part in zip(*states, strict=True))
        return PlasticityRun(step_ends(len(pre), self.dt), w, x_pre, x_post)

    def window(self, delays=None) -> STDPWindow:
        """Measure the change of a weight by one pair of spikes, over the delay from the input's to the neuron's.

        Parameters
        ----------
        delays : array-like of shape (n_delays,), optional
            ms, rounded to whole steps; -100 to 100 ms in whole steps if not given.

        Returns
        -------
        STDPWindow
            Starting from a weight in the middle of its range.
        """
        most = max(1, round(100.0 / self.dt))
        steps = np.arange(-most, most + 1) if delays is None else np.rint(as_input("delays", delays) / self.dt)
        steps = np.atleast_1d(steps).astype(np.int64)
        middle = 0.5 * (self.w_min + self.w_max)
        before = max(0, int(-steps.min()))
        n = len(steps)
        synapses = replace(self, w_start=np.full((n, n), middle))
        for step in range(before + max(0, int(steps.max())) + 1):
            synapses.step(np.full(n, step == before), steps == step - before)
        return STDPWindow(steps * self.dt, np.diagonal(synapses.w) - middle)

    def _take_shape(self, pre: np.ndarray, post: np.ndarray) -> None:
        """Let the first spikes after a reset set the number of inputs and neurons; later ones must agree."""
        shape = (*pre.shape, *post.shape)
        if len(shape) != 2 or (self._shaped and shape != self.w.shape):
            wanted = f"shapes ({self.w.shape[0]},) and ({self.w.shape[1]},)" if self._shaped else "one dimension"
            raise DataError(
                f"pre and post must have {wanted}, got {pre.shape} and {post.shape}; reset() to start anew."
            )
        if not self._shaped:
            self._set(
                w=np.array(np.broadcast_to(self.w, shape)),
                x_pre=np.zeros(shape[0]),
                x_post=np.zeros(shape[1]),
            )
            self._set(_shaped=True)

    def _decayed(self, x: np.ndarray, tau: float) -> np.ndarray:
        """A trace one step later, never the array given."""
        return np.array(trace_now(x, -self.dt / tau * math.log2(math.e), 1.0, 0.0, EXP2))

    def _clipped(self, w: np.ndarray) -> np.ndarray:
        return clip_weight(w, self.w_min, self.w_max)
