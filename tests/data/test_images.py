"""Pictures and depth maps that are wrong in every way found so far, and crops against PIL."""

import contextlib
import io
import struct
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from remote_jax.data import arrays, images
from remote_jax.data.images import crop, read_depth, read_picture, scale_depth
from remote_jax.errors import Refused


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(path, content):
    path.write_bytes(content)
    return path


def huge_png(width, height):
    """A PNG whose header claims any size, in a hundred bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_lossless_formats_come_back_whatever_the_name(tmp_path, pixels, kind):
    path = write(tmp_path / "photo.jpg", encoded(Image.fromarray(pixels), kind))
    np.testing.assert_array_equal(read_picture(path), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_other_formats_are_read(tmp_path, kind):
    flat = Image.new("RGB", (32, 24), (200, 40, 40))
    got = np.asarray(read_picture(write(tmp_path / "a", encoded(flat, kind))), np.int32)
    assert got.shape == (24, 32, 3)
    assert abs(got - np.asarray(flat, np.int32)).max() < 12


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = Image.new(mode, (8, 8), 40 * 257 if mode == "I;16" else 0)
    got = read_picture(write(tmp_path / "a", encoded(image, kind)))
    assert got.mode == "RGB" and got.size == (8, 8)
    if mode == "I;16":
        np.testing.assert_array_equal(got, np.full((8, 8, 3), 40))


@pytest.mark.parametrize(
    ("name", "size"), [("30,000 x 30,000", (30_000, 30_000)), ("8,000 x 8,000", (8_000, 8_000))]
)
def test_too_many_pixels_are_refused_by_the_header(tmp_path, monkeypatch, name, size):
    def load(self):
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(Image.Image, "load", load)
    with pytest.raises(Refused, match="expected at most 50,000,000 pixels"):
        read_picture(write(tmp_path / "a.png", huge_png(*size)))


def test_broken_pictures_are_refused(tmp_path, pixels):
    png = encoded(Image.fromarray(pixels), "PNG")
    jpeg = encoded(Image.fromarray(pixels), "JPEG")
    tiff = encoded(Image.fromarray(pixels), "TIFF")
    for content in (
        b"",
        b"text",
        png[: len(png) // 2],
        jpeg[: len(jpeg) // 2],
        tiff,
        huge_png(90, 90),
    ):
        with pytest.raises(Refused):
            read_picture(write(tmp_path / "a.png", content))


def test_a_file_that_is_too_long_is_refused(tmp_path, monkeypatch, pixels):
    path = write(tmp_path / "a.png", encoded(Image.fromarray(pixels), "PNG"))
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    with pytest.raises(Refused, match="longer than 100 bytes"):
        read_picture(path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_picture_is_read_or_refused(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP"]))
    image = Image.fromarray(np.arange(16 * 12 * 3, dtype=np.uint8).reshape(12, 16, 3))
    content = bytearray(encoded(image, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.getbasetemp() / "damaged", bytes(content))
    with contextlib.suppress(Refused):
        picture = read_picture(path)
        assert picture.mode == "RGB" and picture.width * picture.height <= images.MAX_PIXELS


def npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_depth_is_scaled_over_its_range(tmp_path):
    values = np.array([[2.0, 3.0, 4.0], [4.0, 3.0, 2.0]])
    expected = [[0, 128, 255], [255, 128, 0]]
    for array in (values, np.asfortranarray(values), values.astype(">f4"), values.astype(np.int16)):
        np.testing.assert_array_equal(
            read_depth(npz(tmp_path / "a.npz", depth_map=array)), expected
        )


@pytest.mark.parametrize("value", [0.0, -7.0, 1e308])
def test_a_flat_depth_map_is_zero(value):
    assert not scale_depth(np.full((3, 4), value)).any()


@pytest.mark.parametrize("low, high", [(-1.7e308, 1.7e308), (0, 1e-300), (0, 5e-324)])
def test_depth_of_extreme_ranges_is_finite(low, high):
    scaled = scale_depth(np.array([[low, high]]))
    assert scaled.min() == 0
    assert scaled.max() in (0, 255)


@pytest.mark.parametrize(
    "arrays",
    [
        {"other": np.zeros((2, 2))},
        {"depth_map": np.zeros(4)},
        {"depth_map": np.zeros((2, 2, 3))},
        {"depth_map": np.zeros((0, 3))},
        {"depth_map": np.array([["a"]])},
        {"depth_map": np.array([[{}]], object)},
        {"depth_map": np.array([[1j]])},
        {"depth_map": np.array([[np.nan, 0.0]])},
        {"depth_map": np.array([[np.inf, 0.0]])},
    ],
    ids=["no key", "1-d", "3-d", "empty", "text", "pickle", "complex", "nan", "inf"],
)
def test_depth_maps_that_are_refused(tmp_path, arrays):
    with pytest.raises(Refused):
        read_depth(npz(tmp_path / "a.npz", **arrays))


def member(content, size=None):
    """An archive with `depth_map.npy` that may lie about its length."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth_map.npy", content)
    data = bytearray(buffer.getvalue())
    if size is not None:  # uncompressed size, in the local header and in the directory
        data[22:26] = struct.pack("<I", size)
        at = data.rindex(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def header(shape, kind="'<f8'"):
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip",
        member(b"not an array"),
        member(header((100_000, 100_000))),
        member(header((2, 2)) + b"\0" * 8),
        member(header((2, 2)) + b"\0" * 32, size=10),
        member(header((2, -2)) + b"\0" * 32),
        member(header((10**30, 10**30))),
        member(header("(" * 5000)),
        member(header("-" * 5000 + "1")),
        member(header((2, 2), "__import__('os').system('true')")),
    ],
    ids=[
        *("empty", "no zip", "no array", "large claim", "truncated", "lies", "negative"),
        *("overflow", "nested", "signs", "code"),
    ],
)
def test_broken_depth_files_are_refused(tmp_path, content):
    with pytest.raises(Refused):
        read_depth(write(tmp_path / "a.npz", content))


