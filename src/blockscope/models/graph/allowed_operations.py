"""The operations that a model's graph may contain.

A graph is a program. This list holds only arithmetic on tensors: nothing that reads or writes a
file, opens a connection, calls Python, keeps state or loops, so that an untrusted model can compute
and do nothing else. Add an operation only if that stays true.
"""

from __future__ import annotations

from collections.abc import Iterable

from blockscope.io.errors import BadFile
from blockscope.models.graph.graphs import LOOPS, loop_refused

STRUCTURE = frozenset(
    """Const Placeholder PlaceholderWithDefault Identity IdentityN NoOp StopGradient PreventGradient
    Snapshot Shape ShapeN Size Rank Fill Range ZerosLike OnesLike Cast Reshape Squeeze ExpandDims
    Transpose Pack Unpack Concat ConcatV2 Split SplitV Slice StridedSlice Tile BroadcastTo Pad PadV2
    MirrorPad Gather GatherV2 GatherNd Reverse ReverseV2 Select SelectV2 Where SpaceToBatchND
    BatchToSpaceND SpaceToDepth DepthToSpace BroadcastArgs OneHot Roll EnsureShape InvertPermutation
    MatrixDiag MatrixDiagV2 MatrixDiagV3 MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3
    MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixBandPart ScatterNd TensorScatterUpdate
    TensorScatterAdd LinSpace
    """.split()
)
ARITHMETIC = frozenset(
    """Add AddV2 AddN Sub Mul RealDiv Div DivNoNan FloorDiv FloorMod Neg Abs Square Sqrt Rsqrt
    Reciprocal Inv Pow Exp Expm1 Log Log1p Sign Maximum Minimum Floor Ceil Round Rint ClipByValue
    SquaredDifference Sum Mean Prod Max Min All Any ArgMax ArgMin Cumsum MatMul BatchMatMul
    BatchMatMulV2 BatchMatMulV3 Einsum Erf Erfc Sin Cos Tan Atan Tanh Sigmoid Softplus Softsign
    Cumprod Sinh Cosh Asin Acos Asinh Acosh Atanh Atan2 Xlogy Xlog1py Xdivy Erfinv Lgamma Digamma
    IsFinite IsNan IsInf Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr
    LogicalNot L2Loss
    """.split()
)
NETWORK = frozenset(
    """Conv2D DepthwiseConv2dNative Conv2DBackpropInput BiasAdd Relu Relu6 Elu Selu LeakyRelu
    Softmax LogSoftmax MaxPool MaxPoolV2 AvgPool LRN FusedBatchNorm FusedBatchNormV2
    FusedBatchNormV3 ResizeBilinear ResizeNearestNeighbor ResizeBicubic TopKV2
    ExtractImagePatches ResizeArea ScaleAndTranslate Dilation2D
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
    """.split()
)
BRANCHES = frozenset({"If", "StatelessIf", "Switch", "Merge", "Case", "StatelessCase"})
ALLOWED = STRUCTURE | ARITHMETIC | NETWORK


def check_ops(nodes: Iterable[tuple[str, str]], source: str) -> None:
    """Raise ``BadFile`` for a graph with operations that are not on the list.

    ``nodes`` are (name, op) pairs; the message names the first node of each such operation.
    """
    forbidden: dict[str, str] = {}
    for name, op in nodes:
        if op not in ALLOWED:
            forbidden.setdefault(op, name)
    loop = next((op for op in sorted(forbidden) if op in LOOPS), None)
    if loop is not None:
        raise BadFile(f"model '{source}': {loop_refused(forbidden[loop], loop)}")
    choice = next((op for op in sorted(forbidden) if op in BRANCHES), None)
    if choice is not None:
        raise BadFile(
            f"model '{source}': node '{forbidden[choice]}' ({choice}) chooses between two ways to "
            "compute; where an input decides, as is_training does, give it by feed (models "
            "catalogue); where the image decides, no network is supported"
        )
    if forbidden:
        listed = ", ".join(f"{op} (node '{name}')" for op, name in sorted(forbidden.items()))
        raise BadFile(
            f"model '{source}' contains operations that are not allowed: {listed}. A model may "
            "only do arithmetic on tensors; export it for inference, with its variables frozen and "
            "without reading, writing, control flow or Python (list: "
            "blockscope/models/graph/allowed_operations.py)"
        )
