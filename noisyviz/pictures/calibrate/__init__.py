"""The picture of calibrate: bias against gradient."""
