"""Recurrent layers: kind none equals PyTorch's own, fast equals plain operations, cells equal layers; annealing."""

import copy
import doctest
import importlib
import shutil
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

import noisyviz.torch as nvt  # noqa: E402
from noisyviz.errors import InputError  # noqa: E402

D = torch.float64
LAYERS = [(nvt.NoisyLSTM, torch.nn.LSTM), (nvt.NoisyGRU, torch.nn.GRU)]
SHAPES: list[dict[str, Any]] = [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "bias": False}]


def worst(found: Any, wanted: Any) -> float:
    pairs = [(a.detach(), b.detach()) for a, b in zip(found, wanted, strict=True)]
    return max(float(((a - b).abs() / (1e-3 + b.abs())).max()) for a, b in pairs)


def parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize(("noisy", "plain"), LAYERS)
def test_without_noise_a_layer_is_pytorchs_own(noisy: Any, plain: Any, options: dict[str, Any]) -> None:
    theirs = plain(3, 5, dtype=D, **options)
    ours = noisy(3, 5, dtype=D, kind="none", tanh="tanh", sigmoid="sigmoid", **options)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(7, 4, 3, dtype=D, requires_grad=True, generator=torch.Generator().manual_seed(0))
    results = []
    for layer in (theirs, ours):
        out, state = layer(x)
        weights = [dict(layer.named_parameters())[name] for name, _ in theirs.named_parameters()]
        loss = out.sin().sum() + sum(one.cos().sum() for one in parts(state))
        results.append([out, *parts(state), *torch.autograd.grad(loss, [x, *weights])])
    assert worst(results[1], results[0]) < 1e-12
    plain(3, 5, dtype=D, **options).load_state_dict(ours.plain_state_dict())


@pytest.mark.parametrize("enforce", [True, False])
@pytest.mark.parametrize(("noisy", "plain"), LAYERS)
def test_packed_sequences(noisy: Any, plain: Any, enforce: bool) -> None:
    theirs = plain(3, 5, num_layers=2, bidirectional=True, dtype=D)
    ours = noisy(3, 5, num_layers=2, bidirectional=True, dtype=D, kind="none", tanh="tanh", sigmoid="sigmoid")
    ours.load_state_dict(theirs.state_dict())
    lengths = torch.tensor([7, 5, 3, 1]) if enforce else torch.tensor([3, 7, 1, 5])
    x = torch.randn(7, 4, 3, dtype=D)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=enforce)
    (out, state), (wanted, wanted_state) = ours(packed), theirs(packed)
    assert torch.equal(out.batch_sizes, wanted.batch_sizes)
    assert worst([out.data, *parts(state)], [wanted.data, *parts(wanted_state)]) < 1e-12


@pytest.mark.parametrize("p", ["unit", "scalar", -0.8])
@pytest.mark.parametrize("alphas", [(None, None), (0.9, 1.0)], ids=str)
@pytest.mark.parametrize("pair", [("hard-tanh", "hard-sigmoid"), ("tanh", "sigmoid")], ids=str)
@pytest.mark.parametrize("kind", ["none", "nan", "nah", "nani"])
@pytest.mark.parametrize("layer", [nvt.NoisyLSTM, nvt.NoisyGRU])
def test_the_fast_method_equals_plain_operations(layer: Any, kind: str, pair: Any, alphas: Any, p: Any) -> None:
    options = {"kind": kind, "tanh": pair[0], "sigmoid": pair[1], "alpha": alphas[0], "alpha_sigmoid": alphas[1]}
    options |= {"c": 3.0, "p": p, "num_layers": 2, "dtype": D}
    fast, plain = layer(3, 6, **options), layer(3, 6, reference=True, **options)
    for weight in fast.parameters():
        weight.data.mul_(4.0)  # deep into saturation
    plain.load_state_dict(fast.state_dict())
    x = (3.0 * torch.randn(9, 4, 3, dtype=D)).requires_grad_()
    results = []
    for one in (fast, plain):
        torch.manual_seed(3)
        out, state = one(x)
        loss = out.sin().sum() + sum(part.cos().sum() for part in parts(state))
        results.append([out, *parts(state), *torch.autograd.grad(loss, [x, *one.parameters()])])
    assert worst(*results) < 1e-10


@pytest.mark.parametrize("layer", [nvt.NoisyLSTM, nvt.NoisyGRU])
def test_packed_sequences_take_the_fast_method(layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"kind": "nah", "c": 3.0, "num_layers": 2, "bidirectional": True, "dtype": D}
    fast, plain = layer(3, 5, **options), layer(3, 5, reference=True, **options)
    plain.load_state_dict(fast.state_dict())
    x = (4.0 * torch.randn(7, 4, 3, dtype=D)).requires_grad_()
    results = []
    for one in (fast, plain):
        torch.manual_seed(3)
        with monkeypatch.context() as patched:
            if one is fast:
                patched.setattr(layer, "_step", None)  # the way of plain operations
            out, state = one(torch.nn.utils.rnn.pack_padded_sequence(x, [3, 7, 1, 5], enforce_sorted=False))
        loss = out.data.sin().sum() + sum((2.0 * part).cos().sum() for part in parts(state))
        results.append([out.data, *parts(state), *torch.autograd.grad(loss, [x, *one.parameters()])])
    assert worst(*results) < 1e-10


