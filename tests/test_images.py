"""Pictures of any size, polarity and format become images like MNIST's, or a sentence that says why not."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from engram.datasets import pictures
from engram.errors import ConfigError, DataError
from engram.images import read_image


def stroke(size=(200, 300), paper=255, ink=0, mode="L"):
    """A picture with one slanted stroke."""
    picture = Image.new(mode, size, paper)
    width, height = size
    line = [(width * 0.3, height * 0.2), (width * 0.6, height * 0.8)]
    ImageDraw.Draw(picture).line(line, fill=ink, width=max(1, width // 10))
    return picture


@pytest.fixture
def save(tmp_path):
    def save(picture, name="picture.png"):
        if isinstance(picture, Image.Image):
            picture.save(tmp_path / name)
        else:
            np.save(tmp_path / name, picture)
        return tmp_path / name

    return save


def ink_box(pixels, shape=(28, 28)):
    rows, columns = np.nonzero(pixels.reshape(shape))
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def centre_of_mass(pixels, shape=(28, 28)):
    frame = pixels.reshape(shape).astype(float)
    return [float((frame.sum(axis=1 - axis) @ np.arange(shape[axis])) / frame.sum()) for axis in (0, 1)]


def distance(pixels, reference):
    """Mean difference of 28×28 images; a centre between two rows may be rounded either way."""
    frame, reference = (image.reshape(28, 28).astype(int) for image in (pixels, reference))
    shifts = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]
    return min(np.abs(np.roll(frame, shift, axis=(0, 1)) - reference).mean() for shift in shifts)


def test_dark_ink_on_paper_becomes_white_ink_in_mnists_frame(save):
    prepared = read_image(save(stroke()))
    assert prepared.pixels.shape == (784,)
    assert prepared.pixels.dtype == np.uint8
    assert prepared.pixels.max() == 255
    assert ink_box(prepared.pixels)[0] == 20
    assert np.allclose(centre_of_mass(prepared.pixels), 14, atol=0.51)
    assert prepared.steps[0] == "inverted: dark ink on light paper"
    assert prepared.steps[1].startswith("cropped 300×200 to the ink's ")
    assert prepared.steps[2].startswith("scaled ")
    assert prepared.steps[3:] == ("centred by mass",)


def test_a_picture_and_its_negative_give_the_same_image(save):
    light = read_image(save(stroke(paper=255, ink=0), "light.png"))
    dark = read_image(save(stroke(paper=0, ink=255), "dark.png"))
    np.testing.assert_array_equal(light.pixels, dark.pixels)
    assert "inverted" in light.steps[0]
    assert "inverted" not in " ".join(dark.steps)


def test_grey_paper_and_faint_ink_give_the_same_image(save):
    reference = read_image(save(stroke(), "clear.png"))
    faint = read_image(save(stroke(paper=180, ink=120), "faint.png"))
    np.testing.assert_array_equal(faint.pixels, reference.pixels)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.gif", "a.tif", "a.webp"])
def test_every_format_gives_nearly_the_same_image(save, name):
    reference = read_image(save(stroke(), "reference.png"))
    other = read_image(save(stroke(), name))
    assert distance(other.pixels, reference.pixels) < 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_every_colour_mode_gives_the_same_image(save, mode):
    reference = read_image(save(stroke(), "reference.png"))
    picture = stroke()
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture, np.uint16) * 257)
    name = "mode.tif" if mode == "CMYK" else "mode.png"
    other = read_image(save(picture if mode == "I;16" else picture.convert(mode), name))
    assert np.abs(other.pixels.astype(int) - reference.pixels).max() <= 2


def test_colour_is_told(save):
    assert "turned grey" in read_image(save(stroke(paper="white", ink="navy", mode="RGB"))).steps


@pytest.mark.parametrize(("ink", "paper"), [(0, "white"), (255, "black")])
def test_ink_on_a_transparent_background_is_found_whatever_its_colour(save, ink, paper):
    mask = stroke(paper=0, ink=255)
    picture = Image.merge("LA", [Image.new("L", mask.size, ink), mask])
    prepared = read_image(save(picture))
    assert prepared.steps[0] == f"laid on {paper}: transparent background"
    np.testing.assert_array_equal(prepared.pixels, read_image(save(mask, "mask.png")).pixels)


def test_an_image_of_the_right_shape_on_black_is_left_as_it_is(save):
    image = np.zeros((28, 28), np.uint8)
    image[3:9, 20:25] = np.arange(30).reshape(6, 5) * 8
    for prepared in (read_image(save(Image.fromarray(image))), read_image(save(image, "a.npy"))):
        np.testing.assert_array_equal(prepared.pixels, image.ravel())
        assert prepared.steps == ("left as it is: 28×28 on a dark background already",)


@pytest.mark.parametrize("fill", [20 / 28, 1.0])
def test_the_negative_of_an_image_framed_as_in_training_gives_the_same_bits(save, fill):
    image = np.zeros((28, 28), np.uint8)
    side = round(28 * fill)
    image[28 - side :, 3:7] = np.random.default_rng(0).integers(5, 256, (side, 4))
    image[28 - side, 3] = image[27, 3] = 255
    for picture in (image, 255 - image):
        prepared = read_image(save(Image.fromarray(picture)), fill=fill)
        np.testing.assert_array_equal(prepared.pixels, image.ravel())
    assert prepared.steps == (
        "inverted: dark ink on light paper",
        "otherwise left as it is: its ink spans as much of 28×28 as in training images",
    )
    grey_paper = (180 - image / 2).astype(np.uint8)
    assert read_image(save(Image.fromarray(grey_paper)), fill=fill).steps[-1] == "centred by mass"


def test_values_of_8_bits_in_a_picture_of_16_are_not_black(save):
    image = np.zeros((28, 28), np.uint16)
    image[3:9, 20:25] = 30 + 15 * np.arange(5)
    prepared = read_image(save(Image.fromarray(image)))
    np.testing.assert_array_equal(prepared.pixels, image.ravel())
    assert prepared.steps[0] == "values of 8 bits in a picture of 16"
    assert read_image(save(Image.fromarray(image * np.uint16(257)))).steps[0] == "scaled from 16 to 8 bits"


def test_an_image_of_the_right_shape_on_paper_is_prepared(save):
    image = np.full((28, 28), 255, np.uint8)
    image[3:9, 20:25] = 0
    prepared = read_image(save(Image.fromarray(image)))
    assert prepared.steps[0] == "inverted: dark ink on light paper"
    assert np.allclose(centre_of_mass(prepared.pixels), 14, atol=0.51)


@pytest.mark.parametrize("shape", [(8, 8), (20, 50), (50, 20), (1, 9)])
def test_any_frame_can_be_asked_for(save, shape):
    prepared = read_image(save(stroke()), shape)
    assert prepared.pixels.shape == (shape[0] * shape[1],)
    assert prepared.image_shape == shape
    height, width = ink_box(prepared.pixels, shape)
    assert height <= max(1, round(shape[0] * 20 / 28))
    assert width <= max(1, round(shape[1] * 20 / 28))


def test_the_share_of_the_frame_can_be_chosen(save):
    assert ink_box(read_image(save(stroke()), fill=1).pixels)[0] == 28


def test_a_phones_picture_is_turned_upright(save, tmp_path):
    reference = read_image(save(stroke(), "upright.png"))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn against the clock
    stroke().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    turned = read_image(tmp_path / "turned.png")
    assert turned.steps[0] == "turned upright: the camera's orientation"
    np.testing.assert_array_equal(turned.pixels, reference.pixels)


def test_paper_grain_and_shadow_do_not_count_as_ink(save):
    reference = read_image(save(stroke(), "clean.png"))
    random = np.random.default_rng(0)
    photo = np.asarray(stroke(), float) * 0.7 + 20
    photo += np.linspace(-15, 15, 200) + random.normal(0, 4, photo.shape)
    noisy = read_image(save(Image.fromarray(photo.clip(0, 255).astype(np.uint8)), "photo.png"))
    assert ink_box(noisy.pixels)[0] == 20
    assert np.abs(noisy.pixels.astype(int) - reference.pixels).mean() < 10


def test_a_large_picture_is_averaged_down_first(save):
    reference = read_image(save(stroke(), "small.png"))
    large = read_image(save(stroke((3000, 4500)), "large.png"))
    assert large.steps[0] == "averaged down from 4500×3000 pixels (height × width)"
    assert np.abs(large.pixels.astype(int) - reference.pixels).mean() < 4


def test_the_first_of_several_frames_is_taken(save, tmp_path):
    stroke().save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (200, 300))])
    assert read_image(tmp_path / "a.gif").steps[0] == "took the first of 2 frames"


@pytest.mark.parametrize("scale", [1, 1 / 255])
@pytest.mark.parametrize("form", ["rectangle", "one image", "colour"])
def test_arrays_are_pictures_too(save, scale, form):
    reference = read_image(save(stroke(), "reference.png"))
    array = np.asarray(stroke()) * scale
    array = {"rectangle": array, "one image": array[None], "colour": np.dstack([array] * 3)}[form]
    assert np.abs(read_image(save(array, "a.npy")).pixels.astype(int) - reference.pixels).max() <= 1


def test_a_row_of_pixels_is_an_image_of_the_shape_asked_for(save, tmp_path):
    image = np.zeros(784, np.uint8)
    image[300:320] = 200
    np.savez(tmp_path / "a.npz", image=image, other=np.zeros(3))
    np.testing.assert_array_equal(read_image(tmp_path / "a.npz").pixels, image)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((9, 9), np.nan), "values from nan to nan"),
        (np.full((9, 9), -1), "values from -1 to -1; give pixels on the scale 0–255 or 0–1"),
        (np.full((9, 9), 300), "is blank"),
        (np.array(7.0), r"an array of shape \(\); give one image"),
        (np.ones((1,) * 31 + (2,)), r"give one image of shape"),
        (np.zeros((9, 9, 7)), r"an array of shape \(9, 9, 7\); give one image"),
        (np.zeros(12), r"shape \(12,\); give one image .* or 784 pixels in a row"),
        (np.zeros((0, 3)), r"values of shape \(0, 3\)"),
        (np.array(["a"]), "give an image as an array of numbers"),
        (np.zeros((9, 9)), "is blank: its darkest and brightest pixels differ by 0 of 255"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(save, array, message):
    with pytest.raises(DataError, match=message):
        read_image(save(array, "a.npy"))


def test_several_arrays_without_a_name_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(DataError, match="holds 2 arrays; give one image, alone or under the key 'image'"):
        read_image(tmp_path / "a.npz")


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_a_blank_picture_is_refused(save, paper):
    with pytest.raises(
        DataError, match=r"picture.png is blank: .* differ by 0 of 255; give a picture with visible ink\."
    ):
        read_image(save(Image.new("L", (50, 50), paper)))


def test_a_wholly_transparent_picture_is_blank(save):
    with pytest.raises(DataError, match="is blank"):
        read_image(save(Image.new("RGBA", (50, 50), (10, 20, 30, 0))))


def test_what_is_no_picture_is_told(tmp_path):
    (tmp_path / "notes.png").write_text("hello")
    with pytest.raises(DataError, match=r"notes.png cannot be read as a picture .* give a PNG, JPEG, or .npy file"):
        read_image(tmp_path / "notes.png")
    with pytest.raises(DataError, match=r"absent.png cannot be read .*check its place"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.npy"])
def test_a_cut_picture_is_read_or_a_data_error(save, name, tmp_path):
    picture = stroke((20, 30))
    content = save(np.asarray(picture) if name == "a.npy" else picture, name).read_bytes()
    path = tmp_path / f"cut-{name}"
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        try:
            prepared = read_image(path)
        except DataError:
            continue
        assert prepared.pixels.shape == (784,)


def test_a_decompression_bomb_is_refused(save, monkeypatch):
    path = save(stroke())
    monkeypatch.setattr(pictures, "MAX_PIXELS", 50_000)
    with pytest.raises(DataError, match="more pixels than the limit of 50,000; give a smaller picture"):
        read_image(path)
    monkeypatch.undo()
    for limit in (50_000, 10_000):  # Pillow warns above its limit and raises above twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DataError, match="more pixels than the limit"):
            read_image(path)


def test_an_array_s_size_is_bounded_before_it_takes_memory(tmp_path):
    np.savez_compressed(tmp_path / "large.npz", image=np.zeros(2**27, np.uint8))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"would unpack from|announces"):
        read_image(tmp_path / "large.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_postscript_file_under_another_name_starts_no_program(tmp_path, monkeypatch, name):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tools / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    (tmp_path / name).write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 30\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(DataError, match="it is none of PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM"):
        read_image(tmp_path / name)
    assert not (tmp_path / "started").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.npz"])
def test_pipes_and_devices_are_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="it is no regular file"):
        read_image(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="it is no regular file"):
        read_image(tmp_path / name)


def test_a_model_s_own_scale_reads_arrays_and_pictures_alike(save, tmp_path):
    image = np.asarray(stroke((28, 28)).resize((28, 28)), np.float64)
    bright = 255 - image
    expected = read_image(save(bright.astype(np.uint8), "a.npy")).pixels
    for scaled, value_range in (
        (bright / 255, (0, 1)),
        (bright / 255 * 1.01, (0, 1.01)),
        (bright / 255 * 16, (0, 16)),
        (image / 255, (1, 0)),
        (image / 255 * 16, (16, 0)),
    ):
        read = read_image(save(scaled, "b.npy"), value_range=value_range).pixels
        assert np.abs(read.astype(int) - expected).max() <= 1
        for picture in (Image.fromarray(bright.astype(np.uint8)), save_all_dark(image, value_range)):
            read = read_image(save(picture, "b.png"), value_range=value_range).pixels
            assert np.abs(read.astype(int) - expected).max() <= 1


def save_all_dark(image, value_range):
    """The picture as the network's training images were: dark ink on light paper where white is below black."""
    return Image.fromarray((image if value_range[1] < value_range[0] else 255 - image).astype(np.uint8))


