import os
import signal

# SciPy reads it when it is first imported; without it scikit-learn skips its check of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: no test fails because others work beside it.
settings.register_profile("engram", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("engram")

# A shell lets what it starts in the background ignore Ctrl-C, and nohup a terminal that closes; some tests send both to
# themselves and to others.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
    signal.signal(_number, signal.SIG_DFL)
