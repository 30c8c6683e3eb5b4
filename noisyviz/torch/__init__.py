"""Noisy units for PyTorch: activations, recurrent layers and cells, and annealing of their noise.

Needs the extra ``torch``: ``pip install "noisyviz[torch]"``.
"""

from noisyviz.errors import MissingExtraError

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise MissingExtraError("noisyviz.torch needs PyTorch; install it with pip install 'noisyviz[torch]'") from error

from noisyviz.torch.activation import NoisyActivation
from noisyviz.torch.annealing import NoiseAnnealing, controls
from noisyviz.torch.capture import Captured, capture
from noisyviz.torch.convert import convert
from noisyviz.torch.recurrent import NoisyGRU, NoisyGRUCell, NoisyLSTM, NoisyLSTMCell
from noisyviz.units.kinds import KINDS

__all__ = [
    "KINDS",
    "Captured",
    "NoiseAnnealing",
    "NoisyActivation",
    "NoisyGRU",
    "NoisyGRUCell",
    "NoisyLSTM",
    "NoisyLSTMCell",
    "capture",
    "controls",
    "convert",
]
