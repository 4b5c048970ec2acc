"""Images of every kind come out as the RGB that they show; what is unclear is refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from blockscope.io import provenance
from blockscope.io.errors import BadFile
from blockscope.io.images import check_image, decode_image, read_image, read_png, write_png
from blockscope.io.resizing import fit

ROWS, COLS = 5, 7
GREY16 = (np.arange(ROWS * COLS, dtype=np.uint16) * 1900).reshape(ROWS, COLS)
GREY8 = np.rint(GREY16 / 257).astype(np.uint8)


@pytest.fixture
def colours(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (ROWS, COLS, 3), np.uint8)


def pixels(path: Path, background: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
    image = read_image(path, background)
    assert image.mode == "RGB"
    return np.asarray(image)


def grey(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(values[..., None], 3, axis=-1)


def png(depth: int, colour: int, size: tuple[int, int], rows: bytes, *extra: bytes) -> bytes:
    """A PNG as the standard says: chunks before the data in ``extra`` as name + content."""
    header = struct.pack(">IIBBBBB", size[1], size[0], depth, colour, 0, 0, 0)
    chunks = [b"IHDR" + header, *extra, b"IDAT" + zlib.compress(rows), b"IEND"]
    framed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


ByteOrder = Literal["<", ">"]


def unfiltered(values: NDArray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in values)


def tiff(
    values: NDArray,
    order: ByteOrder = "<",
    *,
    bits: int = 0,
    sample: int = 1,
    photometric: int = 1,
) -> bytes:
    """A plain grey TIFF; ``sample``: 1 unsigned, 2 signed, 3 float; ``photometric`` 0: inverted."""
    rows, cols = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    depth = bits or 8 * values.dtype.itemsize
    if bits == 12:
        pairs = values.reshape(-1, 2).astype(np.uint32)
        packed = pairs[:, 0] << 12 | pairs[:, 1]
        data = b"".join(int(pair).to_bytes(3, "big") for pair in packed)
    tags = {256: cols, 257: rows, 258: depth, 259: 1, 262: photometric, 273: 0, 277: 1, 278: rows}
    tags |= {279: len(data), 339: sample}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, v) for tag, v in tags.items())
    magic = b"II*\0" if order == "<" else b"MM\0*"
    counted = struct.pack(f"{order}IH", 8, len(tags)) + entries + struct.pack(f"{order}I", 0)
    return magic + counted + data


# --- formats ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a.png", "a.bmp", "a.tiff", "lossless.webp", "wrong ending.jpg", "none"]
)
def test_lossless_formats_keep_every_pixel(tmp_path: Path, colours, name: str) -> None:
    endings = {"a.bmp": "BMP", "a.tiff": "TIFF", "lossless.webp": "WEBP"}
    Image.fromarray(colours).save(tmp_path / name, endings.get(name, "PNG"), lossless=True)
    np.testing.assert_array_equal(pixels(tmp_path / name), colours)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiff(tmp_path: Path, colours, compression: str) -> None:
    Image.fromarray(colours).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), colours)


@pytest.mark.parametrize(("name", "most"), [("a.jpg", 3), ("a.webp", 6)])
def test_lossy_formats_stay_near(tmp_path: Path, name: str, most: int) -> None:
    smooth = np.empty((ROWS * 8, COLS * 8, 3), np.uint8)
    smooth[:] = [200, 100, 50]
    Image.fromarray(smooth).save(tmp_path / name, quality=95)
    np.testing.assert_allclose(pixels(tmp_path / name).astype(int), smooth, atol=most)


def test_grey_and_one_bit(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(pixels(tmp_path / "grey.png"), grey(GREY8))
    bits = (GREY8 % 2).astype(bool)
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(pixels(tmp_path / "bits.png"), grey(bits * np.uint8(255)))


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (COLS, ROWS))
    image.putpalette([10, 20, 30, 200, 100, 50, 7, 8, 9])
    indexes = np.arange(ROWS * COLS, dtype=np.uint8).reshape(ROWS, COLS) % 3
    image.putdata(indexes.ravel().tolist())
    table = np.array([[10, 20, 30], [200, 100, 50], [7, 8, 9]], np.uint8)
    image.save(tmp_path / "plain.png")
    np.testing.assert_array_equal(pixels(tmp_path / "plain.png"), table[indexes])
    image.save(tmp_path / "one.png", transparency=1)
    table[1] = [1, 2, 3]
    np.testing.assert_array_equal(pixels(tmp_path / "one.png", (1, 2, 3)), table[indexes])
    image.save(tmp_path / "partly.png", transparency=bytes([255, 0, 51]))
    table[2] = [round(0.2 * c + 0.8 * b) for c, b in zip((7, 8, 9), (1, 2, 3), strict=True)]
    np.testing.assert_array_equal(pixels(tmp_path / "partly.png", (1, 2, 3)), table[indexes])


def test_cmyk(tmp_path: Path) -> None:
    cmyk = np.zeros((16, 24, 4), np.uint8)
    cmyk[:, :12], cmyk[:, 12:] = [255, 0, 0, 0], [0, 0, 0, 128]
    for name in ("a.jpg", "a.tif"):
        Image.fromarray(cmyk, "CMYK").save(tmp_path / name, quality=100)
        found = pixels(tmp_path / name).astype(int)
        np.testing.assert_allclose(found[8, [2, 22]], [[0, 255, 255], [127] * 3], atol=2)


# --- transparency ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_alpha_shows_the_background(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    rgba = rng.integers(0, 256, (ROWS, COLS, 4), np.uint8)
    rgba[0, :, 3], rgba[1, :, 3] = 0, 255
    options: dict[str, Any] = {"lossless": True, "exact": True} if name == "a.webp" else {}
    Image.fromarray(rgba).save(tmp_path / name, **options)
    background = (10, 120, 250)
    colour, alpha = rgba[..., :3].astype(np.int64), rgba[..., 3:].astype(np.int64)
    exact = (colour * alpha + np.array(background) * (255 - alpha)) / 255
    found = pixels(tmp_path / name, background)
    np.testing.assert_array_equal(found, np.rint(exact))
    np.testing.assert_array_equal(found[0], np.broadcast_to(background, (COLS, 3)))
    np.testing.assert_array_equal(found[1], rgba[1, :, :3])


def test_grey_with_alpha(tmp_path: Path) -> None:
    values = np.array([[[100, 255], [100, 0], [100, 102]]], np.uint8)
    Image.fromarray(values, "LA").save(tmp_path / "a.png")
    expected = [[[100] * 3, [10, 120, 250], [46, 112, 190]]]
    np.testing.assert_array_equal(pixels(tmp_path / "a.png", (10, 120, 250)), expected)


def test_the_background_is_white_unless_said_otherwise(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 3), (9, 9, 9, 0)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "a.png")), 255)


@pytest.mark.parametrize(
    ("depth", "rows", "key", "shown"),
    [
        (1, b"\0\x50", 1, [0, None, 0, None]),  # 0 1 0 1
        (2, b"\0\x1b", 1, [0, None, 170, 255]),  # 0 1 2 3
        (4, b"\0\x0d\x3f", 13, [0, None, 51, 255]),  # 0 13 3 15
        (8, b"\0\0\x0d\x33\xff", 13, [0, None, 51, 255]),
        (16, b"\0\0\0\x0d\x0d\x0d\x0c\xff\xff", 0x0D0D, [0, None, 13, 255]),
    ],
)
def test_a_grey_value_that_means_transparent(
    tmp_path: Path, depth: int, rows: bytes, key: int, shown: list[int | None]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(depth, 0, (1, 4), rows, b"tRNS" + struct.pack(">H", key)))
    expected = [[(1, 2, 3) if v is None else (v, v, v) for v in shown]]
    np.testing.assert_array_equal(pixels(path, (1, 2, 3)), expected)


def test_a_colour_that_means_transparent(tmp_path: Path) -> None:
    rows = b"\0" + bytes([10, 20, 30, 10, 20, 31])
    path = tmp_path / "a.png"
    path.write_bytes(png(8, 2, (1, 2), rows, b"tRNS" + struct.pack(">HHH", 10, 20, 30)))
    np.testing.assert_array_equal(pixels(path, (1, 2, 3)), [[[1, 2, 3], [10, 20, 31]]])


def test_a_colour_of_16_bit_that_means_transparent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    rows = b"\0" + struct.pack(">6H", 10, 20, 30, 10, 20, 31)
    path.write_bytes(png(16, 2, (1, 2), rows, b"tRNS" + struct.pack(">HHH", 10, 20, 30)))
    with pytest.raises(BadFile, match=r"a\.png' has 16-bit colours, one of which means transp.*8"):
        read_image(path)


# --- more than 8 bits ------------------------------------------------------------------------


def test_grey_of_16_bit_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(16, 0, (ROWS, COLS), unfiltered(GREY16.astype(">u2"))))
    np.testing.assert_array_equal(pixels(path), grey(GREY8))


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_16_bit_tiff(tmp_path: Path, order: ByteOrder) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(GREY16, order))
    np.testing.assert_array_equal(pixels(path), grey(GREY8))


def read_or_refused(path: Path, expected: NDArray[np.uint8]) -> bool:
    """Pillow need not know a kind of file, but what it reads must be right."""
    try:
        found = pixels(path)
    except BadFile:
        return False
    np.testing.assert_array_equal(found, expected)
    return True


@pytest.mark.parametrize("order", ["<", ">"])
def test_white_may_be_zero(tmp_path: Path, order: ByteOrder) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(GREY8, order, photometric=0))
    np.testing.assert_array_equal(pixels(path), grey(255 - GREY8))
    path.write_bytes(tiff(GREY16, order, photometric=0))
    assert read_or_refused(path, grey(255 - GREY8)) == (order == "<")


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_12_bit_tiff(tmp_path: Path, order: ByteOrder) -> None:
    values = np.array([[0, 4095, 2048, 16], [1, 100, 1000, 4000]], np.uint16)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(values, order, bits=12))
    expected = grey(np.rint(values / 4095 * 255).astype(np.uint8))
    assert read_or_refused(path, expected) == (order == "<")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "sample"), [("i2", 2), ("i4", 2), ("u4", 1), ("f8", 3)])
def test_grey_without_a_known_white_is_refused(
    tmp_path: Path, order: ByteOrder, kind: str, sample: int
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(GREY16.astype(kind), order, sample=sample))
    with pytest.raises(
        BadFile, match=r"a\.tif' (has signed or 32-bit grey|is not in a known image format)"
    ):
        read_image(path)


def test_float_tiff_goes_from_black_to_white(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray((GREY16 / 65535).astype(np.float32)).save(path)
    np.testing.assert_array_equal(pixels(path), grey(GREY8))


@pytest.mark.parametrize("value", [-0.5, 1.5, 255.0, np.nan, np.inf])
def test_float_tiff_beyond_white_is_refused(tmp_path: Path, value: float) -> None:
    values = np.full((ROWS, COLS), 0.5, np.float32)
    values[2, 3] = value
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(BadFile, match=r"a\.tif' has grey values of .*, outside 0 to 1; save it"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_colours_of_16_bit_are_right_to_one_level(
    tmp_path: Path, rng: np.random.Generator, colour: int, channels: int
) -> None:
    values = rng.integers(0, 65536, (ROWS, COLS, channels), np.uint16)
    if channels != 3:
        values[..., -1] = 65535
    path = tmp_path / "a.png"
    path.write_bytes(png(16, colour, (ROWS, COLS), unfiltered(values.astype(">u2"))))
    expected = values[..., : 3 if channels != 2 else 1] / 257
    np.testing.assert_allclose(pixels(path), np.broadcast_to(expected, (ROWS, COLS, 3)), atol=1)


# --- orientation and frames ------------------------------------------------------------------

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_is_applied_once(tmp_path: Path, colours, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(colours).save(tmp_path / name, exif=exif, lossless=True)
    np.testing.assert_array_equal(pixels(tmp_path / name), UPRIGHT[orientation](colours))


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("values", [GREY16, GREY8], ids=["16 bit", "8 bit"])
def test_orientation_of_grey(tmp_path: Path, values: NDArray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name, exif=exif)
        np.testing.assert_array_equal(pixels(tmp_path / name), UPRIGHT[orientation](grey(GREY8)))


def test_orientation_of_a_jpeg(tmp_path: Path) -> None:
    values = np.zeros((40, 56, 3), np.uint8)
    values[:16, :24] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = pixels(tmp_path / "a.jpg")
    assert found.shape == (56, 40, 3)
    np.testing.assert_allclose(found.astype(int), UPRIGHT[6](values), atol=3)


def test_nonsense_in_exif_does_not_stop_an_image(tmp_path: Path, colours) -> None:
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0"):
        Image.fromarray(colours).save(tmp_path / "a.png", exif=exif)
        np.testing.assert_array_equal(pixels(tmp_path / "a.png"), colours)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_the_first_of_several_frames_counts(tmp_path: Path, colours, name: str) -> None:
    frames = [Image.fromarray(255 - colours), Image.fromarray(colours // 2)]
    first = Image.fromarray(colours)
    first.save(tmp_path / name, save_all=True, append_images=frames, lossless=True)
    np.testing.assert_array_equal(pixels(tmp_path / name), colours)


def test_the_jpegs_of_telephones_hold_a_second_image(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (24, 16), (200, 0, 0)), Image.new("RGB", (8, 8))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    found = pixels(tmp_path / "a.jpg")
    assert found.shape == (16, 24, 3)
    np.testing.assert_allclose(found[8, 12].astype(int), [200, 0, 0], atol=3)


def test_colour_profiles_change_nothing(tmp_path: Path, colours) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), colours)


# --- files that are none ---------------------------------------------------------------------


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"image file '.*gone\.png' does not exist"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(BadFile, match=r"image file '.*' is a folder"):
        read_image(tmp_path)
    for content in (b"", b"words", b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\0;"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(
            BadFile, match=r"a\.png' is not in a known .* PNG, JPEG, WEBP, TIFF, BM"
        ):
            check_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_an_image_cut_short_is_refused(tmp_path: Path, rng, kind: str) -> None:
    buffer = io.BytesIO()
    noise = Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8))
    noise.save(buffer, kind, lossless=True)
    whole = buffer.getvalue()
    path = tmp_path / "short"
    for length in np.linspace(1, 0.9 * len(whole), 12).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(
            BadFile, match=r"image file '.*short' is (damaged|not in a known image format)"
        ):
            read_image(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_damage_gives_an_image_or_one_kind_of_error(tmp_path: Path, rng, kind: str) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY8).convert("RGB").save(buffer, kind, exif=exif)
    path = tmp_path / "damaged"
    for _ in range(40):
        content = np.frombuffer(buffer.getvalue(), np.uint8).copy()
        content[rng.integers(0, min(len(content), 400), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(content.tobytes())
        with suppress(BadFile):
            assert read_image(path).mode == "RGB"


def huge(kind: str) -> bytes:
    if kind == "png":
        return png(8, 2, (100_000, 100_000), b"")
    if kind == "just over":
        return png(1, 0, (10_001, 10_000), b"")
    if kind == "bmp":
        head = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head
    if kind == "tiff":
        return tiff(np.zeros((1, 1), np.uint8)).replace(
            struct.pack("<HHII", 256, 4, 1, 1), struct.pack("<HHII", 256, 4, 1, 200_000_000)
        )
    size = (16_383 - 1) | (16_383 - 1) << 14
    content = b"VP8L" + struct.pack("<IBI", 25, 0x2F, size) + bytes(21)
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


@pytest.mark.parametrize("kind", ["png", "just over", "bmp", "tiff", "webp"])
def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(huge(kind))
    probe = (
        "import resource, sys\n"
        "from blockscope.io.errors import BadFile\n"
        "from blockscope.io.images import read_image\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_image(sys.argv[1])\n"
        "except BadFile as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(path)],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    message, kilobytes = done.stdout.splitlines()
    assert "image file" in message
    assert "bomb'" in message
    assert "scale it down first" in message
    assert int(kilobytes) < 20_000


def test_a_large_photograph_is_no_bomb(tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").size == (10_000, 10_000)


# --- size ------------------------------------------------------------------------------------


def lanczos(length: int, start: float, stop: float, count: int) -> NDArray[np.float64]:
    """Weights (result, source) that resample source positions start..stop to ``count`` samples."""
    step = (stop - start) / count
    spread = max(step, 1.0)
    weights = np.zeros((count, length))
    for i in range(count):
        centre = start + (i + 0.5) * step
        # Pillow rounds the reach of the filter to whole pixels.
        low = max(int(centre - 3 * spread + 0.5), 0)
        high = min(int(centre + 3 * spread + 0.5), length)
        x = (np.arange(low, high) + 0.5 - centre) / spread
        weights[i, low:high] = np.sinc(x) * np.sinc(x / 3) * (abs(x) < 3)
    return weights / weights.sum(axis=1, keepdims=True)


def fitted(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float64]:
    """Scale until the size is just covered, crop around the centre: in floats, slowly."""
    rows, cols = image.shape[:2]
    scale = max(size[0] / rows, size[1] / cols)
    height, width = size[0] / scale, size[1] / scale
    top, left = (rows - height) / 2, (cols - width) / 2
    down = lanczos(rows, top, top + height, size[0])
    across = lanczos(cols, left, left + width, size[1])
    return np.einsum("ir,rcx,jc->ijx", down, image.astype(float), across, optimize=True)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((5, 7), (4, 4)),
        ((7, 5), (4, 4)),
        ((50, 70), (24, 24)),
        ((70, 51), (24, 24)),
        ((5, 7), (15, 15)),
        ((5, 7), (3, 6)),
        ((40, 40), (13, 29)),
        ((224, 225), (224, 224)),
        ((300, 2), (4, 4)),
    ],
)
def test_shorter_side_to_size_and_centre_crop(
    rng: np.random.Generator, shape: tuple[int, int], size: tuple[int, int]
) -> None:
    row, col = np.mgrid[: shape[0], : shape[1]]
    waves = [128 + 60 * np.sin(row / 3), 128 + 60 * np.cos(col / 4), 128 + row % 9 + col % 5]
    image = np.stack(waves, axis=-1).astype(np.uint8)
    found = fit(Image.fromarray(image), size)
    assert found.shape == (*size, 3)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, fitted(image, size), atol=1.01)


def test_an_image_of_the_right_size_passes_unchanged(tmp_path: Path, colours) -> None:
    Image.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(fit(read_image(tmp_path / "a.png"), (ROWS, COLS)), colours)


def test_a_square_of_the_middle_is_cut_out_exactly(colours) -> None:
    np.testing.assert_array_equal(fit(Image.fromarray(colours), (5, 5)), colours[:, 1:6])
    turned = colours.swapaxes(0, 1).copy()
    np.testing.assert_array_equal(fit(Image.fromarray(turned), (5, 5)), turned[1:6])


# --- the input as a file ---------------------------------------------------------------------


def test_what_is_written_is_read_back(tmp_path: Path, colours) -> None:
    facts = provenance.record("input", model="m", image="ü", n=3, x=0.5)
    write_png(tmp_path / "input.png", colours, facts)
    found, read = read_png(tmp_path / "input.png")
    np.testing.assert_array_equal(found, colours)
    assert read == facts
    found[0, 0] = 0  # one's own copy, not a view of something frozen


def test_what_is_transparent_is_read_on_white_and_its_transparency_counts(tmp_path, rng):
    path = tmp_path / "grid.png"
    facts: provenance.Facts = {"created_by": "grid_image"}
    written = rng.integers(0, 256, (ROWS, COLS, 4), np.uint8)
    write_png(path, written, facts)
    found, read = read_png(path)
    share = written[..., 3:] / 255
    np.testing.assert_allclose(found, written[..., :3] * share + 255 * (1 - share), atol=1)
    assert read == facts
    with Image.open(path) as image:
        image.putalpha(255)
        text = PngImagePlugin.PngInfo()
        for key, value in image.info.items():
            text.add_text(str(key), str(value))
        image.save(path, pnginfo=text)
    with pytest.raises(BadFile, match=r"grid\.png' is damaged: what it holds has sha256"):
        read_png(path)


def test_the_same_image_gives_the_same_bytes(tmp_path: Path, colours) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, colours, {"created_by": "input"})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_damaged_input_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "input.png"
    write_png(path, rng.integers(0, 256, (50, 70, 3), np.uint8), {"created_by": "input"})
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BadFile, match=r"input\.png' is damaged"):
        read_png(path)
    Image.new("RGB", (2, 2)).save(path)
    with pytest.raises(BadFile, match=r"input\.png' has no provenance record"):
        read_png(path)


@pytest.mark.parametrize("what", ["pixel", "fact"])
def test_a_png_that_was_saved_again_is_refused(tmp_path, rng, what):
    path = tmp_path / "input.png"
    write_png(
        path, rng.integers(0, 256, (5, 7, 3), np.uint8), {"created_by": "input", "image": "a"}
    )
    with Image.open(path) as image:
        image.load()
    text = PngImagePlugin.PngInfo()
    for key, value in image.info.items():
        text.add_text(str(key), str(value).replace('"a"', '"b"') if what == "fact" else str(value))
    if what == "pixel":
        image.putpixel((6, 4), (1, 2, 3))
    image.save(path, pnginfo=text)
    with pytest.raises(BadFile, match=r"input\.png' is damaged: what it holds has sha256"):
        read_png(path)
    image.save(path, pnginfo=None)
    with pytest.raises(BadFile, match="has no provenance record"):
        read_png(path)


def test_threads_that_decode_at_once_leave_warnings_as_they_were(colours: NDArray[np.uint8]):
    """One ends while the other is at work, which would keep what the first had set."""

    class Held(io.BytesIO):
        def __init__(self, content: bytes) -> None:
            super().__init__(content)
            self.begun, self.go = threading.Event(), threading.Event()

        def read(self, size: int | None = -1) -> bytes:
            self.begun.set()
            assert self.go.wait(30)
            return super().read(size)

    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, format="PNG")
    handles = [Held(buffer.getvalue()) for _ in range(2)]
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        tasks = []
        for handle in handles:
            tasks.append(pool.submit(decode_image, handle, "held"))
            assert handle.begun.wait(30)
        for handle, task in zip(handles, tasks, strict=True):
            handle.go.set()
            assert (np.asarray(task.result(30)) == colours).all()
    assert list(warnings.filters) == before
