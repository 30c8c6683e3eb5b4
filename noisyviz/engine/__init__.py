"""The numerical engine: NumPy and SciPy only, imports nothing from the rooms above it."""
