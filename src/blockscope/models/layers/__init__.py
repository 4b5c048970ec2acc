"""What the axes of a graph's tensors are, and which tensors are layers, under which names."""
