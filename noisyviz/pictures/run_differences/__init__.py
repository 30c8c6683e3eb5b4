"""The picture of differences between units in training: where the noise helped and where it did not."""
