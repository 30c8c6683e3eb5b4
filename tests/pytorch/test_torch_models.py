"""Whole models: conversion keeps what they compute, capture sees what NumPy computes, compilers take the units."""

import copy
import gc
import subprocess
import sys
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from torch import nn  # noqa: E402

import noisyviz as nv  # noqa: E402
import noisyviz.torch as nvt  # noqa: E402
from noisyviz.errors import InputError  # noqa: E402
from noisyviz.torch.modules import CALLED, function_called, function_of  # noqa: E402


class Tagger(nn.Module):
    """Nested modules, one of them used twice, a hook, a cell, and classes that nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Tanh()
        self.body = nn.Sequential(
            OrderedDict(first=nn.Linear(4, 6), act=self.act, gate=nn.Sigmoid(), hard=nn.Hardtanh())
        )
        self.rnn = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(10, 3, batch_first=True)
        self.cell = nn.GRUCell(3, 3)
        self.odd = nn.ModuleDict({"softmax": nn.Softmax(-1), "hard": nn.Hardsigmoid()})

    def forward(self, x: Any) -> Any:
        out = self.gru(self.rnn(self.body(x))[0])[0]
        return self.odd["softmax"](self.odd["hard"](self.act(self.cell(out[:, -1]))))


CONVERTED = (
    "act: Tanh",
    "body.act: Tanh",
    "body.gate: Sigmoid",
    "body.hard: Hardtanh",
    "rnn: LSTM",
    "gru: GRU",
    "cell: GRUCell",
    "odd.hard: Hardsigmoid",
)


def test_a_converted_model_computes_the_same_and_keeps_hooks_sharing_and_parameters() -> None:
    model: Any = Tagger().double()
    called: list[str] = []
    handle = model.body.gate.register_forward_hook(lambda module, *_: called.append(type(module).__name__))
    x = torch.randn(3, 7, 4, dtype=torch.float64)
    before, weights = model(x).detach(), dict(model.named_parameters())
    called.clear()
    found: Any = nvt.convert(model, kind="none")
    assert found is model
    assert found.converted == CONVERTED
    torch.testing.assert_close(found(x).detach(), before, rtol=1e-12, atol=1e-14)
    assert called == ["NoisyActivation"]
    handle.remove()
    found(x)
    assert len(called) == 1
    assert found.act is found.body.act
    assert all(dict(found.named_parameters())[name] is value for name, value in weights.items())
    assert isinstance(found.odd["softmax"], nn.Softmax)


def test_a_model_that_is_itself_a_layer_is_returned_anew_and_hard_forms_are_those_of_the_paper() -> None:
    lstm = nn.LSTM(3, 4).eval()
    made: Any = nvt.convert(lstm, kind="nah", hard=True, c=2.0, p=-0.5)
    assert (made.converted, made.tanh, made.sigmoid) == (("LSTM",), "hard-tanh", "hard-sigmoid")
    assert (made.training, float(made.c), made.alpha, made.alpha_sigmoid) == (False, 2.0, 1.15, 1.1)
    assert made.weight_hh_l0 is lstm.weight_hh_l0
    assert [name for name, _ in made.named_parameters()] == [name for name, _ in lstm.named_parameters()]  # p is fixed


def test_what_cannot_be_converted_is_left_alone_and_named() -> None:
    model = nn.ModuleDict({"odd": nn.Hardtanh(1.0, 2.0), "lstm": nn.LSTM(2, 4, proj_size=3)})
    with pytest.warns(UserWarning, match="left alone") as told:
        found: Any = nvt.convert(model)
    assert found.converted == ()
    assert [str(one.message) for one in told] == [
        "'odd' (Hardtanh) is left alone: it has limits that are not on either side of 0",
        "'lstm' (LSTM) is left alone: it has a projection",
    ]
    normed = torch.nn.utils.parametrizations.weight_norm(nn.LSTM(2, 4), "weight_hh_l0")
    assert nvt.convert(nn.Sequential(normed)).converted == ()  # a class of its own


def test_parameters_of_modules_are_kept_in_the_names() -> None:
    modules = {
        "hard-tanh:-2:2": nn.Hardtanh(-2.0, 2.0),
        "leaky-relu:0.2": nn.LeakyReLU(0.2),
        "elu:0.5": nn.ELU(0.5),
        "celu": nn.CELU(),
        "softplus:2": nn.Softplus(2.0),
        "gelu-tanh": nn.GELU(approximate="tanh"),
        "soft-shrink": nn.Softshrink(),
        "hard-shrink:1": nn.Hardshrink(1.0),
        "threshold:0.1:0": nn.Threshold(0.1, 0.0),
        "mish": nn.Mish(),
        "log-sigmoid": nn.LogSigmoid(),
        "tanh-shrink": nn.Tanhshrink(),
    }
    assert {name: function_of(module) for name, module in modules.items()} == {name: name for name in modules}
    assert [function_of(module) for module in (nn.LeakyReLU(-0.1), nn.RReLU(), nn.PReLU(), nn.GLU())] == [None] * 4
    assert nvt.convert(nn.Hardtanh(-2.0, 2.0)).fn == "hard-tanh:-2:2"


def by_hand(lstm: Any, x: Any) -> dict[str, np.ndarray]:
    """Gates of one layer of an LSTM, by the equations in PyTorch's documentation."""
    wi, wh, bi, bh = (
        getattr(lstm, f"{name}_l0").detach().numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    n = wh.shape[1]
    h = c = np.zeros((x.shape[1], n))
    rows: dict[str, list[np.ndarray]] = {}
    for at in x:
        pre = at @ wi.T + bi + h @ wh.T + bh
        i, f, g, o = np.split(pre, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        for name, value in zip(
            ("input_gate", "forget_gate", "cell_candidate", "output_gate", "cell_output"), (i, f, g, o, c), strict=True
        ):
            rows.setdefault(name, []).append(value)
    return {name: np.concatenate(values) for name, values in rows.items()}


@pytest.mark.parametrize("noisy", [False, True])
def test_captured_gates_are_those_worked_out_by_hand(noisy: bool) -> None:
    lstm: Any = nn.LSTM(3, 4, dtype=torch.float64)
    layer = nvt.convert(copy.deepcopy(lstm), kind="none") if noisy else lstm
    x = 3.0 * torch.randn(6, 2, 3, dtype=torch.float64)
    with nvt.capture(layer) as seen:
        layer(x)
        layer(x)
    layer(x)  # not seen
    wanted = by_hand(lstm, x.numpy())
    assert {name.removesuffix("_l0") for name in seen.arrays()} == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(seen.arrays()[f"{name}_l0"], np.concatenate([values, values]), atol=1e-12)
        assert seen.functions[f"{name}_l0"] == ("tanh" if name.startswith("cell") else "sigmoid")


def test_capture_sees_every_call_of_a_shared_module_and_leaves_no_hook() -> None:
    model = Tagger()
    x = torch.randn(3, 7, 4)
    with nvt.capture(model) as seen:
        for _ in range(2):
            model(x)
    arrays = seen.arrays()
    assert arrays["act"].shape == (2 * 3 * 7, 6)  # the two uses differ in their number of units
    assert arrays["act (3 units)"].shape == (2 * 3, 3)
    assert arrays["rnn.cell_candidate_l1_reverse"].shape == (2 * 21, 5)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    np.testing.assert_allclose(arrays["body.gate"][:21], np.tanh(arrays["act"][:21]), atol=1e-6)


class Caller(nn.Module):
    """Calls its activations as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.act = nn.Linear(2, 3), nn.Tanh()

    def forward(self, x: Any) -> Any:
        pre = self.line(x)
        out = self.act(torch.tanh(pre)) + nn.functional.leaky_relu(pre, negative_slope=0.2)
        return out + nn.functional.relu(input=pre) + pre.clone().tanh_()


def test_capture_sees_activations_called_as_functions() -> None:
    caller, x = Caller(), torch.randn(4, 5, 2)
    model = nn.Sequential(caller, nn.LSTM(3, 2), nn.Softmax(-1))
    model[1].register_forward_hook(lambda _module, _args, output: output[0])
    with nvt.capture(model) as seen:
        torch.tanh(x)  # no part of the model
        model(x)
        with pytest.raises(RuntimeError):
            model(torch.zeros(3, 7))
        model(x[:1])
    pre = np.concatenate([caller.line(part).detach().numpy().reshape(-1, 3) for part in (x, x[:1])])
    found = seen.arrays()
    assert [name for name in found if name.startswith("0.")] == [
        "0.tanh",
        "0.act",
        "0.leaky-relu",
        "0.relu",
        "0.tanh.2",
    ]
    assert len(found) == 5 + 5  # and the gates of the LSTM, whose own functions are not seen twice
    assert seen.functions["0.leaky-relu"] == "leaky-relu:0.2"
    for name in ("0.tanh", "0.leaky-relu", "0.relu", "0.tanh.2"):
        np.testing.assert_array_equal(found[name], pre)
    np.testing.assert_allclose(found["0.act"], np.tanh(pre), rtol=1e-6)


MORE: dict[type[nn.Module], tuple[float, ...]] = {
    nn.LeakyReLU: (0.3,),
    nn.Threshold: (0.5, 0.0),
    nn.Hardtanh: (-2.0, 1),
}


@pytest.mark.parametrize("call", CALLED, ids=lambda call: f"{getattr(call, '__module__', None)}.{call.__name__}")
def test_a_function_of_pytorch_is_the_one_that_its_name_says(call: Any) -> None:
    x = torch.linspace(-4.0, 4.0, 33, dtype=torch.float64)
    more = MORE.get(CALLED[call], ())
    name = function_called(call, (x, *more), {})
    assert name is not None
    wanted = call(x.clone(), *more).numpy()
    tolerance = 1e-6 if name == "hard-sigmoid-6" else 1e-12  # PyTorch takes 1/6 in single precision
    np.testing.assert_allclose(nv.activation(name).h(x.numpy()), wanted, rtol=tolerance, atol=tolerance)
    assert function_called(torch.exp, (x,), {}) is None


def test_capture_repeats_dropout_and_leaves_padding_out() -> None:
    lstm = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    x = torch.randn(6, 2, 3)
    torch.manual_seed(1)
    wanted = lstm(x)[0]
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with nvt.capture(lstm) as seen:
            assert torch.equal(lstm(x)[0], wanted)  # the model's own draws are as without capture
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([6, 2]))
    with nvt.capture(lstm.eval()) as seen:
        lstm(packed)
    assert {values.shape for values in seen.arrays().values()} == {(8, 4)}


def test_captured_arrays_are_profiled_and_saved_for_the_command(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Conv1d(5, 4, 1), nn.ReLU())
    x = 4.0 * torch.randn(9, 5, 2)
    with nvt.capture(model, axis=1) as seen:
        model(x)
    pre = model[0](x).detach().numpy()
    np.testing.assert_array_equal(seen.arrays()["1"], np.moveaxis(pre, 1, -1).reshape(-1, 5))
    found = seen.profile(nv.NoisyUnit("tanh"))
    assert [one.fn for one in found.arrays] == ["tanh", "relu"]
    assert found.arrays[0].share_saturated == np.mean(np.abs(pre) >= 1.0)
    seen.save(tmp_path / "seen.npz")
    with np.load(tmp_path / "seen.npz") as saved:
        assert sorted(saved.files) == ["1", "3"]
        np.testing.assert_array_equal(saved["3"], seen.arrays()["3"])
    assert [path.name for path in tmp_path.iterdir()] == ["seen.npz"]
    with pytest.raises(InputError, match=r"must end in \.npz"):
        seen.save(tmp_path / "seen.csv")
    folder = seen._folder
    del seen
    gc.collect()
    assert not folder.exists()


def test_nothing_captured_is_said() -> None:
    with nvt.capture(nn.Linear(2, 2)) as seen:
        pass
    with pytest.raises(InputError, match="nothing was captured"):
        seen.profile()


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # PyTorch's compiler does
@pytest.mark.parametrize("kind", ["nan", "nah", "nani", "nanil-softplus"])
def test_an_activation_compiles_as_one_graph_and_exports(kind: str) -> None:
    act = nvt.NoisyActivation("hard-tanh", kind=kind, units=3).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    xi = torch.randn(5, 3, dtype=torch.float64)
    compiled = torch.compile(act, fullgraph=True, backend="aot_eager")
    at = [x.clone().requires_grad_() for _ in range(2)]
    values = [compiled(at[0], xi), act(at[1], xi)]
    torch.testing.assert_close(values[0], values[1], rtol=1e-12, atol=1e-14)
    for value in values:
        value.sin().sum().backward()
    torch.testing.assert_close(at[0].grad, at[1].grad, rtol=1e-12, atol=1e-14)
    assert compiled(x).shape == (5, 3)  # draws inside the graph
    exported = torch.export.export(act.eval(), (x,)).module()
    torch.testing.assert_close(exported(x), act(x), rtol=1e-12, atol=1e-14)


def test_a_model_with_a_layer_compiles() -> None:
    model = nn.Sequential(nvt.NoisyLSTM(3, 4)).eval()
    x = torch.randn(5, 2, 3)
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(x)[0], model(x)[0])


def test_memory_for_the_backward_pass_is_that_of_pytorchs_own_layer_at_most() -> None:
    """Numbers kept for each unit and step; PyTorch's own keeps 21 or so."""

    def kept(layer: Any) -> float:
        storages: dict[int, int] = {}

        def note(value: Any) -> Any:
            storages[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value

        x = torch.randn(20, 30, 16)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
            out = layer(x)[0]
        weights = {one.untyped_storage().data_ptr() for one in layer.parameters()}
        total = sum(size for place, size in storages.items() if place not in weights)
        return total / 4 / out.numel()

    for kind in ("nan", "nah", "nani"):
        assert kept(nvt.NoisyLSTM(16, 16, kind=kind)) <= 1.3 * 21.2
        assert kept(nvt.NoisyLSTM(16, 16, kind=kind)) <= 1.3 * kept(nn.LSTM(16, 16))


def test_importing_noisyviz_does_not_import_torch_and_its_absence_is_one_sentence() -> None:
    code = "import sys, noisyviz; assert 'torch' not in sys.modules; sys.modules['torch'] = None; import noisyviz.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(
        "MissingExtraError: noisyviz.torch needs PyTorch; install it with pip install 'noisyviz[torch]'"
    )
