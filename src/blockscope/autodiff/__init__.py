"""A network, linearised at one picture: small changes pushed forward, sensitivities pulled back."""
