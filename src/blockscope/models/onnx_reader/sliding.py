"""How a kernel slides: strides, dilations, padding and the size of what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.node import Node

Pair = tuple[int, int]
AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Geometry:
    """Rows and columns of everything about a kernel.

    What is written has to be right for other sizes of the image too, from which sprites are made:
    padding is by numbers that hold for every size, or by TensorFlow's SAME where that does.

    Attributes
    ----------
    size
        The map that is read.
    kernel
        Cells of the kernel.
    stride
        From one kernel to the next.
    dilation
        From one cell of a kernel to the next.
    pads
        Cells before and after the map that the node pads.
    overhang
        Cells behind these that the last kernel of a rounded-up size reaches.
    out
        The map that is made.
    auto
        The node's ``auto_pad``.
    ceil
        Whether it rounds the size of the map that is made up.
    """

    size: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: tuple[Pair, Pair]
    overhang: Pair
    out: Pair
    auto: str = "NOTSET"
    ceil: bool = False

    @property
    def reach(self) -> Pair:
        """Rows and columns from a kernel's first to its last cell."""
        rows, cols = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return rows, cols

    @property
    def all_pads(self) -> tuple[Pair, Pair]:
        """Cells before and after the map that the kernels reach."""
        rows, cols = (
            (pads[0], pads[1] + more) for pads, more in zip(self.pads, self.overhang, strict=True)
        )
        return rows, cols

    @property
    def tensorflow_padding(self) -> str | None:
        """TensorFlow's name for the padding at every size, None where it has none."""
        if not self.pads_by_size and not any(map(any, self.written_pads)):
            return "VALID"
        return "SAME" if all(map(self._is_same, (0, 1))) else None

    def _is_same(self, axis: int) -> bool:
        """Tell whether SAME pads an axis as the node does, whatever its size."""
        stride, reach, pads = self.stride[axis], self.reach[axis], self.pads[axis]
        if self.auto == "SAME_UPPER":
            return True
        if stride == 1:
            return pads == ((reach - 1) // 2, reach - 1 - (reach - 1) // 2)
        return self.ceil and stride == reach == 2 and pads == (0, 0)

    @property
    def static_pads(self) -> tuple[Pair, Pair]:
        """Cells to pad before and after the map, for kernels that fit: right for every size.

        Where the size is rounded up, there are as many more behind that the last kernel fits, if it
        does not begin behind the map; TensorFlow leaves out those that make no other kernel.
        """
        rows, cols = (
            (pads[0], pads[1] + (stride - 1 if self.ceil else 0))
            for pads, stride in zip(self.pads, self.stride, strict=True)
        )
        return rows, cols

    @property
    def pads_by_size(self) -> bool:
        """Whether the node's own pads are others for other sizes of the map."""
        return self.auto.startswith("SAME") and self.stride != (1, 1)

    @property
    def one_size(self) -> bool:
        """Whether no numbers of pads are right for every size of the map."""
        pads = zip(self.static_pads, self.reach, strict=True)
        dropped = self.ceil and any(after >= reach for (_, after), reach in pads)
        return dropped or (self.auto == "SAME_LOWER" and self.pads_by_size)

    @property
    def written_pads(self) -> tuple[Pair, Pair]:
        """Cells to pad before and after the map."""
        return self.all_pads if self.one_size else self.static_pads

    @property
    def counts_differ(self) -> bool:
        """Whether kernels may have cells beyond the map and the node's own pads."""
        return self.ceil and self.stride != (1, 1)


def geometry(node: Node, size: Pair, kernel: Pair) -> Geometry:
    """Read strides, dilations and padding of a node that slides a kernel over a map of ``size``."""
    stride = _pair(node.attribute("strides") or [1, 1], "strides")
    dilation = _pair(node.attribute("dilations") or [1, 1], "dilations")
    auto = node.attribute("auto_pad", "NOTSET", AUTO_PADS)
    ceil = node.attribute("ceil_mode", 0, (0, 1)) if node.op != "Conv" else 0
    pads = list(node.attribute("pads") or [0, 0, 0, 0])
    if len(pads) != 4 or min(pads) < 0:
        raise BadFile(f"pads are {pads}; valid: four numbers from 0 on")
    if min(*stride, *dilation, *kernel) < 1:
        raise BadFile(f"strides {stride}, dilations {dilation}, kernel {kernel}; valid: from 1 on")
    both, overhang, out = [], [], []
    for axis in (0, 1):
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        before, after = pads[axis], pads[axis + 2]
        if auto == "VALID":
            before = after = 0
        elif auto != "NOTSET":
            before, after = _same(node, auto, size[axis], stride[axis], reach, kernel[axis])
        length = size[axis] + before + after
        if length < reach:
            raise BadFile(
                f"a kernel over {counted(reach, 'cell')} does not fit into {length}; give a "
                "larger image (models catalogue: input.size)"
            )
        steps = (length - reach) // stride[axis]
        if ceil and steps * stride[axis] + reach < length:
            more = (steps + 1) * stride[axis]
            steps += 1 if more < size[axis] + before else 0
        both.append((before, after))
        overhang.append(max(steps * stride[axis] + reach - length, 0))
        out.append(steps + 1)
    return Geometry(
        size, kernel, stride, dilation, (both[0], both[1]), (overhang[0], overhang[1]),
        (out[0], out[1]), auto, bool(ceil),
    )  # fmt: skip


def _same(node: Node, auto: str, size: int, stride: int, reach: int, kernel: int) -> Pair:
    """Return the cells before and after of SAME_UPPER or SAME_LOWER."""
    if node.op != "Conv" and (kernel < stride or reach != kernel):
        raise BadFile(
            f"auto_pad {auto} with kernel {kernel}, stride {stride} and a reach of {reach}: "
            "implementations of ONNX differ; export with explicit pads"
        )
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    less, more = total // 2, total - total // 2
    return (less, more) if auto == "SAME_UPPER" else (more, less)


def _pair(values: list[int], name: str) -> Pair:
    if len(values) != 2:
        raise BadFile(f"{name} are {values}; valid: two numbers, of rows and columns")
    return (int(values[0]), int(values[1]))


def pair_of_kernel(node: Node) -> Pair:
    """Read the size of a pooling's kernel."""
    found = node.attribute("kernel_shape")
    if found is None:
        raise BadFile("attribute kernel_shape is missing")
    return _pair(list(found), "kernel_shape")
