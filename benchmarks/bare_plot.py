"""A bare Matplotlib script: four line panels to a PNG of the size in inches and the resolution given."""

import sys

import matplotlib
import numpy as np
from matplotlib.figure import Figure

matplotlib.use("Agg")
width, height, dpi = (float(word) for word in sys.argv[1:4])
x = np.linspace(-4, 4, 401)
figure = Figure(figsize=(width, height), dpi=dpi)
for axes in figure.subplots(2, 2).flat:
    axes.plot(x, np.tanh(x))
figure.savefig("bare.png")
