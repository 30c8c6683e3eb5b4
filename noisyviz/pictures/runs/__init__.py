"""Pictures of training runs: curves over the updates, and differences between units."""
