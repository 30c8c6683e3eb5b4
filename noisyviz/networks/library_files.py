"""Arrays in files that other libraries read: Parquet by pyarrow, HDF5 by h5py, PyTorch's own by torch.

What a library hands over block by block goes to a temporary file, which is mapped. PyTorch files are read with
``weights_only=True``, which builds tensors and plain containers and runs no code.
"""

import importlib
import pickle
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, MissingExtraError
from noisyviz.networks.array_files import MAX_AXES, MAX_MEMBERS, Opened, check_inflation, check_shape

LIBRARY_SUFFIXES: Final = (".parquet", ".h5", ".hdf5", ".pt", ".pth")
_BLOCK: Final = 1 << 20  # numbers handed over at once
_PARTS: Final = 100_000  # of a PyTorch file
_KINDS: Final = "fiu"
_NEEDED: Final = {".parquet": ("pyarrow.parquet", "files"), ".h5": ("h5py", "files"), ".pt": ("torch", "torch")}


@contextmanager
def library(suffix: str) -> Iterator[Any]:
    """Give the module that reads files of a suffix; its failures become a sentence about the file.

    Raises
    ------
    MissingExtraError
        Where it is not installed.
    InputError
        Where it cannot read the file.
    """
    name, extra = _NEEDED[suffix]
    try:
        module = importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"is a {suffix} file, which {package} reads, and that is not installed; "
            f"add the extra '{extra}', as in pip install 'noisyviz[{extra}]', or save the arrays by numpy.savez"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the library's own ways
            yield module
    except (InputError, MissingExtraError, MemoryError):
        raise
    except Exception as error:  # what a library makes of a damaged file is its own matter
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):  # says how to run its code
            raise InputError(
                f"is no .{suffix[1:]} file that is read: it is damaged, or holds more than tensors and plain "
                "containers, which could run code"
            ) from None
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"is no .{suffix[1:]} file that {name.partition('.')[0]} reads: {reason}") from None


def parquet_table(path: Path, folder: Path) -> tuple[Opened, tuple[str, ...]]:
    """Return the columns of numbers of a Parquet file as one array, and notes about those that were left out."""
    with library(".parquet") as parquet, parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        index = {name for name in schema.names if name.startswith("__index_level_")}
        types = {field.name: str(field.type) for field in schema}
        fit = [name for name in schema.names if name not in index and _is_number(types[name])]
        notes = [f"has an index column, '{name}', which was left out" for name in sorted(index)]
        rest = [f"'{name}' ({types[name][:40]})" for name in schema.names if name not in {*fit, *index}]
        if not fit:
            raise InputError("holds no column of numbers" + (f", but {', '.join(rest[:10])}" if rest else ""))
        if rest:
            told = ", ".join(rest[:10])
            notes.append(f"has {len(rest)} of {len(types)} columns without numbers, which were left out: {told}")
        check_inflation(8 * len(fit) * file.metadata.num_rows, path.stat().st_size)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as out:
            rows = 0
            for batch in file.iter_batches(batch_size=max(1, _BLOCK // len(fit)), columns=fit):
                columns = [batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in fit]
                out.write(np.stack(columns, axis=1).tobytes())
                rows += batch.num_rows
    if rows == 0:
        raise InputError("holds no rows")
    array = np.memmap(out.name, dtype=np.float64, mode="r", shape=(rows, len(fit)))
    return Opened(array=array, columns=tuple(fit)), tuple(notes)


def _is_number(kind: str) -> bool:
    return kind in ("double", "float", "halffloat") or kind.startswith(("int", "uint"))


def hdf5_names(path: Path) -> list[str]:
    """Return the names of all datasets of an HDF5 file, groups apart by slashes."""
    found: list[str] = []
    with library(".h5") as h5py, h5py.File(path, "r") as file:

        def visit(name: str, item: Any) -> None:
            if name.count("/") > MAX_AXES or len(found) >= MAX_MEMBERS:
                raise InputError(f"holds more than {MAX_MEMBERS:,} arrays, or groups more than {MAX_AXES} deep")
            if isinstance(item, h5py.Dataset):
                found.append(name)

        file.visititems(visit)
    return found


def hdf5_array(path: Path, name: str, folder: Path) -> Opened:
    """Copy a dataset of an HDF5 file, block by block."""
    with library(".h5") as h5py, h5py.File(path, "r") as file:
        held = file[name]
        _check(held.dtype, held.shape)
        if held.external or held.is_virtual:
            raise InputError("keeps these numbers in other files, which are not read")
        check_inflation(held.size * held.dtype.itemsize, path.stat().st_size)
        step = max(1, _BLOCK // max(1, held.size // held.shape[0]))
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as out:
            for start in range(0, held.shape[0], step):
                out.write(np.ascontiguousarray(held[start : start + step]).tobytes())
        return Opened(array=np.memmap(out.name, dtype=held.dtype, mode="r", shape=held.shape))


def torch_arrays(path: Path) -> dict[str, Any]:
    """Return the tensors of a PyTorch file by their names, those inside containers apart by dots; nothing is run."""
    with library(".pt") as torch:
        try:
            held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the old format cannot be mapped
            held = torch.load(path, map_location="cpu", weights_only=True)
        return _leaves(held)


def _leaves(held: Any) -> dict[str, Any]:
    """Return what is in containers within containers, in order; one that holds itself, or copies, has no end."""
    found: dict[str, Any] = {}
    waiting, seen = [("", held)], 0
    while waiting:
        name, item = waiting.pop()
        seen += 1
        if not isinstance(item, dict | list | tuple):
            found[name] = item
            continue
        if seen + len(waiting) + len(item) > _PARTS:
            raise InputError(f"holds more than {_PARTS:,} parts")
        inside = item.items() if isinstance(item, dict) else enumerate(item)
        waiting += reversed([(f"{name}.{key}" if name else str(key), value) for key, value in inside])
    return found


def tensor_array(held: Any) -> Opened:
    """Return a tensor as an array; types that NumPy lacks are widened."""
    with library(".pt") as torch:
        if not isinstance(held, torch.Tensor):
            raise InputError(f"holds {type(held).__name__}, not an array")
        if held.is_sparse or held.is_quantized or held.is_complex():
            raise InputError(f"holds a tensor of {held.layout}, {held.dtype}; real numbers are needed, not packed")
        check_inflation(held.numel() * held.element_size(), held.untyped_storage().nbytes())  # one number, repeated
        held = held.detach()
        narrow = held.dtype.is_floating_point and held.dtype not in (torch.float16, torch.float32, torch.float64)
        array: npt.NDArray[Any] = (held.float() if narrow else held).numpy()
        _check(array.dtype, array.shape)
        return Opened(array=array)


def _check(dtype: np.dtype[Any], shape: tuple[int, ...] | None) -> None:
    if dtype.kind not in _KINDS:
        raise InputError(f"holds {dtype.name} values; real numbers are needed (float or integer)")
    if not shape:
        raise InputError("holds a single number, not an array")
    check_shape(shape)
    if 0 in shape:
        raise InputError(f"holds an empty array of shape {shape}")
