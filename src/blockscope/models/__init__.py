"""Networks: from any supported file to one normal form, and running it."""
