"""Inference graphs: the same network, rewritten to run fast.

Batch norm is folded into the convolutions, weights and features are channels-last, and where the hardware computes in bfloat16 a
convolutional network runs in it (its last linear layer in float32, so that close scores do not tie). On the CPU chains of layers
and the networks of `resmooth.models` are then traced, and oneDNN fuses their convolutions with what follows them, which takes a
tenth of a second and no compiler; on a GPU every network is compiled with CUDA graphs, its convolutions of few channels being our
own (`resmooth.classifiers.convolutions`). Who asks for it gets the network in 8-bit integers (`resmooth.classifiers.quantised`),
the fastest on a CPU without bfloat16. A video network, which takes chunks [B, T, C, H, W], is folded and rounded likewise; on the
CPU it is not fused, and not quantised either.

A network in another precision, or on other kernels, rounds differently: it is another base classifier. `InferenceGraph.identity`
records which one was sampled.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from resmooth.classifiers.quantised import calibration_images, check_int8, quantise
from resmooth.models.cifar_resnet import BasicBlock
from resmooth.models.layers import Normalize

if TYPE_CHECKING:
    from resmooth.noise.base import Noise

# What oneDNN's fusion is known to get right, while other networks can send it into an endless loop: chains of layers, our blocks.
# Not the other architectures: fused, scores of densenet40 and resnet50 depend on the batch size, and wrn40_2 fails on 4x4 images.
FUSIBLE = {nn.Sequential, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear, nn.Identity}
FUSIBLE |= {BasicBlock, Normalize}

LARGE = 2**23  # parameters, 32 MB
WIDE = 64  # 3D networks of more channels than this compute faster on channels-last features, narrower ones slower

# The precisions, and in which dtype each takes its images.
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.float32}
COMPILED = ("compiled", "triton")  # engines on a GPU: PyTorch's kernels alone, and with our own among them
_said: set[str] = set()


def choose_precision(name: str, network: nn.Module, device: str | torch.device) -> str:
    """`name`, or for "auto" bfloat16 where the device computes in it rather than emulate it and the network has convolutions.

    Other networks gain little, and a plain linear score loses its last digits. int8 changes more votes than bfloat16, so "auto"
    never chooses it. ValueError for an unknown name, or for int8 where it cannot be.
    """
    if name == "auto" and not any(isinstance(module, (nn.Conv2d, nn.Conv3d)) for module in network.modules()):
        return "float32"
    if torch.device(device).type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if name == "auto":
        return "bfloat16" if native else "float32"
    if name not in PRECISIONS:
        raise ValueError(f"precision must be auto, float32, bfloat16 or int8, got {name!r}")
    if name == "int8":
        check_int8(torch.device(device))
    return name


class InferenceGraph(nn.Module):
    """A network (nn.Module, images [B, C, H, W] -> scores [B, K]) rewritten for fast inference in `precision`.

    A video network takes chunks [B, T, C, H, W] where others take images.
    The rewriting happens at the first call; `build` repeats it where weights, submodules or hooks of the network have changed
    (not where plain attributes have: wrap it anew). A network that cannot be rewritten, or whose rewritten form does not agree
    with it, runs as it is; this is said once on standard error.
    """

    def __init__(self, network: nn.Module, precision: str = "auto", device: str | torch.device = "cpu") -> None:
        super().__init__()
        self.network, self.device = network, torch.device(device)
        self.wanted = choose_precision(precision, network, self.device)
        self._weights: tuple | None = None
        self._traced: dict[int, Callable[[Tensor], Tensor]] = {}
        self.batch_size = 16

    def forward(self, images: Tensor) -> Tensor:
        """Scores [B, K] in float32."""
        if self._weights is None:
            self.build(images.shape[1:])
        if self.engine == "as given":
            scores = self.network(images.to(torch.float32, copy=True))  # it may change them in place
            if not isinstance(scores, torch.Tensor):
                name, kind = type(self.network).__name__, type(scores).__name__
                raise ValueError(f"{name} returned a {kind}, expected a tensor of scores [images, classes]")
            return scores.float()
        given, size = len(images), _padded(len(images), images.dim())
        compiled = self.engine in COMPILED
        if compiled:  # for one batch size: every other costs a compilation
            size = max(size, self.batch_size)
        if size != given:
            images = torch.cat([images, images[:1].expand(size - given, *images.shape[1:])])
        images = images.to(self.dtype, memory_format=self.layout)
        if self.engine != "onednn":
            scores = self._rewritten[0](images)
        else:
            if size not in self._traced:
                self._traced[size] = _trace(self._rewritten[0], images)
            scores = self._traced[size](images)
        return scores[:given].to(torch.float32, copy=compiled)  # a CUDA graph reuses its output

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that images are converted to."""
        return PRECISIONS[self.precision]

    @property
    def identity(self) -> dict[str, str]:
        """What tells this base classifier from the same network in another precision or on other kernels; JSON-able."""
        return {"precision": self.precision, "engine": self.engine}

    def build(self, shape: Sequence[int], batch_size: int = 16, noise: Noise | None = None) -> None:
        """Rewrite the network for images of `shape` [C, H, W] (chunks [T, C, H, W]), unless done and no weight has changed since.

        batch_size: how many images most calls will bring. noise: what they will have; int8 is calibrated for it.
        """
        self.batch_size = _padded(batch_size, 1 + len(shape))
        noise = noise if self.wanted == "int8" else None
        weights = (tuple(shape), _fingerprint(self.network), noise and noise.facts())
        if weights == self._weights:
            return
        try:
            rewritten, self.precision, self.layout, self.engine, traced = _rewrite(
                self.network, shape, self.batch_size, self.wanted, self.device, noise
            )
            self._rewritten = [rewritten]  # in a list, not to be registered as a module of its own
            _return_memory(self.network)
        except Exception as error:  # a network may refuse tracing or folding in any way it likes
            _say_once(f"{type(self.network).__name__} runs as it is, in float32: {_first_line(error)}")
            self.precision, self.layout, self.engine, traced = "float32", torch.contiguous_format, "as given", None
        self._weights = weights
        self._traced = {} if traced is None else {self.batch_size: traced}


