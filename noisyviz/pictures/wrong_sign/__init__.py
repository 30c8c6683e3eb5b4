"""Where gradients point the wrong way."""
