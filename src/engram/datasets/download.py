"""Files from the network: into memory, bounded, with progress told."""

from engram.datasets.options import Progress
from engram.errors import DataError

MAX_DOWNLOAD = 64 * 2**20  # bytes; the largest file has 26 million, uncompressed 47 million
_TIMEOUT = 30  # seconds without an answer


def receive(url: str, name: str, progress: Progress | None = None) -> bytearray:
    """The bytes at an address.

    Parameters
    ----------
    url : str
    name : str
        How to call the file where progress is told.
    progress : callable, optional

    Raises
    ------
    DataError
        If more is sent than any file of a data set has.
    OSError
        If the network or the server fails.
    """
    import pooch

    sink = _Sink(name, progress)
    # The sink also poses as the progress bar: that is how the downloader tells it the size in advance.
    pooch.HTTPDownloader(progressbar=sink, chunk_size=2**16, timeout=_TIMEOUT)(url, sink, None)
    return sink.received


def brief(error: OSError) -> str:
    """The innermost reason of a network error, without the layers around it."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"status {response.status_code}"
    return type(error).__name__


class _Sink:
    """A file in memory that takes a bounded number of bytes and reports progress."""

    def __init__(self, name, progress):
        self.received = bytearray()
        self.total = 0
        self._name, self._progress = name, progress

    def write(self, piece):
        """Take a piece, as a file does."""
        if len(self.received) + len(piece) > MAX_DOWNLOAD:
            raise DataError(f"more than {MAX_DOWNLOAD:,} bytes were sent; trying on.")
        self.received += piece
        if self._progress is not None:
            self._progress(self._name, len(self.received), self.total or None)

    def flush(self):
        """Do nothing: there is no disk behind this file."""

    def update(self, n):
        """Do nothing: `write` reports what really came."""

    def reset(self):
        """Do nothing."""

    def close(self):
        """Do nothing: the content is still needed."""
