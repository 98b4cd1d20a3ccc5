import pytest

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
def trained_run(tmp_path_factory):
    """A run folder with a small network trained on the embedded digits."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in ("train", *SMALL, "--out", folder, "--quiet")])
    assert not stop.value.code
    return folder
