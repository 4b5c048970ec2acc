"""Export networks of torchvision and timm with random weights, with what PyTorch says of them.

Needs torch, torchvision, onnxscript and, for names such as ``timm:levit_128s``, timm: none is a
dependency of blockscope. It imports nothing of blockscope, so that it runs where only these are:

    python -m bench.zoo.export_torch FOLDER resnet18 vit_b_16:224 timm:levit_128s:224
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.zoo.original import COMPARED, IMAGES, LABELS, Array, attribution, difference, noise

MOST_LAYERS = 12
TIMED = 3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    """Write ``NAME.onnx`` and ``NAME.npz`` for each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", nargs="+", metavar="[timm:]NAME[:SIZE]")
    parser.add_argument("--size", type=int, default=96, help="of the image (default: 96)")
    parser.add_argument("--old-exporter", action="store_true", help="the one by TorchScript")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("this needs torch, torchvision and onnxscript, which blockscope does not install")
    options.folder.mkdir(parents=True, exist_ok=True)
    for asked in options.networks:
        name, _, size = asked.removeprefix("timm:").partition(":")
        pixels = int(size or options.size)
        net = _build(name, pixels, timm=asked.startswith("timm:"))
        file = options.folder / f"{name}.onnx"
        given = (torch.zeros(1, 3, pixels, pixels),)
        new = {"external_data": False, "dynamo": True, "verbose": False}
        torch.onnx.export(
            net, given, str(file), **({"dynamo": False} if options.old_exporter else new)
        )
        np.savez(file.with_suffix(".npz"), allow_pickle=False, **_said(net, pixels))
        print(f"{file}", flush=True)


def _build(name: str, size: int, timm: bool) -> Any:
    """Return a network whose batch norms have the moments of some images, as in Keras' networks."""
    import torch

    torch.manual_seed(0)
    if timm:
        import timm as models

        net = models.create_model(name, pretrained=False, num_classes=LABELS)
    else:
        net = _of_torchvision(name, size)
    random = torch.Generator().manual_seed(1)
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    for parameter in net.parameters():  # norms, biases and layer scales that do nothing at first
        if parameter.ndim == 1 or torch.all(parameter == parameter.flatten()[0]):
            parameter.data += torch.empty_like(parameter).uniform_(-0.3, 0.3, generator=random)
        parameter.requires_grad_(False)
    net.eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            if name == "inception_v3":  # deep, without residuals: docs/pytorch.md
                module.bias.data += 1
            module.momentum = 1.0
            module.train()
    images = torch.from_numpy(np.concatenate([_fed(noise(100 + i, size)) for i in range(8)]))
    # Images of random numbers too, on which the reader of ONNX compares the logits.
    net(torch.cat([images, torch.empty_like(images).normal_(generator=random)]))
    return net.eval()


def _of_torchvision(name: str, size: int) -> Any:
    """Return a network as its constructor draws it."""
    import torchvision

    if name == "maxvit_t":  # at 224 pixels the one of this name, whose windows fit no other size
        if size % 32:
            sys.exit(f"maxvit_t: {size} pixels are no multiple of 32")
        return torchvision.models.MaxVit(
            (size, size), 64, size // 32, [64, 128, 256, 512], [2, 2, 5, 2], 32, 0.2,
            num_classes=LABELS,
        )  # fmt: skip
    more = {}
    if "inc" in name or "goo" in name:
        more = {"aux_logits": False, "init_weights": True}
    if "resne" in name:  # as timm's: at one, rounding grows through the residual branches
        more = {"zero_init_residual": True}
    return torchvision.models.get_model(name, weights=None, num_classes=LABELS, **more)


