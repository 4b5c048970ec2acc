"""Networks: from any supported file to one normal form, and running it.

What other rooms use is here: what a config says of a network (``entry``, ``preprocessing``,
``randomised_entry``), the ``card`` of one in normal form, the ``network`` to run, and the steps
from file to card (``normal_form``, ``preparation``, ``flat_logits``, ``card_builder``).

``graph``        a frozen graph of named nodes: walking, reading, running, checking, making
``layers``       what the axes of tensors are, and which tensors are layers
``ends``         the image that a network is fed, and the logits that it gives
``rewrites``     what a file may write in several ways, brought to one
``onnx_reader``  an ONNX file as a frozen graph
``files``        all files that networks come in
"""
