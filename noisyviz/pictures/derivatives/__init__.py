"""The paper's Figure 1: derivatives of hard and soft activations."""