@pytest.mark.parametrize(("cell", "layer"), [(nvt.NoisyLSTMCell, nvt.NoisyLSTM), (nvt.NoisyGRUCell, nvt.NoisyGRU)])
def test_a_cell_is_one_step_of_the_layer(cell: Any, layer: Any) -> None:
    whole = layer(3, 5, kind="nah", dtype=D).eval()
    one = cell(3, 5, kind="nah", dtype=D).eval()
    one.load_state_dict(
        {name.removesuffix("_l0") if name != "p_l0" else name: v for name, v in whole.state_dict().items()}
    )
    x, state = 4.0 * torch.randn(6, 2, 3, dtype=D), None
    for t in range(6):
        state = one(x[t], state)
    assert worst(parts(state), [part[0] for part in parts(whole(x)[1])]) < 1e-12


@pytest.mark.parametrize("cell", [nvt.NoisyLSTMCell, nvt.NoisyGRUCell])
def test_the_fast_method_of_a_cell_equals_plain_operations(cell: Any) -> None:
    x, results = (4.0 * torch.randn(6, 2, 3, dtype=D)).requires_grad_(), []
    fast, plain = (cell(3, 5, kind="nan", c=3.0, dtype=D, reference=one) for one in (False, True))
    plain.load_state_dict(fast.state_dict())
    for one in (fast, plain):
        torch.manual_seed(3)
        first = one(x[0, 0])  # without a batch
        state = one(x[1])
        for t in range(2, 6):
            state = one(x[t], state)
        loss = sum(part.sin().sum() for part in (*parts(first), *parts(state)))
        results.append([*parts(first), *parts(state), *torch.autograd.grad(loss, [x, *one.parameters()])])
        assert parts(first)[0].shape == (5,)
    assert worst(*results) < 1e-10
    (again,) = torch.autograd.grad(parts(plain(x[0]))[0].sum(), one.weight_ih, create_graph=True)
    again.sum().backward()
    with pytest.raises(RuntimeError, match="reference=True"):
        torch.autograd.grad(parts(fast(x[0]))[0].sum(), fast.weight_ih, create_graph=True)


def test_empty_windows_and_batches_keep_their_shapes() -> None:
    lstm = nvt.NoisyLSTM(3, 4)
    for steps, batch in ((0, 2), (1, 2), (3, 0)):
        out, (h, c) = lstm(torch.zeros(steps, batch, 3))
        assert (out.shape, h.shape, c.shape) == ((steps, batch, 4), (1, batch, 4), (1, batch, 4))
    assert lstm(torch.zeros(5, 3))[0].shape == (5, 4)


def test_draws_are_fresh_for_each_step_unless_they_are_shared() -> None:
    x = torch.full((6, 1, 2), 5.0, dtype=D)
    for share, same in ((None, False), ("time", True)):
        gru: Any = nvt.NoisyGRU(2, 3, kind="nani", c=2.0, share=share, dtype=D)
        with torch.no_grad():
            gru.weight_hh_l0.zero_()
            gru.bias_ih_l0[3:6] = -50.0  # the update gate is shut: each output is the candidate of its step
        out = gru(x)[0]
        assert bool((out - out[0]).abs().max() == 0) is same


