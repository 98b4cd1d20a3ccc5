import shutil

import pytest
from filelock import FileLock

from engram.cli import main


@pytest.fixture
def engram(capsys):
    """Runs the command line in this process; returns its exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return stop.value.code or 0, printed.out, printed.err

    return run


SMALL = ("--neurons", 16, "--examples", 150, "--label-examples", 200, "--test-examples", 60)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, worker_id):
    """A run folder with a small network trained on the embedded digits, by whichever worker wants it first."""
    own = tmp_path_factory.getbasetemp()
    common = own if worker_id == "master" else own.parent
    with FileLock(common / "small.lock"):
        if not (common / "small").exists():
            with pytest.raises(SystemExit) as stop:
                main([str(a) for a in ("train", *SMALL, "--out", common / "being-made", "--quiet")])
            assert not stop.value.code
            (common / "being-made").rename(common / "small")
    return shutil.copytree(common / "small", tmp_path_factory.mktemp("runs") / "small")
