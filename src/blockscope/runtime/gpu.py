"""The graphics card of a job that renders: one that it has for itself, or none."""

from __future__ import annotations

import os
import sys
from functools import partial

import tensorflow as tf

from blockscope.io.errors import BadConfig
from blockscope.runtime.gpu_locks import VISIBLE, Taken, card_names, take_card

# Kept until the process ends, and with them their locks.
_held: list[Taken] = []


def use_gpu(asked: bool) -> None:
    """Let TensorFlow see one card that no other job has taken, or none where none is ``asked`` for.

    Says on stdout which one. Takes the card's memory as it is needed, not all of it. To be called
    before TensorFlow computes anything; a process that has begun keeps the devices it has.

    Raises ``BadConfig`` where a card is asked for and TensorFlow sees none.
    """
    cards = tf.config.list_physical_devices("GPU")
    if not asked:
        _show([])
        return
    if not cards:
        visible = os.environ.get(VISIBLE)
        told = f"{VISIBLE} is " + ("not set" if visible is None else f"'{visible}'")
        raise BadConfig(
            "a GPU was asked for (compute.gpu: true in the settings), but TensorFlow sees 0 GPUs "
            f"({told}); install the GPU variant (make setup LOCK=gpu) on a machine with an NVIDIA "
            "GPU, or set compute.gpu to false"
        )
    if _held:  # by an earlier call in this process
        return
    taken = take_card(card_names(os.environ, len(cards)), partial(print, file=sys.stderr))
    _held.append(taken)
    card = cards[taken.place]
    details = tf.config.experimental.get_device_details(card)
    sys.stdout.write(f"GPU {taken.name} of {len(cards)}: {details.get('device_name', '?')}\n")
    _show([card])


def _show(cards: list[tf.config.PhysicalDevice]) -> None:
    """Hide all cards but these; without effect where TensorFlow has begun to compute."""
    try:
        tf.config.set_visible_devices(cards, "GPU")
        for card in cards:
            tf.config.experimental.set_memory_growth(card, True)
    except RuntimeError as error:
        sys.stderr.write(f"the devices stay as they are: {error}\n")