def test_a_scale_that_nobody_told_is_told(save):
    image = np.zeros((28, 28))
    image[4:20, 10:14] = 16
    prepared = read_image(save(image, "a.npy"))
    assert prepared.steps[0] == "values taken as 0–16: no other scale is known"
    assert prepared.pixels.max() == 255


def test_wrapped_pixels_are_refused(save):
    image = np.zeros((28, 28), np.uint8)
    image[4:20, 10:14] = 200
    with pytest.raises(DataError, match="int8 values from -56: pixels above 127 wrapped around"):
        read_image(save(image.astype(np.int8), "a.npy"))


def test_photographs_are_read_as_a_whole(save):
    random = np.random.default_rng(0)
    photograph = random.integers(0, 256, (56, 56)).astype(np.uint8)
    prepared = read_image(save(Image.fromarray(photograph)), framing="photo")
    assert prepared.steps == ("scaled 56×56 to 28×28 as a whole",)
    light = Image.new("L", (56, 56), 250)
    ImageDraw.Draw(light).rectangle([20, 20, 35, 35], fill=0)
    assert read_image(save(light), framing="photo").pixels[0] == 250
    assert read_image(save(light), framing="whole").pixels[0] == 5


@pytest.mark.parametrize("shape", [None, (28,), (0, 28), "big", 28])
def test_an_impossible_frame_is_refused(save, shape):
    with pytest.raises(ConfigError, match=r"image_shape must be \(height, width\), both positive"):
        read_image(save(stroke()), shape)


@pytest.mark.parametrize("fill", [0, 1.5, float("nan")])
def test_an_impossible_share_of_the_frame_is_refused(save, fill):
    with pytest.raises(ConfigError, match="fill must be above 0 and at most 1"):
        read_image(save(stroke()), fill=fill)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    frame=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    seed=st.integers(0, 999),
)
def test_any_picture_gives_an_image_of_the_frame_or_a_data_error(save, shape, frame, seed):
    path = save(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8), "any.npy")
    try:
        prepared = read_image(path, frame)
    except DataError as error:
        assert "blank" in str(error)
        return
    assert prepared.pixels.shape == (frame[0] * frame[1],)
    assert prepared.pixels.any()


def test_importing_images_does_not_import_pillow():
    code = "import sys, engram.images; sys.exit(int('PIL' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