def test_generators_decide_and_evaluation_is_without_noise() -> None:
    made = [nvt.NoisyLSTM(2, 3, c=5.0, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    made[1].load_state_dict(made[0].state_dict())
    x = 9.0 * torch.randn(4, 2, 2)
    assert torch.equal(made[0](x)[0], made[1](x)[0])
    assert not torch.equal(made[0](x)[0], made[0](x)[0])
    made[0].eval()
    assert torch.equal(made[0](x)[0], made[0](x)[0])


def test_an_alpha_below_one_in_a_gate_warns() -> None:
    with pytest.warns(UserWarning, match="alpha_sigmoid = 0.9"):
        nvt.NoisyLSTM(2, 3, alpha_sigmoid=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nvt.NoisyLSTM(2, 3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"proj_size": 2}, "proj_size"),
        ({"slots": "some"}, "slots"),
        ({"share": "batch"}, "share"),
        ({"dropout": 2}, "dropout"),
    ],
)
def test_bad_arguments_are_one_sentence(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        nvt.NoisyLSTM(2, 3, **options)


def test_a_wrong_input_is_one_sentence() -> None:
    with pytest.raises(InputError, match="input must be"):
        nvt.NoisyGRU(2, 3)(torch.zeros(4, 5, 7))
    with pytest.raises(InputError, match="hx must be"):
        nvt.NoisyGRU(2, 3)(torch.zeros(4, 5, 2), torch.zeros(1, 4, 3))


def test_annealing_sets_every_noise_level_and_resumes() -> None:
    model: Any = torch.nn.Sequential(nvt.NoisyActivation(units=2), nvt.NoisyActivation(units=2))
    annealing = nvt.NoiseAnnealing(model, schedule="paper", start=30.0, end=0.5, steps=10, every=1)
    seen = [annealing.c]
    for _ in range(4):
        annealing.step()
        seen.append(float(model[1].c))
    assert seen == pytest.approx([30.0 / (t + 1) ** 0.5 for t in range(5)], rel=1e-6)  # c0/√(t + 1)
    other: Any = copy.deepcopy(model)
    again = nvt.NoiseAnnealing(other, schedule="paper", start=30.0, end=0.5, steps=10, every=1)
    again.load_state_dict(annealing.state_dict())
    assert float(other[0].c) == float(model[0].c)
    found: Any = nvt.controls(model)
    assert float(found["leak"][0].c) == 0.0
    assert (found["leak"][0].kind, found["hard"][0].kind) == ("nan", "none")
    assert float(model[0].c) > 0.0
    with pytest.raises(InputError, match="no noisy modules"):
        nvt.NoiseAnnealing(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("name", ["activation", "annealing", "capture", "convert", "recurrent"])
def test_examples_in_docstrings(name: str) -> None:
    found = importlib.import_module(f"noisyviz.torch.{name}")
    assert doctest.testmod(found, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("layer", [nvt.NoisyLSTM, nvt.NoisyGRU])
def test_half_precision_and_autocast_work_on_the_units_in_float32(layer: Any, reference: bool) -> None:
    made = layer(3, 6, kind="nah", num_layers=2, reference=reference).eval()
    x = torch.randn(9, 4, 3)
    wanted = made(x)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = made(x)[0]
    half = copy.deepcopy(made).bfloat16()
    narrow, state = half(x.bfloat16())
    for found in (mixed, narrow):
        assert found.dtype == torch.bfloat16
        assert float((found.detach().float() - wanted.detach()).abs().max()) < 0.03
        found.float().sum().backward()
    assert parts(state)[0].dtype == torch.bfloat16
    assert half.weight_hh_l0.grad.dtype == torch.bfloat16
    made.train()(x.half().float())


def twins(layer: Any, **options: Any) -> list[tuple[Any, ...]]:
    """Return output, last state and gradients of a layer and of a copy with other options, for the same draws."""
    x = torch.randn(5, 3, 2, dtype=D, generator=torch.Generator().manual_seed(1))
    plain = layer(2, 4, dtype=D, num_layers=2, c=0.5, kind="nah", tanh="tanh", sigmoid="sigmoid")
    found = []
    for changed in ({}, options):
        copied = layer(2, 4, dtype=D, num_layers=2, c=0.5, kind="nah", tanh="tanh", sigmoid="sigmoid", **changed)
        copied.load_state_dict(plain.state_dict())
        copied.generator = torch.Generator().manual_seed(2)
        out, state = copied(x)
        grads = torch.autograd.grad(out.sin().sum() + parts(state)[-1].sum(), list(copied.parameters()))
        found.append((out, *parts(state), *grads))
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what PyTorch's compiler imports
@pytest.mark.parametrize("layer", [nvt.NoisyLSTM, nvt.NoisyGRU])
def test_compiled_steps_change_no_number(layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the tracer alone, which needs no C++ compiler; the next test has one."""
    compiled: list[str] = []

    def traced(function: Any, key: Any) -> Any:
        hash(key)
        compiled.append(function.__name__)
        return torch.compile(function, backend="aot_eager", fullgraph=True)

    monkeypatch.setattr("noisyviz.torch.sequence.kernel", traced)
    plain, kernels = twins(layer, compile=True)
    assert worst(kernels, plain) < 1e-12
    assert {f"{layer.__name__[5:].lower()}_{part}" for part in ("next", "back")} == set(compiled)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler here")
def test_compiled_kernels_change_no_number() -> None:
    plain, kernels = twins(nvt.NoisyLSTM, compile=True)
    assert worst(kernels, plain) < 1e-10


@pytest.mark.parametrize("layer", [nvt.NoisyLSTM, nvt.NoisyGRU])
def test_layers_on_an_accelerator(layer: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    net = layer(2, 4, dtype=D, kind="nan", num_layers=2).eval()
    x = torch.randn(5, 3, 2, dtype=D)
    wanted = net(x)[0].detach()
    torch.testing.assert_close(net.cuda()(x.cuda())[0].detach().cpu(), wanted, rtol=1e-10, atol=1e-10)
    found = []
    for reference in (False, True):
        one = layer(2, 4, dtype=D, kind="nan", num_layers=2, reference=reference, device="cuda")
        one.load_state_dict(net.state_dict())
        one.generator = torch.Generator("cuda").manual_seed(3)
        out, _ = one(x.cuda())
        found.append((out, *torch.autograd.grad(out.sin().sum(), list(one.parameters()))))
    assert worst(found[0], found[1]) < 1e-10
