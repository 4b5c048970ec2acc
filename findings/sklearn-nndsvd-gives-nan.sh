#!/bin/sh
# scikit-learn 1.9.1: NMF with init="nndsvd" returns NaN for valid, non-negative, finite data whose rank
# is below n_components: the start of a surplus factor is 0 / 0 where the part of its sign is empty. A
# warning of the division is all that is said; no error, and the fit goes on. It depends on the data
# whether it is met.
# So blockscope fits as many factors as the rank is where that happens; the others are zero.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PY' | tee "$folder/said"
import warnings

import numpy as np
import sklearn
from sklearn.decomposition import NMF

warnings.simplefilter("ignore")
data = np.array([[0.0, 0.0], [1.0, 0.0]])
for init in ("nndsvd", "nndsvda", "random"):
    model = NMF(2, init=init, random_state=0)
    weights = model.fit_transform(data)
    print(sklearn.__version__, init, "NaN:", int(np.isnan(weights).sum() + np.isnan(model.components_).sum()))
PY
grep -q "^1.9.1 nndsvd NaN: [1-9]" "$folder/said"
grep -q "^1.9.1 random NaN: 0" "$folder/said"
# Seen: 1.9.1 nndsvd NaN: 8
# 1.9.1 nndsvda NaN: 8
# 1.9.1 random NaN: 0
