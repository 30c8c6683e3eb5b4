"""The paper's learning curves, decoded from its drawings."""
