"""Several processes and other devices: the same numbers, and one sentence where there are none."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from noisyviz.errors import InputError, MissingExtraError  # noqa: E402
from noisyviz.experiments import loop, machine, make_task  # noqa: E402
from noisyviz.experiments.checkpoint import read_checkpoint, write_checkpoint  # noqa: E402
from noisyviz.experiments.machine import Machine, Place, launch, part  # noqa: E402
from noisyviz.experiments.settings import Settings  # noqa: E402

SIZES = {"updates": 6, "hidden": 8, "batch": 6, "every": 6}


def settings(activation: str = "soft") -> Settings:
    return Settings(task="unique", activation=activation, seed=3, options=SIZES)


def trained(place: Place, folder: Path, stops: bool) -> list[dict[str, Any]]:
    """Train a run, for a moment alone or to its end; return the rows and all weights."""
    from noisyviz.experiments import unique

    unique.TESTED = 50  # type: ignore[misc]  # also in the processes that are started
    torch.set_num_threads(1)
    if not stops and folder.exists():
        run = loop.resume(folder, place=place)
    else:
        run = loop.begin(settings(), folder, place=place)
    if stops:
        assert run.update()
        assert run.update()
        run.save()
    else:
        run.go()
    weights = torch.cat([one.detach().flatten() for one in run.task.model.parameters()])
    return [run.rows, weights.tolist(), place.gather(weights.sum().item())]


def test_two_processes_come_to_what_one_comes_to_and_can_be_resumed(tmp_path: Path) -> None:
    """Also that both have the same weights, and that a run of two is not continued by one."""
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is an extra")
    two = Machine(devices=2)
    launch(two, trained, tmp_path / "two", True)
    with pytest.raises(InputError, match="was trained on 2 devices, and only so many can continue it, got 1"):
        loop.resume(tmp_path / "two")
    rows, weights, sums = launch(two, trained, tmp_path / "two", False)
    alone_rows, alone_weights, _ = launch(Machine(), trained, tmp_path / "one", False)
    assert sums[0] == sums[1]
    assert weights == pytest.approx(alone_weights, rel=1e-3, abs=1e-5)
    assert rows[0]["loss"] == pytest.approx(alone_rows[0]["loss"], rel=1e-5)
    assert read_checkpoint(tmp_path / "two")["machine"] == {"device": "cpu", "devices": 2, "precision": "32"}


def refuses(_: Place) -> None:
    raise InputError("the data are not there")


def test_what_a_process_raises_is_raised_here() -> None:
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is an extra")
    with pytest.raises(InputError, match="the data are not there"):
        launch(Machine(devices=2), refuses)


@pytest.mark.parametrize(("count", "size"), [(7, 2), (7, 3), (6, 3), (2, 3)])
def test_the_parts_of_a_batch_have_its_mean(monkeypatch: pytest.MonkeyPatch, count: int, size: int) -> None:
    x = np.random.default_rng(0).normal(size=(4, count))
    place = Place()
    place.size = size
    monkeypatch.setattr(machine, "place", lambda: place)
    means, widths = [], []
    for place.rank in range(size):
        own, weight = part(x, 1)
        means.append(weight * own.mean())
        widths.append(own.shape[1])
    assert np.mean(means) == pytest.approx(x.mean(), rel=1e-12)
    assert sum(widths) == (count if count >= size else count * size)


def test_a_task_is_made_on_the_device_of_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device `meta` holds shapes alone, and is there everywhere."""
    monkeypatch.setattr(torch, "Generator", lambda device, real=torch.Generator: real())  # noqa: ARG005
    monkeypatch.setattr("noisyviz.experiments.unique.TESTED", 50)
    place = Place()
    place.device = torch.device("meta")
    with place.here():
        task: Any = make_task(settings())
        made = [torch.as_tensor(np.zeros(2)), torch.zeros(2), *task.test, *task.model.parameters()]
    assert {one.device.type for one in made} == {"meta"}
    assert place.moved({"state": [torch.zeros(1), 3]})["state"][0].device.type == "meta"
    assert machine.place() is machine.ALONE
    assert torch.as_tensor(np.zeros(1)).device.type == "cpu"
    for path in Path(machine.__file__).parent.glob("*.py"):
        assert "torch.from_numpy(" not in path.read_text("utf-8"), f"{path}: torch.as_tensor heeds the device"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
def test_cuda_starts_from_the_same_weights_and_comes_to_the_same_loss(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is an extra")
    rows, _, _ = launch(Machine(device="cuda"), trained, tmp_path / "cuda", False)
    alone, _, _ = launch(Machine(), trained, tmp_path / "cpu", False)
    assert rows[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-3)


def test_bfloat16_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is an extra")
    monkeypatch.setattr("noisyviz.experiments.unique.TESTED", 50)
    seen: list[Any] = []

    def work(place: Place) -> Any:
        run = loop.begin(settings("nan"), tmp_path / "run", place=place)
        head: Any = run.task.model
        head.head[0].register_forward_hook(lambda *args: seen.append(args[2].dtype))
        return run.go(), [one.dtype for one in run.task.model.parameters()]

    state, kept = launch(Machine(precision="bf16"), work)
    assert state == "done"
    assert set(kept) == {torch.float32}
    assert torch.bfloat16 in seen


def test_a_device_that_is_not_there_is_named(run: Run) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    result = run("train", "unique", "--device", "cuda")
    assert result.exit_code == 2
    assert result.stderr.endswith("--device must be one that PyTorch finds here (cpu), got 'cuda'\n")
    assert Machine(device="auto").found() == Machine()
    result = run("train", "unique", "--devices", "0")
    assert result.exit_code == 2
    assert "--devices must be" in result.stderr


def test_without_fabric_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MissingExtraError, match=r"need Lightning Fabric; install it with pip .*train-multi"):
        Machine(devices=2).found()
    assert Machine().found() == Machine()


def test_a_checkpoint_of_more_devices_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noisyviz.experiments.unique.TESTED", 50)
    run = loop.begin(settings(), tmp_path / "run")
    content = run.content() | {"others": [{}, {}]}
    assert run.held is not None
    run.held.close()
    write_checkpoint(tmp_path / "run" / "checkpoint.pt", content)
    with pytest.raises(InputError, match="was trained on 3 devices"):
        loop.resume(tmp_path / "run")
