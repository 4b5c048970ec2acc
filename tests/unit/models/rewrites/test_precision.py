"""Numbers of other floating point types, as float32."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph.making import constant, with_nodes
from blockscope.models.rewrites.precision import as_float32

FLOAT32, DOUBLE = np.finfo(np.float32), np.finfo(np.float64)


def raised(values) -> np.ndarray:
    definition = with_nodes(graph_pb2.GraphDef(), [constant("c", values)])
    (node,) = as_float32(definition).node
    return np.asarray(tf.make_ndarray(node.attr["value"].tensor))


def test_what_is_not_zero_does_not_become_zero():
    given = np.zeros((5, 7, 3))
    given[0, 1], given[2, 3, 1], given[4, 6, 2] = [1e-100, -1e-300, 1e-40], 5e-324, 0.1
    found = raised(given)
    assert found.dtype == np.float32
    tiny = FLOAT32.tiny
    np.testing.assert_array_equal(found[0, 1], [tiny, -tiny, tiny])
    assert (found[2, 3, 1], found[4, 6, 2]) == (tiny, np.float32(0.1))
    assert np.count_nonzero(found) == 5


def test_lowest_and_highest_numbers_stay_these_and_infinity_too():
    given = [DOUBLE.min, DOUBLE.max, -np.inf, np.inf, np.nan]
    found = raised(np.array(given))
    np.testing.assert_array_equal(found, [FLOAT32.min, FLOAT32.max, -np.inf, np.inf, np.nan])


@pytest.mark.parametrize("number", [1e39, -1e300])
def test_a_number_that_becomes_infinite_is_refused(number):
    given = np.ones((5, 7, 3))
    given[1, 2, 0] = number
    words = rf"constant 'c' holds {number:.3g}.* float32, whose numbers go up to 3\.4e\+38; save"
    with pytest.raises(BadFile, match=words.replace("e+39", r"e\+39").replace("e+300", r"e\+300")):
        raised(given)


@pytest.mark.parametrize("kind", [tf.float16, tf.bfloat16])
def test_numbers_of_smaller_types_stay_what_they_are(kind):
    given = np.array([kind.min, kind.max, 1.5, -0.25, 0.0, 6e-8], kind.as_numpy_dtype)
    np.testing.assert_array_equal(raised(given), given.astype(np.float32))
