"""The picture of anneal, still and moving."""
