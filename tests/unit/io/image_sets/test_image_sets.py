"""Data sets: the same images from a folder, a list, a table, a tar, a zip; what is wrong there."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blockscope.io import datasets
from blockscope.io.errors import BadFile, UnknownName
from blockscope.io.image_sets import ImageSet
from blockscope.io.image_sets.index import look, make_index, source_digest
from blockscope.io.image_sets.listing import in_words
from blockscope.io.image_sets.source import kind_of
from blockscope.io.images import read_image
from blockscope.stages.datasets.dataset import write_dataset

IMAGES = ("Zebra.PNG", "a/1.png", "a/b/2.jpg", "ä b\n/ü#'\".webp", "a.png/x.bmp")
OTHERS = ("README", "a/notes.txt", ".DS_Store", ".git/x.png", "a/.x.png", "a/clip.gif")
SORTED = sorted(IMAGES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """Images and what else lies about, in ``pictures``."""
    monkeypatch.chdir(tmp_path)
    for name in (*IMAGES, *OTHERS):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8)).save(path, format="PNG")
    return tmp_path


def in_tar(names=(*OTHERS, *IMAGES), path="pictures.tar") -> str:
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.add(f"pictures/{name}", name)
    return path


def in_zip(names=(*OTHERS, *IMAGES), packing=zipfile.ZIP_DEFLATED, path="pictures.zip") -> str:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name in names:
            archive.write(f"pictures/{name}", name)
    return path


def listed(names=("Zebra.PNG", "a/1.png"), path="pictures.txt") -> str:
    text = "".join(f"pictures/{name}\r\n\n" for name in names)
    Path(path).write_text(f"# {len(names)} pictures\n{text}", newline="")
    return path


def opened(path: str, count=None, seed=0, labels="") -> ImageSet:
    write_dataset(dataset="x", path=path, count=count, seed=seed, labels=labels, output="x.h5")
    return ImageSet.open("x.h5")


def everything(images: ImageSet) -> list[tuple[str, bytes]]:
    names = images.names(range(len(images)))
    return [(name, images.read(number).tobytes()) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: "pictures",
        in_tar,
        in_zip,
        lambda: in_zip(packing=zipfile.ZIP_STORED),
        lambda: in_tar(reversed((*OTHERS, *IMAGES))),
    ],
)
def test_a_folder_and_an_archive_give_the_same_images_in_the_same_order(make):
    images = opened(make())
    assert everything(images) == [
        (name, read_image(f"pictures/{name}").tobytes()) for name in SORTED
    ]
    assert images.labels([0, 4]) == ["", ""]


def test_labels_are_the_folders_that_images_lie_in():
    for path in ("pictures", in_tar(), in_zip()):
        images = opened(path, labels="folders")
        assert dict(zip(images.names(range(5)), images.labels(range(5)), strict=True)) == {
            "Zebra.PNG": "",
            "a/1.png": "a",
            "a/b/2.jpg": "b",
            "ä b\n/ü#'\".webp": "ä b\n",
            "a.png/x.bmp": "a.png",
        }


def test_what_is_no_image_is_left_out_and_counted():
    assert (
        look("pictures").ignored == "1 .gif, 1 .txt, 2 hidden, 1 hidden folder, 1 without an ending"
    )
    for path in (in_tar(), in_zip()):
        found = look(path)
        assert found.images == 5
        assert found.ignored == "1 .gif, 1 .txt, 3 hidden, 1 without an ending"


def test_a_list_and_a_table_name_their_images_and_labels(folder):
    images = opened(listed())
    assert images.names([0, 1]) == ["pictures/Zebra.PNG", "pictures/a/1.png"]
    Path("t.tsv").write_text(
        "image\tpath\tlabel\nz\tpictures/Zebra.PNG\tzebra\n# no\na\tpictures/a/1.png\t\n"
    )
    images = opened("t.tsv")
    assert images.labels([0, 1]) == ["zebra", ""]
    assert images.read(0).tobytes() == read_image("pictures/Zebra.PNG").tobytes()
    Path("t.tsv").write_text("label\timage\nq\tpictures/a/1.png\n")
    assert opened("t.tsv").names([0]) == ["pictures/a/1.png"]


def test_paths_of_a_list_may_lead_anywhere(folder):
    (folder / "lists").mkdir()
    Path("l.txt").write_text(f"lists/../pictures/a/1.png\n{folder}/pictures/Zebra.PNG\n")
    images = opened("l.txt", labels="folders")
    assert sorted(images.labels([0, 1])) == ["a", "pictures"]
    assert images.read(1).tobytes() == read_image("pictures/a/1.png").tobytes()


def test_wrong_lines_of_a_list_are_counted_and_the_first_are_shown():
    lines = ["pictures/a/1.png", "gone0.png", "pictures/a", "pictures/a/1.png", "gone1.png", "g2"]
    Path("l.txt").write_text("\n".join(lines))
    words = (
        r"'l.txt', line 2: 'gone0.png' does not exist; line 3: 'pictures/a' is not a file; line "
        r"4: 'pictures/a/1.png' is in line 1 already; and 2 more like this \(looked in "
    )
    with pytest.raises(BadFile, match=words):
        make_index("l.txt", None, 0, "")


@pytest.mark.parametrize(
    "again", ["./pictures/a/1.png", "pictures//a/./1.png", "{here}/pictures/a/1.png"]
)
def test_an_image_that_is_named_twice_is_told_however_it_is_written(folder, again):
    again = again.format(here=folder)
    Path("l.txt").write_text(f"pictures/a/1.png\n{again}\n")
    with pytest.raises(BadFile, match=rf"line 2: '{again}' is in line 1 already"):
        make_index("l.txt", None, 0, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "table 't.tsv' is empty; it needs a column path or image"),
        ("file\tlabel\n", "line 1: there is no column path or image; found: file, label"),
        ("path,label\n", r"found: path,label \(columns are separated by tabs\)"),
        ("path\tlabel\npictures/a/1.png\n", "line 2: has 1 cell, but the table has 2 columns"),
        ("path\tlabel\npictures/a/1.png\ta\0b\n", "line 2: the label has a zero byte"),
        (
            "label\tpath\n#1 dad\tpictures/a/1.png\n",
            "line 2: begins with '#' and has a cell for each",
        ),
        ("# a\tb\nlabel\tpath\n#1\ta.png\n", "line 3: .* put the column 'path' first, whose cells"),
        ("path\n", "'t.tsv' has no images; valid endings: .bmp, "),
    ],
)
def test_a_table_is_refused(text, words):
    Path("t.tsv").write_text(text)
    with pytest.raises(BadFile, match=words):
        make_index("t.tsv", None, 0, "")


def test_rows_of_a_table_that_are_commented_out_are_none():
    rows = "pictures/a/1.png\ta\n#pictures/Zebra.PNG\tb\n# a remark\n./#1.png\tc\n"
    Path("#1.png").write_bytes(Path("pictures/a/1.png").read_bytes())
    Path("t.tsv").write_text(f"# a remark\nimage\tlabel\n{rows}")
    images = opened("t.tsv")
    assert images.names(range(len(images))) == ["./#1.png", "pictures/a/1.png"]
    Path("t.tsv").write_text("label\timage\n# a remark\n##\na\tpictures/a/1.png\n")
    assert len(opened("t.tsv")) == 1


def test_the_labels_of_a_table_are_its_own():
    Path("t.tsv").write_text("path\tlabel\npictures/a/1.png\tq\n")
    with pytest.raises(BadFile, match=r"'t.tsv' is a table, whose column label names the labels"):
        make_index("t.tsv", None, 0, "folders")


def test_a_list_that_is_no_text_is_refused():
    Path("l.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BadFile, match=r"'l.txt' is not UTF-8 text"):
        make_index("l.txt", None, 0, "")


def test_a_sample_depends_on_names_and_seed_and_grows(folder):
    small, large, other = (opened("pictures", *chosen) for chosen in ((2, 3), (4, 3), (4, 9)))
    assert set(small.names(range(2))) < set(large.names(range(4)))
    assert large.names(range(4)) == sorted(large.names(range(4)))
    assert large.names(range(4)) != other.names(range(4))
    assert small.facts["found"] == 5
    assert opened(in_zip(), 2, 3).names(range(2)) == small.names(range(2))
    with pytest.raises(BadFile, match="'pictures' has 5 images, fewer than the 6 asked for"):
        make_index("pictures", 6, 0, "")


def test_another_sample_of_the_same_images_has_another_digest():
    chosen = [(None, 0), (3, 0), (3, 1), (4, 1)]
    digests = [opened("pictures", count, seed).digest for count, seed in chosen]
    assert len(set(digests)) == 4
    assert opened("pictures", 3, 1).digest == digests[2]


def test_the_digest_changes_with_every_image(folder):
    def digest(path="pictures") -> str:
        return source_digest(path)

    seen = [digest()]
    first = folder / "pictures" / "a" / "1.png"
    (folder / "pictures" / "more.txt").write_text("no image")
    assert digest() == seen[0]
    os.utime(first, (1, 1))
    seen.append(digest())
    first.write_bytes(b"damaged")
    os.utime(first, (1, 1))
    seen.append(digest())
    first.rename(first.with_name("3.png"))
    seen.append(digest())
    first.with_name("3.png").unlink()
    seen.append(digest())
    assert len(set(seen)) == 5
    of_list = digest(listed(("Zebra.PNG",)))
    os.utime("pictures/Zebra.PNG", (1, 1))
    assert digest("pictures.txt") != of_list


def test_an_archive_that_changed_after_its_index_is_not_read():
    opened(in_tar())
    in_tar(IMAGES)
    with pytest.raises(BadFile, match=r"'pictures.tar' has changed since 'x.h5' was made of it"):
        ImageSet.open("x.h5")
    Path("pictures.tar").unlink()
    with pytest.raises(BadFile, match=r"'pictures.tar' is not there \(looked in "):
        ImageSet.open("x.h5")


def test_another_result_is_no_data_set():
    opened("pictures")
    content = datasets.read("x.h5")
    del content.attrs["kind"]
    datasets.write_h5("y.h5", content)
    with pytest.raises(BadFile, match=r"'y.h5' is not the index of a data set"):
        ImageSet.open("y.h5")


def test_many_threads_read_at_once():
    for path in (in_zip(), in_tar(), "pictures"):
        images = opened(path)
        expected = [images.read(number).tobytes() for number in range(5)]
        order = [n % 5 for n in range(400)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(images.read, order))
        assert [image.tobytes() for image in found] == [expected[n] for n in order]


@pytest.mark.parametrize("make", [in_tar, in_zip, lambda: "pictures"])
def test_a_damaged_image_is_named(make: Callable[[], str]):
    for name in IMAGES:
        (Path("pictures") / name).write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    images = opened(make())
    assert images.names([0]) == ["Zebra.PNG"]
    with pytest.raises(BadFile, match=r"image file 'pictures(\.tar|\.zip)?/Zebra.PNG' is "):
        images.read(0)
    with pytest.raises(IndexError, match="no image 5; valid: 0 to 4"):
        images.read(5)


def test_an_image_that_is_gone_is_named():
    images = opened("pictures")
    Path("pictures/a/1.png").unlink()
    with pytest.raises(BadFile, match=r"image file 'pictures/a/1.png' does not exist"):
        images.read(images.names(range(5)).index("a/1.png"))


def damaged_zip(at: bytes, change: bytes, packing=zipfile.ZIP_STORED) -> ImageSet:
    """A zip whose bytes were changed without a change of its time or size."""
    images = opened(in_zip(("a/1.png",), packing))
    path = Path("pictures.zip")
    state, content = path.stat(), path.read_bytes()
    where = content.index(at)
    path.write_bytes(content[:where] + change + content[where + len(change) :])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    return ImageSet.open("x.h5") and images


def test_a_member_that_is_not_what_a_zip_says_is_refused():
    with pytest.raises(BadFile, match=r"'pictures.zip/a/1.png' is damaged: its checksum differs"):
        damaged_zip(b"IDAT", b"IDAX").read(0)
    with pytest.raises(BadFile, match="is damaged: it is not where the archive says"):
        damaged_zip(b"PK\3\4", b"PK\3\5").read(0)
    with pytest.raises(BadFile, match=r"is damaged: (Error -3|its checksum)"):
        damaged_zip(b"a/1.png", b"a/1.png\xff\xff", zipfile.ZIP_DEFLATED).read(0)


def test_a_member_without_a_name_is_refused(folder):
    path = folder / "nameless.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("q.png", b"")
    path.write_bytes(path.read_bytes().replace(b"q.png", b"\0.png"))
    with pytest.raises(BadFile, match=r"nameless\.zip' has a member without a name; pack it anew"):
        make_index(str(path), None, 0, "")


def test_an_archive_that_is_cut_off_is_refused():
    content = Path(in_tar()).read_bytes()
    with tarfile.open("pictures.tar") as archive:
        border = archive.getmembers()[-1].offset  # where an image ends and the next one begins
    for size in (border, border + 600, border + 100, 512 * 3, 1000):
        Path("cut.tar").write_bytes(content[:size])
        with pytest.raises(BadFile, match=r"archive 'cut.tar' (cannot be read|is cut off)"):
            make_index("cut.tar", None, 0, "")
    Path("cut.zip").write_bytes(Path(in_zip()).read_bytes()[:-30])
    with pytest.raises(BadFile, match=r"archive 'cut.zip' cannot be read: File is not a zip"):
        make_index("cut.zip", None, 0, "")


def test_a_damaged_header_in_a_tar_does_not_end_its_list():
    content = bytearray(Path(in_tar(SORTED)).read_bytes())
    with tarfile.open("pictures.tar") as archive:
        third = archive.getmembers()[2].offset
    content[third : third + 20] = b"x" * 20
    Path("bad.tar").write_bytes(content)
    with pytest.raises(BadFile, match=rf"archive 'bad.tar' is damaged at byte {third}"):
        make_index("bad.tar", None, 0, "")


def test_two_tars_written_one_behind_the_other_are_refused():
    parts = [Path(in_tar(names)).read_bytes() for names in (SORTED[:2], SORTED[2:])]
    Path("two.tar").write_bytes(b"".join(parts))
    with pytest.raises(BadFile, match=r"'two.tar' goes on behind its end.*tar --concatenate"):
        make_index("two.tar", None, 0, "")


def test_links_in_a_tar():
    with tarfile.open("l.tar", "w") as archive:
        archive.add("pictures/a/1.png", "1.png")
        for name, kind in (("hard.png", tarfile.LNKTYPE), ("soft.png", tarfile.SYMTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "1.png"
            archive.addfile(link)
    images = opened("l.tar")
    assert images.names(range(len(images))) == ["1.png", "hard.png"]
    assert images.read(0).tobytes() == images.read(1).tobytes()
    assert images.facts["ignored"] == "1 link"


def packed(*members: tuple[str, str, str]) -> None:
    """Write a tar of files (name, "", file) and links (name, kind, target), in this order.

    ``a`` and ``b`` are ``a.png`` and ``b.png``.
    """
    with tarfile.open("l.tar", "w") as archive:
        for short, kind, file in members:
            name, target = (re.sub(r"\b([ab])$", r"\1.png", text) for text in (short, file))
            if not kind:
                archive.add(f"pictures/{target}", name)
                continue
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind.encode(), target
            archive.addfile(member)


A, B = "a/1.png", "Zebra.PNG"
HARD, SOFT, FOLDER, PIPE = "1", "2", "5", "6"  # what tar writes


@pytest.mark.parametrize(
    ("members", "wanted", "ignored"),
    [
        ([("b", "", B), ("a", HARD, "b"), ("a", "", A)], {"a": A, "b": B}, ""),
        ([("b", "", B), ("a", HARD, "b"), ("b", "", A)], {"a": B, "b": A}, ""),
        ([("a", "", A), ("b", "", B), ("a", HARD, "./b")], {"a": B, "b": B}, ""),
        ([("blob", "", A), ("a", HARD, "blob")], {"a": A}, "1 without an ending"),
        ([("blob", "", A), ("c", HARD, "blob"), ("a", HARD, "c")], {"a": A}, "2 without an ending"),
        ([("a", "", A), ("a", SOFT, "b"), ("b", "", B)], {"b": B}, "1 link"),
        ([("a", SOFT, "b"), ("a", "", A)], {"a": A}, ""),
        ([("a", "", A), ("a", PIPE, ""), ("b", "", B)], {"b": B}, "1 no plain file"),
        ([("a", "", A), ("a", FOLDER, ""), ("b", "", B)], {"b": B}, ""),
        ([("a", HARD, "b"), ("b", "", B)], {"b": B}, "1 link"),
        ([("a", "", A), ("a", HARD, "gone"), ("b", "", B)], {"a": A, "b": B}, ""),
    ],
)  # fmt: skip
def test_a_name_in_a_tar_stands_for_what_unpacking_leaves_there(members, wanted, ignored, folder):
    packed(*members)
    images = opened("l.tar")
    names = images.names(range(len(images)))
    found = {name: images.read(number).tobytes() for number, name in enumerate(names)}
    assert found == {
        f"{name}.png": read_image(f"pictures/{path}").tobytes() for name, path in wanted.items()
    }
    assert images.facts["ignored"] == ignored
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "xf", folder / "l.tar"], cwd=unpacked, check=False, capture_output=True)
    there = [path for path in unpacked.glob("*.png") if path.is_file() and not path.is_symlink()]
    assert {path.name: read_image(path).tobytes() for path in there} == found


@pytest.mark.parametrize("name", ["../1.png", "a/../../1.png", "/1.png", "a\\..\\1.png"])
def test_a_member_outside_of_its_archive_is_refused(name):
    with tarfile.open("l.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with zipfile.ZipFile("l.zip", "w") as packed:
        packed.writestr(name, b"")
    for path in ("l.tar", "l.zip"):
        with pytest.raises(BadFile, match=rf"'{path}': '.*1.png'.* leads out of the archive"):
            make_index(path, None, 0, "")


def test_names_that_are_no_text_are_refused(folder):
    for number in range(5):
        (folder / "pictures" / os.fsdecode(b"\xff%d.png" % number)).touch()
    words = r"'pictures': '\\udcff0.png', '\\udcff1.png', '\\udcff2.png' and 2 more: no UTF-8"
    with pytest.raises(BadFile, match=words):
        make_index("pictures", None, 0, "")


def test_links_below_a_folder(folder):
    pictures = folder / "pictures"
    (folder / "store").mkdir()
    (pictures / "a" / "1.png").rename(folder / "store" / "c0ffee")
    (pictures / "a" / "1.png").symlink_to(folder / "store" / "c0ffee")
    assert len(opened("pictures")) == 5
    (pictures / "again").symlink_to("a")
    assert len(opened("pictures")) == 5
    assert look("pictures").ignored.count("1 link to a folder of it") == 1
    (pictures / "b").symlink_to(folder / "store")
    with pytest.raises(BadFile, match=r"'pictures/b' leads to .*not inside"):
        make_index("pictures", None, 0, "")
    (pictures / "b").rename(pictures / "b.png")  # a folder, whatever it is called
    with pytest.raises(BadFile, match=r"'pictures/b.png' leads to .*not inside"):
        make_index("pictures", None, 0, "")
    (pictures / "b.png").unlink()
    (folder / "store" / "c0ffee").unlink()
    with pytest.raises(BadFile, match=r"'a/1.png': a link that leads nowhere; fetch what it leads"):
        make_index("pictures", None, 0, "")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.zst", "a.7z", "b.tar"])
def test_compressed_archives_are_refused(name):
    Path(name).write_bytes(b"\x1f\x8b not looked at")
    with pytest.raises(BadFile, match=f"'{name}' is compressed as a whole.*gunzip"):
        kind_of(name)


def test_what_is_no_data_set_is_refused(folder):
    Path("a.dat").touch()
    with pytest.raises(
        BadFile, match=r"'a.dat' ends in '.dat', which is no kind of data set; valid"
    ):
        kind_of("a.dat")
    with pytest.raises(BadFile, match=r"'gone' does not exist \(looked in "):
        kind_of("gone")
    with pytest.raises(
        UnknownName, match="unknown drawing 'drawn:blocks'; valid: drawn:blocks1000"
    ):
        kind_of("drawn:blocks")
    os.mkfifo("p")
    with pytest.raises(BadFile, match="'p' is neither a file nor a folder"):
        kind_of("p")
    Path("empty").mkdir()
    Path("empty/a.gif").touch()
    with pytest.raises(BadFile, match=r"'empty' has no images \(1 .gif\); valid endings: .bmp, "):
        make_index("empty", None, 0, "")


def test_a_zip_that_is_encrypted_or_packed_otherwise_is_refused():
    in_zip(packing=zipfile.ZIP_LZMA)
    with pytest.raises(BadFile, match="is packed by method 14; valid: stored, deflated"):
        make_index("pictures.zip", None, 0, "")
    content = bytearray(Path(in_zip(("a/1.png",))).read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    Path("e.zip").write_bytes(content)
    with pytest.raises(BadFile, match=r"'a/1.png' is encrypted; unpack it first"):
        make_index("e.zip", None, 0, "")


def test_what_is_left_out_reads_as_a_list():
    assert in_words(Counter({".gif": 1200, "hidden": 1})) == "1,200 .gif, 1 hidden"
