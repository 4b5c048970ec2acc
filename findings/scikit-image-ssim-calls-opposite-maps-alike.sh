#!/bin/sh
# scikit-image 0.26.0, structural_similarity: of signed maps, such as attributions, a map and its
# opposite are called nearly the same, though data_range is given. Where both local means and the
# covariance change sign, the product of the two terms does not. Halved and shifted to a grey image
# from 0 to 1, which the measure is made for, the same two maps are far apart.
# So blockscope shifts signed maps before it compares those of networks with weights drawn anew
# (src/blockscope/attribution/structural_similarity.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    scikit-image==0.26.0 numpy==2.4.6 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import skimage
from skimage.metrics import structural_similarity

row, col = np.mgrid[:14, :14]
support = np.exp(-((row - 4) ** 2 + (col - 9) ** 2) / 18)
against = np.exp(-((row - 9) ** 2 + (col - 3) ** 2) / 18)
signed = support - against  # from -1 to 1
as_is = structural_similarity(signed, -signed, data_range=2)
grey = structural_similarity((1 + signed) / 2, (1 - signed) / 2, data_range=1)
other = structural_similarity(support, against, data_range=2)
print(
    f"scikit-image {skimage.__version__}: a signed map and its opposite {as_is:.2f}, shifted to "
    f"grey {grey:.2f}; two maps of different places {other:.2f}"
)
assert as_is > 0.8, "opposite maps are told apart: this finding no longer holds"
assert grey < -0.5
PY
# Seen: scikit-image 0.26.0: a signed map and its opposite 0.85, shifted to grey -0.77; two maps of
# different places -0.21
