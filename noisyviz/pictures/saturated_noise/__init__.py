"""The paper's Figure 3: noise at a saturated point."""
