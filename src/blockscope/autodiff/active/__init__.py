"""Products with a Jacobian that compute only what is not zero.

Behind a ReLU about half of all derivatives are zero, or more, and they are the same for all
tangents of one image. A convolution between two of them then has a quarter of its multiplications
left. Which units count is known once the network is evaluated: those that a tangent of the layer
can reach, and that the target responds to. ``support`` finds them, ``rules`` says how operations
join them, ``links`` multiplies, ``steps`` come one after another, ``in_place`` spares copies,
``jacobian`` follows a whole network, ``batches`` says when. ``channels`` begins with one channel
alone (``owned``) and ends in sums over positions (``summed``), which is less work.
"""
