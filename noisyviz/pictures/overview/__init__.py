"""The picture of plot: all that a noisy unit does."""
