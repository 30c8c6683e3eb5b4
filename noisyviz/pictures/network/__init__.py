"""The paper's Figures 5 and 6: every unit of a small trained network."""
