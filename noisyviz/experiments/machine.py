"""Where a run computes: on the CPU by one process, or through Lightning Fabric elsewhere, in parallel, in bfloat16.

Fabric is imported for the second alone. Each of several processes holds the whole model, works on its part of every
batch, and averages its gradients with the others, so that all take the same step; each draws its own noise.
"""

import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from multiprocessing import active_children, parent_process
from multiprocessing.connection import wait
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from noisyviz.errors import InputError, MissingExtraError

for _name in (
    "lightning_fabric.utilities.distributed",
    "lightning_utilities.core.rank_zero",
    "lightning_fabric.utilities.rank_zero",
):
    logging.getLogger(_name).setLevel(logging.WARNING)  # Fabric tells of each process that starts, here and there

GRACE_S: Final = 10.0
"""How long processes may take to save when the one that started them is asked to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a run computes on.

    Attributes
    ----------
    device
        One of `DEVICES`; ``auto`` is CUDA where there is one, else the CPU.
    devices
        How many of them, a process each; processes of the CPU share its cores.
    precision
        One of `PRECISIONS`; ``bf16`` computes products of matrices in bfloat16, weights stay in float32.
    """

    device: str = "cpu"
    devices: int = 1
    precision: str = "32"

    @property
    def plain(self) -> bool:
        """Whether this needs no Fabric."""
        return self == Machine()

    def found(self) -> "Machine":
        """Return the same with a device that is there.

        Raises
        ------
        MissingExtraError
            Where Fabric is needed and not installed.
        InputError
            For a device that is not there, or fewer of it.
        """
        counts = {"cpu": os.cpu_count() or 1, "cuda": torch.cuda.device_count()}
        counts |= {"mps": int(torch.backends.mps.is_available())}
        device = self.device if self.device != "auto" else "cuda" if counts["cuda"] else "cpu"
        one = Machine(device=device, devices=self.devices, precision=self.precision)
        there = [name for name, count in counts.items() if count]
        if device not in there:
            raise InputError(f"--device must be one that PyTorch finds here ({', '.join(there)}), got '{device}'")
        if device != "cpu" and self.devices > counts[device]:
            raise InputError(f"--devices must be at most {counts[device]}, the number of '{device}' here")
        if not one.plain:
            _fabric()
        return one

    def told(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


class Place:
    """One process of a machine.

    Attributes
    ----------
    machine
        What the run computes on.
    rank, size
        Which of how many processes this is.
    device
        Where it computes.
    """

    def __init__(self, machine: Machine | None = None, fabric: Any = None) -> None:
        self.machine = machine or Machine()
        self._fabric = fabric
        self.rank: int = fabric.global_rank if fabric else 0
        self.size: int = fabric.world_size if fabric else 1
        self.device = fabric.device if fabric else torch.device("cpu")

    def autocast(self) -> Any:
        """Return the context of the precision."""
        return self._fabric.autocast() if self._fabric else nullcontext()

    def average(self, values: Sequence[Tensor]) -> None:
        """Put the mean over all processes in the place of each tensor."""
        if self.size == 1:
            return
        flat = torch.cat([one.reshape(-1) for one in values])
        mean = self._fabric.all_reduce(flat, reduce_op="mean")
        for one, part in zip(values, mean.split([one.numel() for one in values]), strict=True):
            one.copy_(part.view_as(one))

    def mean(self, values: Sequence[float]) -> list[float]:
        """Return the mean over all processes of each number."""
        if self.size == 1:
            return list(values)
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        found = torch.tensor(list(values), dtype=kind, device=self.device)
        self.average([found])
        return [float(one) for one in found.tolist()]

    def gather(self, value: Any) -> list[Any]:
        """Return what each process gave, in their order."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(found, value)
        return found

    @contextmanager
    def here(self) -> Iterator[None]:
        """Make this the place of tasks that are made, and put new tensors on its device.

        Those of `torch.as_tensor` too, but not those of `torch.from_numpy`, which tasks do not use therefore.
        """
        before = _PLACE.set(self)
        try:
            if self.device.type == "cpu":
                yield
            else:
                with self.device:
                    yield
        finally:
            _PLACE.reset(before)

    def moved(self, value: Any) -> Any:
        """Return lists, dictionaries and tensors in them, on the device."""
        if isinstance(value, Tensor):
            return value.to(self.device)
        if isinstance(value, dict):
            return {key: self.moved(one) for key, one in value.items()}
        return [self.moved(one) for one in value] if isinstance(value, list) else value


ALONE: Final = Place()
_PLACE: Final[ContextVar[Place]] = ContextVar("place", default=ALONE)


def place() -> Place:
    """Return the place in force."""
    return _PLACE.get()


def part(array: np.ndarray[Any, Any], axis: int = 0) -> tuple[np.ndarray[Any, Any], float]:
    """Return the part of a batch that this process works on, and the weight of the mean over it.

    The weighted means of all parts have the mean over the batch as their mean. A batch of fewer entries than there are
    processes is worked on by each.

    Examples
    --------
    >>> part(np.arange(4))
    (array([0, 1, 2, 3]), 1.0)
    """
    one, count = place(), array.shape[axis]
    if one.size == 1 or count < one.size:
        return array, 1.0
    mine = np.array_split(array, one.size, axis=axis)[one.rank]
    return mine, mine.shape[axis] * one.size / count


def launch(machine: Machine, work: Callable[..., Any], *args: Any) -> Any:
    """Return what ``work(place, *args)`` returns in the first process of a machine.

    Several processes are started anew, so that `work` must be a function of a module. What they raise, and can be
    pickled, is raised here.
    """
    if machine.plain:
        return work(ALONE, *args)
    fabric = _fabric()(
        accelerator=machine.device,
        devices=machine.devices,
        strategy="ddp_spawn" if machine.devices > 1 else "auto",
        precision="bf16-mixed" if machine.precision == "bf16" else "32-true",
    )
    if machine.devices == 1:
        return work(Place(machine, fabric), *args)
    before = set(active_children())
    try:
        task = pickle.dumps((machine, torch.get_num_threads(), work, args))  # Fabric would look into anything else
        found, error = pickle.loads(fabric.launch(_guarded, task))
    except BaseException:
        for child in set(active_children()) - before:
            child.join(GRACE_S)
            child.kill()
        raise
    if error is not None:
        raise error
    return found


def _guarded(fabric: Any, task: bytes) -> bytes:
    """Work in one of several processes; return, pickled, the result and None, or None and what was raised."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    machine, threads, work, args = pickle.loads(task)
    torch.set_num_threads(threads)
    try:
        return pickle.dumps((work(Place(machine, fabric), *args), None))
    except Exception as error:
        return pickle.dumps((None, error))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _fabric() -> Any:
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise MissingExtraError(
            "--device, --devices and --precision need Lightning Fabric; install it with pip install "
            "'noisyviz[train-multi]'"
        ) from error
    return Fabric
