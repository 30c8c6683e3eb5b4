"""Activation functions, noise distributions and the noisy unit that joins them."""
