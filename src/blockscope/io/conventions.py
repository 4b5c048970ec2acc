"""What every result file says of its arrays: long names, units, and the values of each axis.

Not CF, which has no unit "logit" and no axes but those of the Earth.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

CONVENTIONS = "blockscope-1.0"

# Long names of axes: one name for one thing in all files. Those without other values are counted
# from 0, as tools show zeros in place of values that are not there.
AXES = {
    "baseline": "what takes the place of positions: in the layer, or in the image",
    "bin": "bin of the histogram",
    "channel": "channel of the layer",
    "channel1": "channel of the earlier layer",
    "channel2": "channel of the later layer",
    "col": "column, from the left",
    "col1": "column of the earlier layer, from the left",
    "col2": "column of the later layer, from the left",
    "colour": "red, green, blue, and opacity where there is one",
    "damaged": "number in the data set of an image that cannot be read",
    "edge": "edge of a rectangle",
    "factor": "factor, or neuron group",
    "image": "number of the image in the data set",
    "label": "name of the label",
    "layer": "name of the layer",
    "map": "method of the map",
    "method": "method of attribution",
    "network": "name of the network with other weights",
    "other_channel": "channel of the layer, the second of two",
    "other_factor": "neuron group, the second of two",
    "pair": "contrast: labels A and B",
    "place": "where weights are others",
    "rank": "rank, the strongest first",
    "ranking": "measure by which images are ranked",
    "rgb": "red, green, blue",
    "row": "row, from the top",
    "row1": "row of the earlier layer, from the top",
    "row2": "row of the later layer, from the top",
    "sample": "position drawn at random from all images",
    "set": "set of neuron groups",
    "share": "share of positions",
    "shown": "number in the data set of an image that occurs",
    "source": "neuron group of the layer before",
    "sprite": "number of the unit that the sprite shows",
    "step": "step, from the layer to its baseline or to the next layer",
    "target": "neuron group of the next layer",
    "x": "column of pixels in the cell, from the left",
    "y": "row of pixels in the cell, from the top",
}


def with_conventions(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset as it is written: every axis has values, a long name and units.

    What is no measured number (whole numbers and truth values: counts, places) has units "1";
    others state theirs where they are computed.
    """
    bare = [axis for axis in AXES if axis in dataset.dims and axis not in dataset.variables]
    values = {axis: (axis, np.arange(dataset.sizes[axis], dtype=np.int32)) for axis in bare}
    whole = dataset.assign_coords(values)
    for name, variable in whole.variables.items():
        known = dict(variable.attrs)
        if name in AXES and variable.dims == (name,):
            known.setdefault("long_name", AXES[str(name)])
        if variable.dtype.kind in "iub":
            known.setdefault("units", "1")
        # Always in this order, so that files are the same, whatever said it first.
        order = [key for key in ("long_name", "units") if key in known]
        whole[name].attrs = {key: known[key] for key in dict.fromkeys([*order, *known])}
    facts = {"Conventions": CONVENTIONS} | dataset.attrs
    return whole.assign_attrs(facts)
