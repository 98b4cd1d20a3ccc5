"""``engram evaluate``, ``predict``, ``figures``, ``info`` and ``data`` as a user meets them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engram import TrainingConfig, load_model
from engram.datasets import load
from engram.errors import DataError


def draw_one(path, *, ink, paper, size=(200, 300)):
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).line((size[0] // 2, 40, size[0] // 2, size[1] - 40), fill=ink, width=24)
    picture.save(path)
    return path


def test_evaluate_prints_every_key(engram, trained_run):
    code, out, _ = engram("evaluate", trained_run, "--json")
    result = json.loads(out)
    assert code == 0
    assert {"accuracy", "per_class", "confusion", "n_label", "n_test", "silent_images", "unassigned_neurons",
            "seconds"} <= set(result)  # fmt: skip
    assert (result["n_label"], result["n_test"]) == (200, 500)
    for scheme, matrix in result["confusion"].items():
        assert np.sum(matrix) == 500
        assert np.trace(matrix) / 500 == pytest.approx(result["accuracy"][scheme])


def test_evaluate_repeats_what_training_found(engram, trained_run):
    summary = json.loads((trained_run / "summary.json").read_text())
    _, out, _ = engram("evaluate", trained_run / "model.safetensors", "--test-examples", 60, "--threads", 1, "--json")
    assert json.loads(out)["accuracy"] == summary["accuracy"]


def test_evaluate_labels_anew_when_asked(engram, trained_run):
    _, out, _ = engram("evaluate", trained_run, "--label-examples", 50, "--test-examples", 20, "--json")
    assert json.loads(out)["n_label"] == 50


def test_evaluate_can_delay_the_input(engram, trained_run):
    _, plain, _ = engram("evaluate", trained_run, "--test-examples", 40, "--json")
    code, delayed, _ = engram("evaluate", trained_run, "--test-examples", 40, "--input-delay", 10, "--json")
    assert code == 0
    assert json.loads(delayed)["confusion"] != json.loads(plain)["confusion"]
    code, _, err = engram("train", "--set", "network.max_input_delay=10")
    assert code == 2
    assert "Networks with input delays do not learn" in err


def test_evaluate_can_use_all_images_of_another_set(engram, trained_run, tmp_path):
    digits = load("digits")
    np.savez(tmp_path / "other.npz", images=digits.test_images[:90].reshape(-1, 28, 28), labels=digits.test_labels[:90])
    _, out, _ = engram("evaluate", trained_run, "--dataset", tmp_path / "other.npz", "--all-images", "--json")
    assert json.loads(out)["n_test"] == 90
    code, _, err = engram("evaluate", trained_run, "--all-images")
    assert code == 2
    assert "The model was trained on digits; test on its held-out images" in err


def test_evaluate_refuses_images_of_another_size(engram, trained_run, tmp_path):
    np.savez(tmp_path / "small.npz", images=np.full((10, 4, 4), 9), labels=np.arange(10) % 2)
    code, _, err = engram("evaluate", trained_run, "--dataset", tmp_path / "small.npz")
    assert code == 2
    assert "The model reads images of 784 inputs, those of small.npz have 16" in err.replace(
        "small have", "small.npz have"
    )


def test_pictures_of_either_polarity_get_the_same_answer(engram, trained_run, tmp_path):
    white = draw_one(tmp_path / "white.png", ink=255, paper=0)
    black = draw_one(tmp_path / "black.jpg", ink=0, paper=255)
    code, out, _ = engram("predict", trained_run, white, black, "--json", "--figures", tmp_path / "drawn")
    first, second = json.loads(out)
    assert code == 0
    assert first["label"] == second["label"]
    assert any("invert" in step for step in second["prepared"])
    assert set(first["scores"]) == set("0123456789")
    assert first["winners"][0]["spikes"] > 0
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {
        f"prediction-{name}.{suffix}" for name in ("white", "black") for suffix in ("png", "svg")
    }


def test_prediction_depends_on_the_picture_alone(engram, trained_run, tmp_path):
    digits = load("digits")
    for k in range(3):
        np.save(tmp_path / f"{k}.npy", digits.test_images[k].reshape(28, 28))
    files = [tmp_path / f"{k}.npy" for k in range(3)]
    _, together, _ = engram("predict", trained_run, *files, "--json")
    _, alone, _ = engram("predict", trained_run, files[2], "--json")
    assert json.loads(together)[2] == json.loads(alone)[0]


def test_predict_without_labels_makes_them_or_says_why_it_cannot(engram, tmp_path):
    np.savez(tmp_path / "set.npz", images=np.arange(20 * 784).reshape(20, 28, 28) % 251, labels=np.arange(20) % 2)
    engram("train", "--dataset", tmp_path / "set.npz", "--neurons", 3, "--examples", 25, "--no-evaluate",
           "--no-figures", "--quiet", "--out", tmp_path / "r")  # fmt: skip
    picture = draw_one(tmp_path / "one.png", ink=255, paper=0)
    code, _, err = engram("predict", tmp_path / "r", picture)
    assert code == 0
    assert "has no labels yet; labelling its neurons from" in err
    (tmp_path / "set.npz").unlink()
    code, _, err = engram("predict", tmp_path / "r", picture)
    assert code == 2
    assert "has no labels, and none can be made" in err


def test_predict_tells_a_file_that_is_no_picture(engram, trained_run, tmp_path):
    (tmp_path / "x.png").write_bytes(b"not a picture")
    code, _, err = engram("predict", trained_run, tmp_path / "x.png")
    assert code == 1
    assert "x.png" in err
    assert "Traceback" not in err


def test_figures_are_drawn_anew(engram, trained_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained_run, folder)
    before = (folder / "figures/confusion.svg").read_bytes()
    shutil.rmtree(folder / "figures")
    code, out, _ = engram("figures", folder)
    assert code == 0
    assert len(out.splitlines()) == 14
    assert (folder / "figures/confusion.svg").read_bytes() == before


def test_info_tells_the_network_its_rule_and_its_labels(engram, trained_run):
    code, out, _ = engram("info", trained_run)
    assert code == 0
    for part in (
        "784 inputs, 16 neurons",
        "self_normalizing",
        "150 images of digits",
        "neurons by class, from 200 training images",
    ):
        assert part in out
    facts = json.loads(engram("info", trained_run, "--json")[1])
    assert facts["tensors"]["weights"] == [784, 16]
    assert facts["rule"]["constants"]["eta"] == TrainingConfig(neurons=16).make_rule().eta


def test_what_is_no_model_is_told(engram, trained_run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.safetensors").write_text("hello world, this is no model")
    spoiled = bytearray((trained_run / "model.safetensors").read_bytes())
    spoiled[-5] ^= 1
    (tmp_path / "spoiled.safetensors").write_bytes(spoiled)
    for path, message in {
        "absent": "Cannot read",
        "empty": "holds no model.safetensors",
        "text.safetensors": "is not a model file",
        "spoiled.safetensors": "is damaged: its content does not match its digest",
    }.items():
        code, _, err = engram("info", tmp_path / path)
        assert code == 1
        assert message in err


def test_model_of_another_format_is_refused(engram, trained_run, tmp_path, monkeypatch):
    from engram import model_file

    model = load_model(trained_run)
    monkeypatch.setattr(model_file, "FORMAT", "engram-0")
    model_file.save_model(model, tmp_path / "old.safetensors")
    monkeypatch.undo()
    code, _, err = engram("info", tmp_path / "old.safetensors")
    assert code == 1
    assert "has the file format 'engram-0'" in err


def test_data_list_names_the_sets(engram):
    code, out, _ = engram("data", "list", "--json")
    assert code == 0
    assert {"digits", "mnist"} <= {record["name"] for record in json.loads(out)}
    assert "digits" in engram("data", "list")[1]


def test_data_check_finds_a_damaged_file(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert engram("data", "check", "digits")[0] == 0
    np.savez(tmp_path / "set.npz", images=np.full((10, 4, 4), 9), labels=np.arange(10) % 2)
    assert engram("data", "check", tmp_path / "set.npz")[0] == 0
    content = (tmp_path / "set.npz").read_bytes()
    (tmp_path / "set.npz").write_bytes(content[: len(content) // 2])
    code, _, err = engram("data", "check", tmp_path / "set.npz")
    assert code == 1
    assert "damaged" in err


def test_usage_errors_exit_with_2(engram):
    assert engram("train", "--no-such-option")[0] == 2
    assert engram("evaluate")[0] == 2


def test_errors_can_be_read_by_machines(engram, tmp_path):
    code, out, _ = engram("info", tmp_path / "absent", "--json")
    assert code == 1
    assert json.loads(out)["error"]["kind"] == "ModelFileError"


def test_figures_want_a_run_s_folder(engram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist-100").mkdir()
    code, _, err = engram("figures", "mnist-100")
    assert code == 1
    assert "is not the folder of a run" in err
    assert engram("info", "mnist-100")[0] == 0  # an empty folder does not hide the shipped model


def test_one_bad_picture_costs_its_own_answer_alone(engram, trained_run, tmp_path):
    good = draw_one(tmp_path / "good.png", ink=255, paper=0)
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    code, out, err = engram("predict", trained_run, tmp_path / "bad.png", good, tmp_path / "absent.png", "--json")
    bad, read, absent = json.loads(out)
    assert code == 1
    assert bad["error"]["kind"] == absent["error"]["kind"] == "DataError"
    _, alone, _ = engram("predict", trained_run, good, "--json")
    assert read == json.loads(alone)[0]
    code, out, err = engram("predict", trained_run, tmp_path / "bad.png", good, "--quiet")
    assert (code, out.split()) == (1, [read["name"]])
    assert "bad.png" in err


@pytest.mark.parametrize("folder", ["plain", "odd [1] *"])
def test_folders_and_patterns_are_read_in_natural_order(tmp_path, folder):
    from engram.prediction import files_of

    inside = tmp_path / folder
    inside.mkdir()
    for name in ("10.png", "9.png", "[2].png", ".hidden.png"):
        (inside / name).write_bytes(b"")
    assert [path.name for path in files_of([inside])] == ["9.png", "10.png", "[2].png"]
    for other in ("readme.txt", "Thumbs.db"):
        (inside / other).touch()
    assert [path.name for path in files_of([inside])] == ["9.png", "10.png", "[2].png"]
    assert files_of([inside / "[2].png"]) == [inside / "[2].png"]
    if folder == "plain":
        assert [path.name for path in files_of([inside / "*0.png", inside / "9.png"])] == ["10.png", "9.png"]
    assert files_of([tmp_path / "none-*.png"]) == [tmp_path / "none-*.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no files"):
        files_of([tmp_path / "empty"])


def test_pictures_in_a_folder_with_brackets_are_answered(engram, trained_run, tmp_path):
    (tmp_path / "a[1]").mkdir()
    draw_one(tmp_path / "a[1]" / "one.png", ink=255, paper=0)
    code, out, _ = engram("predict", trained_run, tmp_path / "a[1]", "--figures", tmp_path / "out[x]")
    assert code == 0
    assert f"{tmp_path / 'a[1]' / 'one.png'}: " in out
    assert (tmp_path / "out[x]" / "prediction-one.png").exists()


def test_another_network_s_or_picture_s_figure_is_not_replaced(trained_run, tmp_path):
    from dataclasses import replace

    from engram.prediction import draw_answer, read_pictures

    model, path = load_model(trained_run), draw_one(tmp_path / "one.png", ink=255, paper=0)
    (answer,) = read_pictures(model, [path])
    first = draw_answer(model, answer, tmp_path / "drawn")
    assert draw_answer(model, answer, tmp_path / "drawn") == first
    other = replace(model, theta=model.theta + 1)
    second = draw_answer(other, answer, tmp_path / "drawn")
    assert [file.name for file in second] == ["prediction-one-2.png", "prediction-one-2.svg"]
    (tmp_path / "b").mkdir()
    elsewhere = replace(answer, path=draw_one(tmp_path / "b" / "one.png", ink=255, paper=0))
    assert draw_answer(model, elsewhere, tmp_path / "drawn")[0].name == "prediction-one-3.png"
    assert draw_answer(other, answer, tmp_path / "drawn") == second


@pytest.mark.parametrize("command", [("evaluate",), ("info",), ("predict", "picture.png")])
@pytest.mark.parametrize(
    ("model", "named", "message"),
    [
        (
            "mnist-100",
            ("--rule", "wrong.py:Wrong"),
            "This model was made with the rule self_normalizing, not with wrong.py",
        ),
        ("mnist-100", ("--rule", "triplet"), "This model was made with the rule self_normalizing, not with triplet"),
        (
            "mnist-conv",
            ("--rule", "wrong.py:Wrong"),
            "mnist-conv was made with the rule self_normalizing, not with wrong",
        ),
        (
            "mnist-100",
            ("--network", "wrong.py:describe"),
            "mnist-100 is Diehl and Cook's network, which no file describes",
        ),
    ],
)
def test_a_rule_or_network_that_is_not_the_model_s_is_refused(
    engram, tmp_path, monkeypatch, command, model, named, message
):
    monkeypatch.chdir(tmp_path)
    Path("wrong.py").write_text("from engram import Triplet\n\n\nclass Wrong(Triplet):\n    pass\n")
    code, _, err = engram(command[0], model, *command[1:], *named)
    assert code == 2
    assert message in " ".join(err.split())
