"""The two ends of a network: the image that it is fed, and the logits that it gives."""
