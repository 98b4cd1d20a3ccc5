"""A studio without a socket: the same application, called by Starlette's test client."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from engram.files import make_folder
from engram.run_folder import RunFolder
from engram.runs import start_run
from engram.studio.app import make_app
from engram.studio.desk import Desk
from engram.training import Training
from tiny import CONFIG, QUIET, finished, tiny_dataset

TOKEN, PORT = "a-token-of-the-tests", 8000
HOST = f"127.0.0.1:{PORT}"
HEARD = CONFIG.replace(
    protocol={**CONFIG.protocol, "shown": 60.0}, network={**CONFIG.network, "theta_plus": 0.1}, dataset="tiny.npz"
)
"""The tiny network, shown images for so long that its neurons fire, and get labels of both classes."""
OPTIONS = HEARD.to_dict()


class Client(TestClient):
    """The page of the tests, which knows the token."""

    def __init__(self, desk):
        headers = {"x-engram-token": TOKEN, "origin": f"http://{HOST}"}
        super().__init__(make_app(desk, TOKEN, lambda: PORT), base_url=f"http://{HOST}", headers=headers)
        self.desk = desk

    def do(self, deed, **more):
        return self.post("/api/do", json={"do": deed, **more})

    def stream(self):
        return self.websocket_connect(f"ws://{HOST}/live?token={TOKEN}", headers={"origin": f"http://{HOST}"})


@pytest.fixture
def folder(tmp_path):
    """A folder with a tiny data set, and nothing else."""
    data, folder = tiny_dataset(), tmp_path / "work"
    make_folder(folder)
    np.savez(
        folder / "tiny.npz",
        train_images=data.train_images.reshape(-1, 3, 3),
        train_labels=data.train_labels,
        test_images=data.test_images.reshape(-1, 3, 3),
        test_labels=data.test_labels,
    )
    return folder


@pytest.fixture
def client(folder):
    desk = Desk(folder, options=QUIET)
    yield Client(desk)
    desk.close()


@pytest.fixture
def learned(client):
    """A page whose network has learned from all of its images and is saved."""
    assert client.do("new", options=OPTIONS).status_code == 200
    client.do("start")
    wait_for(client, "finished")
    return client


def wait_for(client, *phases, seconds=300.0):
    """Until the network is in one of these phases."""
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = client.get("/api/state").json()
        if state["phase"] in phases:
            return state
        assert state["phase"] != "failed", state["message"]
        client.app._left = 200.0  # asking often is no offence here
        time.sleep(0.01)
    raise AssertionError(f"the network is {state['phase']}, not {' or '.join(phases)}")


def quick_training(config=CONFIG):
    """A training of the tiny network by the compiled kernel."""
    return Training(config, tiny_dataset())


def quick_run(path, config=CONFIG):
    """A run of it from beginning to end."""
    folder = RunFolder(path)
    start_run(folder, config, overwrite=False)
    return finished(folder, quick_training(config))


def picture_of(side=90, stroke=13):
    """A vertical stroke, dark on light, as the bytes of a PNG."""
    image = Image.new("L", (side, side), "white")
    ImageDraw.Draw(image).line([(side // 2, 12), (side // 2, side - 12)], fill="black", width=stroke)
    content = io.BytesIO()
    image.save(content, "png")
    return content.getvalue()
