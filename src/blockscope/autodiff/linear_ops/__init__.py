"""Derivatives of operations at a point, as linear maps in both directions.

``linear_op.LinearOp`` says what one can do, ``registry.linearise`` chooses the class for an
operation; the others hold those of a kind each. ``double_backprop`` serves what has no rule.
"""
