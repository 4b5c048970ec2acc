"""What libraries are told before a process imports them: their threads, and what to leave out."""

from __future__ import annotations

import os


def skip_keras_import() -> None:
    """Keep Keras, and scikit-learn and Matplotlib with it, out of ``import tensorflow``.

    TensorFlow imports Keras 3 although nothing asks for it: 1.6 of 3.7 s. It does not where it is
    told that the older Keras is wanted, which is not installed and which no stage uses.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def limit_threads(threads: int) -> None:
    """Tell the libraries how many threads there are for them."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # A job that has no GPU for itself leaves others their memory there.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
