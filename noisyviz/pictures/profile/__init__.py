"""The picture of profile: saturation of real pre-activations."""
