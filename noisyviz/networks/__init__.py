"""Pre-activations of trained networks: reading them safely, profiling saturation, calibrating the noise."""
