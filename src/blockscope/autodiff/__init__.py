"""Automatic differentiation of a frozen graph: Jacobian-vector products (JVP) and their transposes.

``linear_map.LinearMap`` linearises a network at one image: ``jvp`` (forward mode) takes tangents of
a layer to a later tensor, ``vjp`` (reverse mode) cotangents of that tensor back to the layer.
``gradients.Gradients`` gives gradients at any values of a layer, for integrated gradients.
``linear_ops`` differentiates operation by operation, ``gradient_overrides`` says where another
gradient takes the place of the exact one, ``active`` leaves out units that do not count.
"""
