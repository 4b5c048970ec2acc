"""TensorFlow's version and device: what every result that it computes records."""

from __future__ import annotations

import tensorflow as tf


def gpu_name() -> str | None:
    """Return the name of the first GPU that TensorFlow may use; None where there is none."""
    cards = tf.config.get_visible_devices("GPU")
    if not cards:
        return None
    details = tf.config.experimental.get_device_details(cards[0])
    return str(details.get("device_name", "GPU"))


def software_facts() -> dict[str, str]:
    """Return ``tensorflow`` (version) and ``device`` ("CPU" or a GPU's name), for provenance."""
    return {"tensorflow": tf.__version__, "device": gpu_name() or "CPU"}
