"""The paper's Figure 4: draws of noisy units."""
