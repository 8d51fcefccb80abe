"""Several networks of one architecture as one module: each parameter is stacked in one tensor, and one batch trains all networks.

A small network does not fill a GPU. K stacked networks launch each kernel once, on K times the data.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state


class Stacked(nn.Module):
    """K networks side by side: images [K * B, C, H, W] -> scores [K * B, classes], the first B images for the first, and so on.

    Every network sees only its own images, and its batch norm uses only these. The gradient of the sum of the networks' losses is
    the stack of their gradients. So an elementwise optimiser, such as SGD with momentum, trains each network as if it were alone,
    up to the order of floating-point sums. Under autocast, convolutions and linear layers compute in its precision, as in a
    single network; between them features stay in float32. `networks`: modules that differ only in their weights.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.size = len(networks)
        parameters, buffers = stack_module_state(networks)
        for name, tensor in parameters.items():
            self.register_parameter(_registered(name), nn.Parameter(tensor.detach()))
        for name, tensor in buffers.items():
            self.register_buffer(_registered(name), tensor)
        self.names = [*parameters], [*buffers]
        skeleton = copy.deepcopy(networks[0]).to("meta")
        self.skeleton = [skeleton]  # in a list: its parameters are not ours
        self.products: set[str] = set()  # parameters of the layers that automatic mixed precision rounds
        for name, module in skeleton.named_modules():
            if isinstance(getattr(module, "weight", None), nn.Parameter):
                module.register_forward_pre_hook(_in_the_precision_of_its_weight)
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                self.products |= {f"{name}.{own}" for own, _ in module.named_parameters(recurse=False)}

    def forward(self, images: Tensor) -> Tensor:
        if len(images) % self.size:
            raise ValueError(f"{len(images)} images cannot be shared equally among {self.size} networks")
        skeleton, kind = self.skeleton[0].train(self.training), images.device.type
        parameters, buffers = ({name: getattr(self, _registered(name)) for name in names} for names in self.names)
        if torch.is_autocast_enabled(kind):  # which vmap hides from the layers
            precision = torch.get_autocast_dtype(kind)
            parameters |= {name: parameters[name].to(precision) for name in self.products}

        def scores(parameters, buffers, images):
            return functional_call(skeleton, (parameters, buffers), (images,))

        with torch.autocast(kind, enabled=False):
            return torch.vmap(scores)(parameters, buffers, images.unflatten(0, (self.size, -1))).flatten(0, 1)

    def states(self) -> list[dict[str, Tensor]]:
        """The state_dict of each network: K dicts name -> tensor."""
        return [
            {name: getattr(self, _registered(name))[number].detach() for names in self.names for name in names}
            for number in range(self.size)
        ]


def _in_the_precision_of_its_weight(module, inputs):
    """Forward hook: what a layer is given, in the precision of its weight, which not every kernel would convert to."""
    return tuple(features.to(module.weight.dtype) for features in inputs)


def _registered(name):
    """A parameter's name as torch lets one module register it: without dots."""
    return name.replace(".", "/")
