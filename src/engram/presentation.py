"""How samples are presented, written once for both kernels: training, counting, reading and figures all go this way.

What it calls on the network is told apart by kernel: the compiled one replaces the names below by its own functions
(:mod:`engram.kernels.engine`), those of the reference kernel are here.
"""

from __future__ import annotations


def present(network, p) -> None:
    """Show samples in order.

    Each is shown for a time, then blank input follows. A sample that draws too few spikes is shown again, louder each
    time and within bounds. Before every presentation the network may go to rest and weights are normalised.

    Parameters
    ----------
    network : network of a kernel
    p : presentation of a kernel
        With the fields of :data:`engram.kernels.records.PRESENTATION`; ``p.sample`` says which comes next, and is left
        at the first that was not shown if the network was interrupted.
    """
    while p.sample < p.n_samples and not interrupted(network):
        set_progress(network, p, p.sample)
        intensity = p.start_intensity
        heard = False
        while not heard:
            if p.at_rest:
                go_to_rest(network)
            if p.learns:
                if p.clear_traces:
                    clear_traces(network)
                normalize(network)
            encode(network, p, p.sample, intensity)
            n_spikes = show(network, p, p.sample)
            intensity += 1.0
            heard = n_spikes >= p.min_spikes or intensity > p.max_intensity
        p.sample += 1


def interrupted(network) -> bool:
    """Whether another thread asked to end."""
    return network.interrupted()


def set_progress(network, p, m) -> None:
    """The rules' parameters and the steps of the thresholds at sample m."""
    network.set_progress(p, m)


def go_to_rest(network) -> None:
    """Put every population at rest, with nothing under way."""
    network.go_to_rest()


def clear_traces(network) -> None:
    """Let the rules forget when anybody spiked."""
    network.clear_traces()


def normalize(network) -> None:
    """Scale the weights of which a rule wants the norm kept."""
    network.normalize()


def encode(network, p, m, intensity) -> None:
    """Make the input spikes of sample m, and note that it is shown."""
    network.encode(p, m, intensity)


def show(network, p, m) -> int:
    """Run the network on the input spikes, then without; return how many spikes it answered with."""
    return network.show(p, m)