def _padded(size, axes):
    """The next batch size at least `size` of those that graphs are made for: 16, 32, 64, 128, 192, 256, 384, 512, ...

    Batches of images have 4 `axes`; of chunks, which have 5 and take long, 8 are enough.
    """
    doubled = 1 << max(4 if axes == 4 else 3, (size - 1).bit_length())
    return doubled * 3 // 4 if doubled > 128 and size <= doubled * 3 // 4 else doubled


def _rewrite(network, shape, batch_size, precision, device, noise):
    """(callable, precision, memory layout, engine, trace for a batch or None) of the rewritten network.

    Raises where that cannot be done faithfully.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own module, at import
        from torch.fx.experimental.optimization import fuse

    generator = torch.Generator().manual_seed(0)
    tried = (8 if len(shape) == 3 else 4, *shape)  # activations of chunks are large; below, 3 are compared with all
    images = torch.rand(tried, generator=generator) + 0.5 * torch.randn(tried, generator=generator)
    images = images.to(device)
    fusible = all(type(module) in FUSIBLE for module in network.modules())
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        _full_float32(),
    ):  # inference tensors could not be rewritten again
        network = copy.deepcopy(network).eval().to(device)
        expected = _scores_to_match(network, images)
        graph = fuse(network, inplace=True)
        if not _close(graph(images.clone()), expected, 1e-3):
            raise RuntimeError("folding batch norm changed its scores")
        if precision == "bfloat16":
            rounded = _to_bfloat16(copy.deepcopy(graph))
            if _close(_among_classes(rounded(images.bfloat16())), _among_classes(expected), 0.2):
                graph = rounded
            else:
                precision = "float32"
                _say_once(f"{type(network).__name__} runs in float32: bfloat16 changes its scores too much")
        if precision == "int8":
            try:
                quantised = quantise(graph, calibration_images(tuple(shape), noise))
                return quantised, precision, torch.channels_last, "quantised onednn", None
            except Exception as error:  # a layer that oneDNN lacks, a branch that cannot be traced again, ...
                precision = "float32"
                _say_once(f"{type(network).__name__} runs in float32, int8 failed: {_first_line(error)}")
        weights, layout = _layouts(graph, shape)
        graph = graph.to(memory_format=weights)  # type: ignore[call-overload]  # torch's stubs lack it
    if not _accepts(graph, images.to(PRECISIONS[precision], memory_format=layout)):  # it reshapes by view
        graph, layout = graph.to(memory_format=torch.contiguous_format), torch.contiguous_format
    batch = torch.cat([images] * -(-batch_size // len(images)))[:batch_size]
    batch = batch.to(
        PRECISIONS[precision], memory_format=layout
    )  # as `forward` does: its strides decide what is traced
    engine, traced = "eager", None
    if device.type == "cuda":
        graph, engine = _compile(graph, batch, precision)
    elif fusible:
        engine, traced = _fused(graph, batch)
    return graph, precision, layout, engine, traced


def _layouts(graph, shape):
    """Memory formats (of the weights, of the images). Chunks have an axis more than channels-last orders: they stay as they are.

    Weights of few channels do so too: `benchmarks/bench_video.py` compares.
    """
    if len(shape) == 3:
        return torch.channels_last, torch.channels_last
    wide = any(isinstance(module, nn.Conv3d) and module.out_channels > WIDE for module in graph.modules())
    return torch.channels_last_3d if wide else torch.contiguous_format, torch.contiguous_format


@contextlib.contextmanager
def _full_float32():
    """Convolutions on a GPU in float32 proper. By default cuDNN rounds what they multiply to ten bits (TF32), folded weights to
    other numbers than plain ones: folding would seem to change ResNet-50 and ResNet-110."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _accepts(graph, images):
    """Whether the graph runs on images of this memory layout (a failing graph would print its own traceback)."""
    with torch.inference_mode(), contextlib.redirect_stderr(io.StringIO()):
        try:
            graph(images)
        except RuntimeError:
            return False
    return True


