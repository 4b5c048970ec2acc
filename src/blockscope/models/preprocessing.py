"""From the colours of an image to the numbers that a network is fed; the rules of known families.

Every rule is one formula: black and white are mapped to ``range``, then the ``mean`` of each colour
is subtracted and the result divided by its ``std``, then the colours get the network's order.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Order = Literal["rgb", "bgr", "grey"]
Filter = Literal["lanczos", "bicubic", "bilinear", "hamming", "box", "nearest", "bilinear_sampled"]

# Of red, green and blue in the grey of an image: ITU-R BT.601, which Pillow, Keras and OpenCV use.
LUMINANCE: Final = (0.299, 0.587, 0.114)


class Preprocessing(BaseModel):
    """How colours become network input; ``mean`` and ``std`` are for red, green, blue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    range: tuple[float, float] = Field(description="values that black and white are mapped to")
    mean: tuple[float, ...] | None = Field(
        default=None, description="what is subtracted then: of red, green, blue, or of grey"
    )
    std: tuple[float, ...] | None = Field(
        default=None, description="what that is divided by: of red, green, blue, or of grey"
    )
    order: Order = Field(default="rgb", description="the network's channels")

    @property
    def channels(self) -> int:
        """Number of channels that the network reads."""
        return 1 if self.order == "grey" else 3

    def feed(self, images: Any) -> Any:
        """Map images (image, row, col, rgb), 0 to 1, to network input (image, row, col, channel).

        Takes an array or a tensor of float32, and returns the same kind; differentiable.
        """
        import numpy as np  # starts a thread, which the process that jobs fork from may not

        low, high = self.range
        values = low + (high - low) * images
        if self.order == "grey":
            values = sum(values[..., i : i + 1] * share for i, share in enumerate(LUMINANCE))
        if self.mean is not None:
            values = values - np.asarray(self.mean, np.float32)
        if self.std is not None:
            values = values / np.asarray(self.std, np.float32)
        return values[..., ::-1] if self.order == "bgr" else values

    def in_words(self) -> str:
        """Say what is fed, as in "values 0 to 1, minus 0.5, 0.4, 0.3 of red, green, blue"."""
        low, high = self.range
        words = [f"values {low:g} to {high:g}" + (" of grey" if self.order == "grey" else "")]
        of = "" if self.order == "grey" else " of red, green, blue"
        for verb, numbers in (("minus", self.mean), ("divided by", self.std)):
            if numbers is not None:
                words.append(f"{verb} {', '.join(f'{number:g}' for number in numbers)}{of}")
        if self.order == "bgr":
            words.append("in the order blue, green, red")
        return ", ".join(words)


BYTES = Preprocessing(range=(0, 255))
SIGNED = Preprocessing(range=(-1, 1))
# Means of ImageNet's training images, on 0 to 255, and (with deviations) on 0 to 1.
CAFFE = Preprocessing(range=(0, 255), mean=(123.68, 116.779, 103.939), order="bgr")
IMAGENET = Preprocessing(range=(0, 1), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
CLIP = Preprocessing(
    range=(0, 1),
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)

# The modules of keras.applications by what their ``preprocess_input`` does; where it does nothing,
# the preprocessing is inside the network.
_KERAS: Final = {
    CAFFE: ("resnet", "resnet50", "vgg16", "vgg19"),
    SIGNED: (
        "inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2", "nasnet", "resnet_v2",
        "xception",
    ),
    IMAGENET: ("densenet",),
    BYTES: ("convnext", "efficientnet", "efficientnet_v2", "mobilenet_v3"),
}  # fmt: skip
PRESETS: Final[dict[str, Preprocessing]] = {
    **{f"keras/{name}": rule for rule, names in _KERAS.items() for name in names},
    "torchvision/imagenet": IMAGENET,
    "timm/imagenet_default": IMAGENET,
    "timm/imagenet_inception": SIGNED,
    "timm/openai_clip": CLIP,
    "inception5h": Preprocessing(range=(-117, 138)),
}