def test_depth_that_is_too_large_is_refused_before_it_is_decompressed(tmp_path, monkeypatch):
    path = write(tmp_path / "a.npz", member(header((20, 20)) + b"\0" * 3200))
    assert read_depth(path).shape == (20, 20)
    monkeypatch.setattr(images, "MAX_DEPTH_BYTES", 3200)
    with pytest.raises(Refused, match=r"it is 3,2\d\d bytes, expected at most 3,200"):
        read_depth(path)
    short = member(header((100_000, 100_000)))  # a short member whose array would be allocated
    with pytest.raises(Refused, match="its header claims 80,000,000,000 bytes"):
        read_depth(write(tmp_path / "a.npz", short))


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.25, 0.5, 0.75, 1), (0.1, 0.2, 0.33, 0.61)])
def test_a_crop_is_what_the_box_covers(pixels, box):
    image = Image.fromarray(pixels)
    left, top = int(box[0] * 128), int(box[1] * 96)
    right, bottom = int(np.ceil(box[2] * 128)), int(np.ceil(box[3] * 96))
    part = Image.fromarray(pixels[top:bottom, left:right])
    expected = np.asarray(part.resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(crop(image, box, 32), expected)


@pytest.mark.parametrize("at", [0.0, 0.5, 1 - 1e-9, 1.0])
@pytest.mark.parametrize("width", [0.0, 1e-9])  # float32 may make a thin box empty
def test_a_crop_has_at_least_one_pixel(pixels, at, width):
    x, y = min(int(at * 128), 127), min(int(at * 96), 95)
    np.testing.assert_array_equal(
        crop(Image.fromarray(pixels), (at, at, at + width, at + width), 4),
        np.broadcast_to(pixels[y, x], (4, 4, 3)),
    )


def test_depth_is_cropped_alike(pixels):
    depth = pixels[..., 0]
    got = crop(Image.fromarray(depth), (0.1, 0.2, 0.5, 0.9), 8)
    assert got.shape == (8, 8)
    np.testing.assert_array_equal(
        got, crop(Image.fromarray(pixels), (0.1, 0.2, 0.5, 0.9), 8)[..., 0]
    )


def test_headers_of_depth_maps_are_parsed_one_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, depth_map=np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8))
    alone = images.read_depth(path)
    parse, inside, most = arrays.npy.read_array_header_1_0, [], []

    def watched(member):
        inside.append(member)
        time.sleep(0.002)
        most.append(len(inside))
        inside.remove(member)
        return parse(member)

    monkeypatch.setattr(arrays.npy, "read_array_header_1_0", watched)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(images.read_depth, [path] * 40):
            np.testing.assert_array_equal(found, alone)
    assert max(most) == 1


def test_what_is_no_picture_is_told_with_what_is_one(tmp_path):
    (tmp_path / "a.png").write_text("text")
    formats = "cannot be decoded: it is none of JPEG, PNG, WEBP, GIF, BMP$"
    with pytest.raises(Refused, match=f"the picture a.png {formats}"):
        images.read_picture(tmp_path / "a.png")
    with pytest.raises(Refused, match=f"^the picture {formats}"):
        images.read_picture(b"text")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4, 3)), "float64"),
        (np.zeros((4, 4, 2), np.uint8), "expected uint8"),
        (np.zeros(4, np.uint8), "expected uint8"),
        (np.zeros((0, 4, 3), np.uint8), "cannot be decoded|is empty"),
        (np.broadcast_to(np.uint8(0), (10_000, 10_000)), "expected at most 50,000,000 pixels"),
    ],
)
def test_arrays_that_are_no_pictures(array, said):
    with pytest.raises(Refused, match=said):
        images.read_picture(array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3),
        np.zeros((2, 2, 3), np.uint8),
        np.zeros((0, 2)),
        np.array([[1.0, np.nan]]),
        np.array([["a"]]),
        np.broadcast_to(np.float64(0), (10_000, 10_000)),
    ],
)
def test_arrays_that_are_no_depth_maps(array):
    with pytest.raises(Refused, match="the depth map"):
        images.read_depth(array)