def _scores_to_match(network, images):
    """Scores [B, K] of more than 3 images. RuntimeError unless each is a function of its own image alone, left as it was."""
    if any(module._forward_hooks or module._forward_pre_hooks for module in network.modules()):
        raise RuntimeError("it has hooks, which a graph would lose")
    given = images.clone()
    expected = network(given)
    if not isinstance(expected, torch.Tensor):
        raise RuntimeError(f"it returns a {type(expected).__name__}, not a tensor of scores")
    if not torch.equal(given, images):
        raise RuntimeError("it changes its images in place")
    if not torch.equal(network(images), expected):
        raise RuntimeError("its scores change from call to call")
    if not _close(network(images[:3].flip(0)).flip(0), expected[:3], 1e-3):
        raise RuntimeError("its scores depend on the other images of the batch, so that no certificate holds for it")
    return expected


def _close(scores, expected, tolerance):
    """Whether scores [B, K] are within `tolerance` of the expected ones, relative to themselves and to a typical one."""
    scores, expected = scores.float(), expected.float()
    allowed = tolerance * (expected.abs() + expected.abs().median())
    return bool(((scores == expected) | ((scores - expected).abs() <= allowed)).all())


def _among_classes(scores):
    """Scores [B, K] of each image, less their mean: what decides between the classes."""
    return scores.float() - scores.float().mean(dim=1, keepdim=True)


def _fused(graph, images):
    """("onednn", trace for batches like `images`) where fusing works, else ("eager", None)."""
    try:
        traced = _trace(graph, images)
        if not _close(traced(images), graph(images), 0.2):
            raise RuntimeError("it changes the scores")
    except Exception as error:
        _say_once(f"oneDNN fusion failed, running without it: {_first_line(error)}")
        return "eager", None
    return "onednn", traced


def _to_bfloat16(graph):
    """Convert a traced network to bfloat16, but for the linear layer that makes its scores, which stays in float32."""
    graph = graph.bfloat16()
    last = next(node for node in graph.graph.nodes if node.op == "output").args[0]
    while len(last.all_input_nodes) == 1 and not _is_linear(graph, last):
        last = last.all_input_nodes[0]  # a softmax, say
    if _is_linear(graph, last):
        graph.get_submodule(last.target).float()
        with graph.graph.inserting_before(last):
            last.args = (graph.graph.call_method("float", (last.args[0],)),)
        graph.recompile()
    return graph


def _return_memory(network):
    """Give copies that rewriting a large network made back to the system: they lie in cycles, and glibc keeps freed memory."""
    if sum(parameter.numel() for parameter in network.parameters()) < LARGE:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


def _is_linear(graph, node):
    return node.op == "call_module" and isinstance(graph.get_submodule(node.target), nn.Linear)


def _trace(graph, images):
    """Trace `graph` for batches like `images` and let oneDNN fuse it, for which the profiling executor needs two runs."""
    fusion = torch.jit.onednn_fusion_enabled()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; its successor needs half a minute and a compiler
        torch.jit.enable_onednn_fusion(True)
        try:
            traced = torch.jit.freeze(torch.jit.trace(graph, images, check_trace=False))
            traced(images), traced(images)
        finally:
            torch.jit.enable_onednn_fusion(fusion)
    return traced


def _compile(graph, images, precision):
    """(callable, engine): compiled for a GPU with CUDA graphs; where that fails, say so once and run the graph as it is."""
    own = _with_own_kernels(graph, images[:8]) if precision == "bfloat16" else None
    compiled = torch.compile(own or graph, mode="reduce-overhead", dynamic=False)
    try:
        with torch.inference_mode():
            compiled(images)
    except torch.OutOfMemoryError:
        pass  # the first batch will meet the same, and be halved
    except Exception as error:
        _say_once(f"torch.compile failed, running without it: {_first_line(error)}")
        return graph, "eager"
    return compiled, "triton" if own else "compiled"


def _with_own_kernels(graph, images):
    """The graph with our own convolutions; None where it has none that they compute, or where they change its scores."""
    try:
        from resmooth.classifiers.convolutions import fused  # needs Triton, which PyTorch brings where it knows a GPU

        own = fused(graph, images)
        if own is not None and not _close(_among_classes(own(images)), _among_classes(graph(images)), 0.2):
            raise RuntimeError("they change the scores")
    except Exception as error:
        _say_once(f"our own convolutions failed, running without them: {_first_line(error)}")
        return None
    return own


def _fingerprint(network):
    """Changes with every parameter, buffer, submodule and hook of the network, also where autograd is not told of it."""
    tensors = [*network.parameters(), *network.buffers()]
    versions = [(id(tensor), 0 if tensor.is_inference() else tensor._version) for tensor in tensors]
    versions += [
        (id(module), len(module._forward_hooks) + len(module._forward_pre_hooks)) for module in network.modules()
    ]
    with torch.no_grad():
        sums = [tensor.sum(dtype=torch.float64) for tensor in tensors if not tensor.is_complex()]
        return versions, torch.stack(
            [each.to(sums[0].device) for each in sums]
        ).tolist() if sums else []  # one transfer


def _say_once(text):
    if text not in _said:
        _said.add(text)
        print(f"resmooth: {text}", file=sys.stderr, flush=True)


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
