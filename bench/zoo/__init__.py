"""Networks of others, each compared with the gradient of its own framework."""
