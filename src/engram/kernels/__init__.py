"""One truth, two kernels: :mod:`reference` reads like the paper, :mod:`cpu` is the same compiled."""
