"""The picture of compare: small multiples of noisy units."""
