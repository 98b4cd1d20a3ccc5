"""Everything that engram raises on purpose: one small tree.

Each error is also the builtin that a caller would expect, so ``except ValueError`` keeps working.
A message is one sentence: what is wrong, what was given, what to do.
"""


class EngramError(Exception):
    """Base of every error that engram raises on purpose."""


class ConfigError(EngramError, ValueError):
    """A parameter, option or configuration file that cannot be used."""


class DataError(EngramError, ValueError):
    """Images, labels or a dataset file that cannot be used."""


class ModelFileError(EngramError, ValueError):
    """A model or checkpoint file that is not one, is damaged, or is of another version."""


class RuleError(EngramError, ValueError):
    """A learning rule that is unknown, does not compile, or produced impossible weights."""


class NeuronError(EngramError, ValueError):
    """A neuron whose equations cannot work or do not compile."""


class SourceError(EngramError, ValueError):
    """A source of spikes that is unknown, or cannot make spikes."""


class HealthError(EngramError, ArithmeticError):
    """A network that runs away, falls silent or saturates, where that was not to be tolerated."""


class RunFolderError(EngramError, OSError):
    """A run folder that cannot be created, written, resumed or is held by another process."""


class HeldError(RunFolderError):
    """A run folder that another process holds."""


class DataWarning(UserWarning):
    """Images that can be used, but are probably not what was meant: on another scale, clipped, standardised."""


class StepWarning(UserWarning):
    """A refractory period or delay that is no whole number of time steps, and is rounded to one."""


class Interrupted(EngramError):  # noqa: N818
    """A run that was stopped by Ctrl-C, after its state was saved."""
