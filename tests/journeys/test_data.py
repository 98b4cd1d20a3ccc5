"""People's own data from the command line: trained on, read, checked and listed."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engram import TrainingConfig, datasets, load_model
from event_scenes import bar_events, write_bin, write_zips

needs_data = pytest.mark.skipif(not os.environ.get("ENGRAM_DATA"), reason="ENGRAM_DATA is not set to a folder of data")


def test_a_network_trains_on_recordings_and_reads_them(engram, tmp_path, monkeypatch):
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_zips(tmp_path / "bars", 40)
    code, _, err = engram(
        "train", "--dataset", "bars", "--neurons", 8, "--epochs", 4, "--set", "data.sensor_shape=8,8",
        "--set", "data.window=0,250", "--out", "run"
    )  # fmt: skip
    assert code == 0, err
    assert "bars, 8×8, 40 + 40 recordings" in err
    assert (tmp_path / "run/figures/contact_sheet.png").exists()
    assert json.loads((tmp_path / "run/summary.json").read_text())["accuracy"]["mean"] >= 0.9
    files = [write_bin(tmp_path / f"{k}.bin", *bar_events(k, 99)) for k in (0, 1)]
    code, out, _ = engram("predict", "run", *files, "--quiet")
    assert (code, out.split()) == (0, ["0", "1"])
    Image.new("L", (8, 8)).save("picture.png")
    assert "picture.png is no recording of events" in engram("predict", "run", "picture.png")[2]
    assert "picture.png is no recording of events" in engram("read", "picture.png", "--model", "run")[2]
    answer = json.loads(engram("predict", "run", files[0], "--json")[1])[0]
    assert answer["prepared"] == ["120 events of 8×8 pixels"]
    code, out, _ = engram("evaluate", "run", "--dataset", "bars/Test.zip", "--all-images", "--json")
    assert (code, json.loads(out)["n_test"]) == (0, 40)


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    """Fisher's irises as a file: four columns and the names of the species."""
    from sklearn.datasets import load_iris

    found = load_iris()
    path = tmp_path_factory.mktemp("iris") / "iris.csv"
    rows = [
        ",".join(map(str, row)) + f",{found.target_names[k]}" for row, k in zip(found.data, found.target, strict=True)
    ]
    path.write_text("\n".join(["sepal length,sepal width,petal length,petal width,species", *rows]))
    return path


