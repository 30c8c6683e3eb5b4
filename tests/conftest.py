"""Settings that every test shares."""

import os

os.environ["MPLBACKEND"] = "Agg"
