"""The paper's Figure 2: an objective smoothed by annealed noise."""