def test_irises_train_and_predict_and_are_not_drawn_as_pictures(engram, iris, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = engram("train", "--dataset", iris, "--neurons", 40, "--epochs", 10, "--out", "run")
    assert code == 0, err
    assert "trained on 1,250 rows in " in out
    assert "on 25 held-out rows: " in out
    assert "image" not in out + err
    assert "each column is scaled from its own smallest and largest value" in err
    assert json.loads((tmp_path / "run/summary.json").read_text())["accuracy"]["proportion"] >= 0.85
    drawn = {path.stem for path in (tmp_path / "run/figures").iterdir()}
    assert "receptive_fields" not in drawn
    assert "confusion" in drawn
    lines = iris.read_text().splitlines()
    (tmp_path / "new.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in (lines[0], lines[1], lines[101])))
    code, out, _ = engram("predict", "run", "new.csv", "--quiet")
    assert (code, out.split()) == (0, ["setosa", "virginica"])
    np.save(tmp_path / "row.npy", [5.1, 3.5, 1.4, 0.2])
    assert engram("predict", "run", "row.npy", "--quiet")[1].split() == ["setosa"]
    answers = json.loads(engram("predict", "run", iris, "--json")[1])
    assert len(answers) == 150
    names = [line.rsplit(",", 1)[1] for line in lines[1:]]
    assert np.mean([answer["name"] == name for answer, name in zip(answers, names, strict=True)]) >= 0.85
    code, _, err = engram("predict", "run", "row.npy", "--figures", "drawn")
    assert code == 2
    assert "trained on data that are no pictures" in err
    code, out, _ = engram("info", "run")
    assert "setosa: " in out
    assert "labels     neurons by class, from 125 training rows: " in out
    assert "image" not in out


def test_a_table_of_another_width_is_told(engram, iris, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engram("train", "--dataset", iris, "--neurons", 5, "--examples", 50, "--no-figures", "--quiet", "--out", "run")
    (tmp_path / "wide.csv").write_text("1,2,3,4,5,6,7\n")
    code, _, err = engram("predict", "run", "wide.csv")
    assert code == 1
    assert "wide.csv has 6 columns of values, the model reads 4 inputs" in err
    Path("picture.png").write_bytes(b"")
    assert "picture.png is no table" in engram("predict", "run", "picture.png")[2]


# --- pictures -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """Digits for training, and others to read."""
    return datasets.load("digits")


SCALES = {
    "bytes": lambda images: images,
    "floats to 1": lambda images: (images / 255).astype(np.float32),
    "floats to 1.01": lambda images: images / 255 * 1.01,
    "0 to 16": lambda images: images / 255 * 16,
    "dark on light": lambda images: 1 - images / 255,
    "standard range": lambda images: images / 127.5 - 1,
}


def written(digits, scale):
    """The digits on that scale as files: of floats to 1 in MNIST's form, of others as arrays."""
    scaled = [SCALES[scale](images).reshape(-1, 28, 28) for images in (digits.train_images, digits.test_images)]
    if scale != "floats to 1":
        np.savez("set.npz", images=scaled[0], labels=digits.train_labels)
        return "./set.npz"
    for part, images, labels in (("train", scaled[0], digits.train_labels), ("t10k", scaled[1], digits.test_labels)):
        datasets.write_idx(Path(f"set/{part}-images-idx3-ubyte"), images)
        datasets.write_idx(Path(f"set/{part}-labels-idx1-ubyte"), labels.astype(np.uint8))
    return "./set"


@pytest.mark.parametrize(("scale", "preset"), [*((scale, "sharp") for scale in SCALES), ("dark on light", "paper")])
def test_a_network_trained_on_any_scale_reads_pictures_and_arrays_of_any(
    engram, digits, tmp_path, monkeypatch, scale, preset
):
    monkeypatch.chdir(tmp_path)
    dataset = written(digits, scale)
    short = ("--neurons", 60, "--examples", 1500, "--no-evaluate", "--no-figures")
    short += () if preset == TrainingConfig().preset else ("--preset", preset)
    code, _, err = engram("train", "--dataset", dataset, *short, "--out", "run")
    assert code == 0, err
    labelled = datasets.load(dataset)
    from engram.evaluation import evaluate
    from engram.prediction import read_pictures

    model, evaluation = evaluate(load_model("run"), labelled, label_examples=1000)
    images, labels = digits.test_images[:60].reshape(-1, 28, 28), digits.test_labels[:60]
    found, pixels = {}, {}
    for kind in ("png", "dark png", "npy", "floats"):
        paths = []
        for number, image in enumerate(images):
            path = Path(f"{kind}-{number}.{'png' if 'png' in kind else 'npy'}")
            if "png" in kind:
                Image.fromarray(np.rint(255 - image if kind == "dark png" else image).astype(np.uint8)).save(path)
            else:
                np.save(path, SCALES[scale](image) if kind == "npy" else image / 255)
            paths.append(path)
        answers = read_pictures(model, paths)
        found[kind] = np.mean([answer.label == label for answer, label in zip(answers, labels, strict=True)])
        pixels[kind] = np.array([answer.pixels for answer in answers])
    assert evaluation.accuracy["proportion"] > 0.75
    assert min(found.values()) > 0.75, found
    assert np.array_equal(pixels["dark png"], pixels["png"])
    assert np.abs(pixels["npy"].astype(int) - pixels["png"]).max() <= 1
    assert np.abs(pixels["floats"].astype(int) - pixels["png"]).max() <= (3 if scale == "floats to 1.01" else 1)


def test_folders_of_pictures_train_and_their_classes_are_called_by_name(engram, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, (image, label) in enumerate(zip(digits.train_images, digits.train_labels, strict=True)):
        if label < 2 and number < 600:
            folder = Path("pictures", ("nought", "one")[label])
            folder.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(255 - np.rint(image).astype(np.uint8).reshape(28, 28))
            picture.resize((90, 120)).convert("RGB").save(folder / f"{number}.jpg")
    code, _, err = engram(
        "train", "--dataset", "pictures", "--neurons", 10, "--epochs", 5, "--out", "run", "--no-figures"
    )
    assert code == 0, err
    assert "all brought to one size as a whole" in err
    assert "dark ink on light ground is inverted" in err
    assert json.loads(Path("run/summary.json").read_text())["accuracy"]["proportion"] >= 0.9
    names = {"nought": sorted(Path("pictures/nought").iterdir()), "one": sorted(Path("pictures/one").iterdir())}
    for name, files in names.items():
        _, out, _ = engram("predict", "run", *files[:10], "--quiet")
        assert out.split().count(name) >= 9
    shutil.copytree("pictures/one", "other/one")
    shutil.copytree("pictures/nought", "other/unknown")
    code, out, _ = engram("evaluate", "run", "--dataset", "other", "--all-images", "--json")
    assert code == 0
    assert json.loads(out)["per_class"]["proportion"]["1"] >= 0.9  # "one" is class 1 here as it was in training


def test_check_says_what_data_are_read_as_and_draws_them(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number in range(8):
        folder = Path("pictures", "ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (9, 12, 3)).astype(np.uint8)).save(folder / f"{number}.png")
    code, out, err = engram("data", "check", "pictures")
    assert code == 0
    assert "read as    pictures, 9×12 (height × width), 7 + 1 images" in out
    assert "training   a: " in out
    assert "all turned grey" in err
    assert Path("figures/data-pictures.png").exists()
    code, out, _ = engram("data", "check", "pictures", "--set", "image_shape=6,8", "--no-figures", "--json")
    assert (code, json.loads(out)["image_shape"]) == (0, [6, 8])
    Path("pictures/b/1.png").write_bytes(b"hello")
    code, _, err = engram("data", "check", "pictures")
    assert code == 1
    assert "pictures/b/1.png cannot be read as a picture" in err


def test_names_of_classes_may_be_anything_and_stay_on_their_line(engram, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("two\nlines\x1b[31m", "[red]$新_{$")
    for number, (image, label) in enumerate(zip(digits.train_images, digits.train_labels, strict=True)):
        if label < 2 and number < 120:
            folder = Path("any", names[label])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.rint(image).astype(np.uint8).reshape(28, 28)).save(folder / f"{number} ü.png")
    picture = next(Path("any", names[0]).iterdir())
    for words in (
        ("data", "check", "any"),
        ("train", "--dataset", "any", "--neurons", 6, "--epochs", 2, "--out", "run"),
        ("evaluate", "run"), ("info", "run"), ("predict", "run", picture), ("read", picture, "--model", "run"),
    ):  # fmt: skip
        code, out, err = engram(*words)
        assert code == 0, err
        assert "\x1b[31m" not in out + err
        assert "Glyph" not in out + err
        if words[0] != "train":
            assert "two\\nlines\\x1b[31m: " in out or words[0] == "read"
            assert "[red]$新_{$" in out or words[0] == "read"
        assert "two\nlines" not in out + err


@pytest.mark.parametrize("place", ["nowhere", "file"])
def test_a_data_folder_that_is_none_is_told(engram, tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path / place))
    monkeypatch.setattr("engram.datasets.places.cache_folder", lambda: tmp_path / "cache")
    told = f"$ENGRAM_DATA names {tmp_path / place}, which is {'not there' if place == 'nowhere' else 'no folder'}"
    code, _, err = engram("data", "list")
    assert (code, told in err) == (0, True)
    code, _, err = engram("data", "check", "nothing-like-this")
    assert (code, told in err) == (1, True)


def test_light_ground_that_was_asked_for_stays_light_in_what_is_read(engram, digits, tmp_path, monkeypatch):
    from engram.model_input import load_for
    from engram.prediction import read_pictures

    monkeypatch.chdir(tmp_path)
    light = 255 - np.rint(digits.train_images[:200]).astype(np.uint8).reshape(-1, 28, 28)
    for name in ("set", "other"):
        np.savez(f"{name}.npz", images=light, labels=digits.train_labels[:200])
    Image.fromarray(light[0]).save("light.png")
    asked = ("--set", "data.value_range=0,255", "--neurons", 5, "--no-figures", "--quiet", "--examples", 50)
    code, _, err = engram("train", "--dataset", "set.npz", *asked, "--out", "run")
    assert code == 0, err
    model = load_model("run")
    assert np.array_equal(read_pictures(model, [Path("light.png")])[0].pixels, light[0].ravel())
    assert np.array_equal(load_for(model, "other.npz").train_images, load_for(model).train_images)
    assert load_for(model).train_images.mean() > 128


def test_rows_of_negatives_are_read_as_the_images_are(tmp_path, digits):
    from engram.model_input import samples

    images = digits.test_images[:12]
    for scale, shown in {"%d": images, "%.4f": images / 255}.items():
        white = shown.max()
        for name, values in {"light": shown, "dark": white - shown}.items():
            np.savetxt(tmp_path / f"{name}.csv", values, scale, ",")
        light, dark = (
            [sample for _, sample in samples(load_model("mnist-100"), tmp_path / f"{name}.csv")]
            for name in ("light", "dark")
        )
        assert "inverted: dark ink on light paper" in dark[0].steps
        assert light[0].steps == ()
        for first, second, image in zip(light, dark, images, strict=True):
            assert np.abs(first.pixels - np.rint(image)).max() <= 1
            assert np.abs(second.pixels.astype(int) - first.pixels).max() <= 1


def test_check_warns_of_what_is_doubtful(engram, tmp_path):
    images = np.random.default_rng(0).random((12, 8, 8))
    np.savez(
        tmp_path / "a.npz", x_train=images, y_train=np.arange(12) % 2, x_test=images / 99, y_test=np.arange(12) % 2
    )
    code, _, err = engram("data", "check", tmp_path / "a.npz", "--no-figures")
    assert code == 0
    assert "Warning: the test images of a are too dark for the scale of the training images, 0–1" in err


def test_list_and_load_know_what_the_data_folder_holds(engram, tmp_path, monkeypatch):
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path))
    write_zips(tmp_path / "bars")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("0,1,dog\n2,3,cat\n" * 4)
    long = f"tables/{'long' * 20}.csv"
    (tmp_path / long).write_text("0,1,dog\n2,3,cat\n" * 4)
    records = {record["name"]: record for record in json.loads(engram("data", "list", "--json")[1])}
    assert records["bars"]["location"] == str(tmp_path / "bars")
    assert "tables/a.csv" in records
    listed = engram("data", "list")[1].splitlines()
    assert "  bars" in listed
    assert f"  {long}" in listed  # whole, to be copied
    assert datasets.load("tables/a.csv").class_names == {0: "cat", 1: "dog"}


def test_fetch_sees_what_is_on_this_machine_without_a_network(engram, tmp_path, monkeypatch):
    from dataclasses import replace

    from engram.datasets import download, registry, write_idx
    from engram.datasets.fashion_mnist import FASHION_MNIST

    images, labels = np.arange(120, dtype=np.uint8).reshape(6, 4, 5), np.arange(6, dtype=np.uint8) % 3
    files = tuple(
        replace(file, shape=array.shape, sha256=None)
        for file, array in zip(FASHION_MNIST.files, (images, labels, images, labels), strict=True)
    )
    small = replace(FASHION_MNIST, files=files).source()
    monkeypatch.setattr("engram.datasets.named_sources", lambda: {**registry.named_sources(), small.name: small})
    monkeypatch.setenv("ENGRAM_DATA", str(tmp_path))
    monkeypatch.setattr(download, "receive", lambda *_: pytest.fail("the network was asked"))
    for file, array in zip(files, (images, labels, images, labels), strict=True):
        write_idx(tmp_path / "fashion" / file.name, array)
    code, out, _ = engram("data", "fetch", "fashion-mnist")
    assert code == 0
    assert f"fashion-mnist is in {tmp_path}/fashion already; nothing to fetch" in out


def test_info_tells_a_class_that_is_called_minus_one(engram, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = digits.train_labels < 2
    np.savez("set.npz", images=digits.train_images[chosen], labels=digits.train_labels[chosen].astype(int) * 2 - 1)
    engram(
        "train", "--dataset", "set.npz", "--neurons", 12, "--examples", 200, "--no-figures", "--quiet", "--out", "run"
    )
    facts = json.loads(engram("info", "run", "--json")[1])
    assert set(facts["neurons_by_label"]) == {"-1", "1"}
    assert sum(facts["neurons_by_label"].values()) + facts["unassigned_neurons"] == 12
    assert f"-1: {facts['neurons_by_label']['-1']}" in engram("info", "run")[1]
    Image.fromarray(digits.train_images[digits.train_labels == 0][0].reshape(28, 28)).save("nought.png")
    told = [json.loads(engram("predict", "run", "nought.png", "--json")[1])[0]]
    for network in ("tutorial", "diehl-cook"):
        told += json.loads(engram("read", "nought.png", "--model", "run", "--network", network, "--json")[1])
    assert [one.get("label", one.get("answer")) for one in told] == [-1, -1, -1]
    assert all(winner["label"] in (-1, 1) for one in told for winner in one["winners"])


@needs_data
def test_real_folders_are_read_as_what_they_are(engram):
    for name, title in (
        ("png-folders/fashion", "fashion, 28×28, 300 + 100 images"),
        ("nmnist-small", "nmnist-small, 34×34, 1,000 + 100 recordings"),
        ("fashion-mnist", "fashion-mnist, 28×28, 60,000 + 10,000 images"),
        ("csv/kaggle_digit_recognizer_train_small.csv", "kaggle_digit_recognizer_train_small, 28×28, 16 + 3 images"),
    ):
        code, out, _ = engram("data", "check", name, "--no-figures")
        assert (code, f"read as    {title}\n" in out) == (0, True), name


@needs_data
def test_own_digits_dark_on_light_in_colours_and_with_noise_are_read(engram):
    folder = Path(os.environ["ENGRAM_DATA"]) / "png-folders/own-digits"
    truth = {"2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "image": 3, "noisy_6": 6}
    files = [folder / f"2828_my_own_{name}.png" for name in truth]
    code, out, _ = engram("predict", "mnist-400", *files, "--json")
    assert code == 0
    right = [answer["label"] == label for answer, label in zip(json.loads(out), truth.values(), strict=True)]
    assert sum(right) >= 5


@needs_data
@pytest.mark.parametrize(
    ("dataset", "read"),
    [
        ("png-folders/fashion", "png-folders/fashion/test/3/0003.png"),
        ("csv/kaggle_digit_recognizer_train_small.csv", "csv/kaggle_digit_recognizer_test_small.csv"),
        ("csv/mnist_in_csv_train_small.csv", "csv/mnist_in_csv_test_small.csv"),
        ("csv/noheader_mnist_train_100.csv", "csv/noheader_mnist_test_10.csv"),
        ("fashion-mnist", "png-folders/fashion/test/3/0003.png"),
        ("mnist", "png-folders/own-digits/2828_my_own_3.png"),
        ("nmnist-small", ""),
    ],
)
def test_real_folders_train_and_read(engram, tmp_path, dataset, read):
    folder = Path(os.environ["ENGRAM_DATA"])
    file = folder / read if read else write_bin(tmp_path / "bar.bin", *bar_events(0, 1))
    code, _, err = engram(
        "train", "--dataset", dataset, "--neurons", 4, "--examples", 25, "--label-examples", 10, "--test-examples", 2,
        "--no-figures", "--quiet", "--out", tmp_path / "run",
    )  # fmt: skip
    assert code == 0, err
    code, out, _ = engram("predict", tmp_path / "run", file, "--quiet")
    assert code == 0
    assert len(out.splitlines()) == {"kaggle": 19, "mnist_": 99, "nohead": 10}.get(dataset.split("/")[-1][:6], 1)
    names = load_model(tmp_path / "run").class_names or {label: str(label) for label in range(10)}
    assert set(out.splitlines()) <= {*names.values(), "none"}