def _fed(image: Any) -> Array:
    """Return the network's input, (1, channel, row, col), of an image (row, col, rgb)."""
    return ((image / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None]


def _said(net: Any, size: int) -> dict[str, Array]:
    """Return values and gradients of some layers for each image."""
    said: dict[str, Any] = {"preprocessing": np.array("torchvision/imagenet")}
    for number in range(IMAGES):
        image = noise(number, size)
        fed = _fed(image)
        logits, values, gradients, lengths = _gradients(net, fed)
        moved = _gradients(net, np.nextafter(fed, np.float32(np.inf)), list(values))
        said |= {f"{number}:image": image, f"{number}:logits": logits}
        for layer, value in values.items():
            here = attribution(gradients[layer], value)
            own = difference(attribution(moved[2][layer], moved[1][layer]), here)
            said[f"{number}:value:{layer}"] = value
            said[f"{number}:gradients:{layer}"] = gradients[layer]
            said[f"{number}:own:{layer}"] = np.array(own)
            if layer in lengths:
                said[f"{number}:length {list(values)[-1]}:{layer}"] = lengths[layer]
    for layer in values:
        said[f"seconds:{layer}"] = np.array(_seconds(net, fed, layer))
    return said


def _seconds(net: Any, fed: Array, layer: str) -> float:
    """Return what a forward pass and the gradient of one logit by a layer take."""
    import torch

    kept: dict[str, Any] = {}
    hook = net.get_submodule(layer).register_forward_hook(
        lambda _module, _inputs, output: kept.update(output=output)
    )
    seconds = []
    for label in range(TIMED):
        began = time.perf_counter()
        logits = net(torch.from_numpy(fed).requires_grad_())
        (gradient,) = torch.autograd.grad(logits[0, label], kept["output"])
        (gradient * kept["output"]).sum(1 if gradient.ndim == 4 else -1)
        seconds.append(time.perf_counter() - began)
    hook.remove()
    return statistics.median(seconds)


def _gradients(
    net: Any, fed: Array, layers: list[str] | None = None
) -> tuple[Array, dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Return the logits; and by layer its values, the logits' gradients, the length's gradient."""
    import torch

    given = torch.from_numpy(fed).requires_grad_()
    outputs: dict[str, Any] = {}
    calls: dict[str, int] = {}

    def keep(name: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            calls[name] = calls.get(name, 0) + 1
            if torch.is_tensor(output) and _as_map(output) is not None:
                outputs[name] = output

        return hook

    hooks = [m.register_forward_hook(keep(name)) for name, m in net.named_modules() if name]
    logits = net(given)
    for hook in hooks:
        hook.remove()
    if layers is None:
        once = [name for name in _leading_to(logits, outputs) if calls[name] == 1]
        chosen = np.linspace(0, len(once) - 1, min(MOST_LAYERS, len(once))).astype(int)
        layers = [once[i] for i in chosen]
    tensors = [outputs[name] for name in layers]
    by_label = [
        torch.autograd.grad(one, tensors, retain_graph=True) for one in logits[0, :COMPARED]
    ]
    gradients = [torch.cat([found[i] for found in by_label]) for i in range(len(tensors))]
    last = _as_map(tensors[-1])[0]
    length = last[last.shape[0] // 2, last.shape[1] // 2].norm()
    moved = torch.autograd.grad(length, tensors[:-1], retain_graph=True, allow_unused=True)
    known = zip(layers, moved, strict=False)
    return (
        logits[0].detach().numpy(),
        {name: _array(one)[0] for name, one in zip(layers, tensors, strict=True)},
        {name: _array(one) for name, one in zip(layers, gradients, strict=True)},
        {name: _array(one)[0] for name, one in known if one is not None},
    )


def _leading_to(logits: Any, outputs: dict[str, Any]) -> list[str]:
    """Return the outputs that the logits depend on."""
    import torch

    found = torch.autograd.grad(
        logits.norm(), list(outputs.values()), retain_graph=True, allow_unused=True
    )
    slopes = zip(outputs, found, strict=True)
    return [name for name, one in slopes if one is not None and bool(_as_map(one).any())]


def _array(tensor: Any) -> Array:
    return np.ascontiguousarray(_as_map(tensor).detach().numpy())


def _as_map(tensor: Any) -> Any:
    """Return a tensor as (batch, row, col, channel); None where that is not known.

    Of four axes, the two equal ones are rows and columns; of three, tokens are those of a square
    behind a class token or without.
    """
    if tensor.ndim == 4 and tensor.shape[2] > 1:
        _, first, second, third = tensor.shape
        if second == third != first:
            return tensor.permute(0, 2, 3, 1)
        return tensor if first == second != third else None
    if tensor.ndim == 3:
        side = int(tensor.shape[1] ** 0.5)
        extra = tensor.shape[1] - side**2
        if extra in {0, 1} and side > 1:
            return tensor[:, extra:].reshape(tensor.shape[0], side, side, tensor.shape[2])
    return None


if __name__ == "__main__":
    main()
