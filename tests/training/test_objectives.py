"""The training methods against slow references in float64, written from the formulas of the papers image by image."""

import copy
import math

import pytest
import torch
from torch import nn

import resmooth as rs
from resmooth.training import attacks, consistency, macer, smoothadv, smoothmix
from resmooth.training.objectives import OBJECTIVES

SIGMA, IMAGES, CLASSES = 0.5, 6, 3
PGD = {"epsilon": 0.6, "steps": 3}
DDN = {"epsilon": 0.9, "steps": 5, "method": "ddn"}
CASES = {  # name -> (method, noises for each image, options); large weights, so that every term shows
    "gaussian": ("gaussian", 1, {}),
    "direct": ("direct", 3, {"noises": 3}),
    "stability": ("stability", 1, {"lbd": 2.0}),
    "stability, both noisy": ("stability", 2, {"lbd": 6.0, "reference": "noisy"}),
    "consistency": ("consistency", 3, {"noises": 3, "lbd": 10.0, "eta": 0.5}),
    "consistency attacked": ("consistency", 2, {"noises": 2, "lbd": 4.0, "eta": 0.7, "attack": PGD | {"warmup": 4}}),
    "smoothadv pgd": ("smoothadv", 3, {"noises": 3, "attack": PGD}),
    "smoothadv pgd, first draw": ("smoothadv", 3, {"noises": 3, "attack": PGD, "train_on_all": False}),
    "smoothadv pgd, one noise": ("smoothadv", 1, {"attack": PGD | {"warmup": 3}}),
    "smoothadv ddn": ("smoothadv", 3, {"noises": 3, "attack": DDN}),
    "macer": ("macer", 4, {"noises": 4, "lbd": 12.0, "gamma": 2.0, "beta": 3.0}),
    "macer deferred": ("macer", 4, {"noises": 4, "lbd": 12.0, "deferred": 2}),
    "smoothmix": ("smoothmix", 2, {"noises": 2, "steps": 3, "alpha": 0.8, "eta": 5.0, "warmup": 4}),
    "smoothmix, one step first": ("smoothmix", 2, {"noises": 2, "steps": 3, "alpha": 0.3, "warmup": 4, "mix_step": 1}),
    "smoothmix, bounded": ("smoothmix", 2, {"noises": 2, "steps": 4, "alpha": 0.8, "max_norm": 0.9}),
}
EPOCH = 1  # the second: warm-ups of 3 or 4 epochs are not over


# --- the references -------------------------------------------------------------------------------------------------------------


def softmax(scores):
    return torch.exp(scores - scores.max()) / torch.exp(scores - scores.max()).sum()


def cross_entropy(scores, label):
    return -torch.log(softmax(scores)[label])


def kl(q, p):
    return sum(q[k] * torch.log(q[k] / p[k]) for k in range(len(q)))


def mean(values):
    return sum(values) / len(values)


def forward(model, images, noise):
    """Scores [image][draw] of the noisy copies, all in one batch (batch norm sees the batch)."""
    copies = [image + one for image, own in zip(images, noise) for one in own]
    rows = iter(model(torch.stack(copies)))
    return [[next(rows) for _ in own] for own in noise]


def attacked_loss(model, image, label, noise):
    return -torch.log(mean([softmax(model((image + one)[None])[0]) for one in noise])[label])


def ascent_direction(model, image, label, noise):
    image = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(attacked_loss(model, image, label, noise), image)
    return gradient / gradient.norm()


def within(delta, bound):
    return delta * min(1, bound / float(delta.norm())) if delta.norm() > 0 else delta


def pgd(model, image, label, noise, bound, steps):
    delta = torch.zeros_like(image)
    for _ in range(steps):
        delta = delta + 2 * bound / steps * ascent_direction(model, image + delta, label, noise)
        delta = within((image + delta).clamp(0, 1) - image, bound)
    return image + delta


def ddn(model, image, label, noise, bound, steps):
    farthest = float(torch.maximum(image, 1 - image).norm())
    delta, best, best_norm, norm = torch.zeros_like(image), torch.zeros_like(image), farthest, bound
    for step in range(steps):
        votes = [int(model((image + delta + one)[None])[0].argmax()) for one in noise]
        majority = min(range(CLASSES), key=lambda label: (-votes.count(label), label))
        if majority != label and delta.norm() < best_norm:
            best, best_norm = delta, float(delta.norm())
        length = 0.01 + (1 - 0.01) * (1 + math.cos(math.pi * (step + 1) / steps)) / 2
        delta = delta + length * ascent_direction(model, image + delta, label, noise)
        norm = min(norm * (1 - 0.05 if majority != label else 1 + 0.05), farthest)
        delta = (image + delta * norm / delta.norm()).clamp(0, 1) - image
    return image + within(best, bound)


def attack_all(model, images, labels, noise, epoch, epsilon, steps, method="pgd", warmup=1):
    """The adversarial images, constants for the training step; batch norm in evaluation mode."""
    model = copy.deepcopy(model).eval()
    bound = min(epsilon, (epoch + 1) * epsilon / warmup)
    attack = {"pgd": pgd, "ddn": ddn}[method]
    return [attack(model, *one, bound, steps).detach() for one in zip(images, labels, noise)]


def reference_gaussian(model, images, labels, noise, uniform, epoch, hold):
    scores = forward(model, images, noise)
    return mean([cross_entropy(row, label) for (row,), label in zip(scores, labels)])


def reference_direct(model, images, labels, noise, uniform, epoch, hold, noises):
    scores = forward(model, images, noise)
    return mean([-torch.log(mean([softmax(row) for row in rows])[label]) for rows, label in zip(scores, labels)])


def reference_stability(model, images, labels, noise, uniform, epoch, hold, lbd, reference="clean"):
    if reference == "noisy":
        scores = forward(model, images, noise)
        terms = [
            cross_entropy(one, label) + lbd * kl(hold(softmax(one)), softmax(other))
            for (one, other), label in zip(scores, labels)
        ]
        return mean(terms)
    clean = list(model(images))
    noisy = forward(model, images, noise)
    terms = []
    for scores, (row,), label in zip(clean, noisy, labels):
        target, p = hold(softmax(scores)), softmax(row)
        terms.append(cross_entropy(scores, label) - lbd * sum(target[k] * torch.log(p[k]) for k in range(CLASSES)))
    return mean(terms)


def reference_consistency(model, images, labels, noise, uniform, epoch, hold, noises, lbd, eta, attack=None):
    if attack:
        images = attack_all(model, images, labels, noise, epoch, **attack)
    terms = []
    for rows, label in zip(forward(model, images, noise), labels):
        average = hold(mean([softmax(row) for row in rows]))
        term = mean([cross_entropy(row, label) for row in rows])
        term = term + lbd * mean([kl(average, softmax(row)) for row in rows])
        terms.append(term - eta * sum(average[k] * torch.log(average[k]) for k in range(CLASSES)))
    return mean(terms)


def reference_smoothadv(model, images, labels, noise, uniform, epoch, hold, attack, noises=1, train_on_all=True):
    images = attack_all(model, images, labels, noise, epoch, **attack)
    if not train_on_all:
        noise = [own[:1] for own in noise]
    scores = forward(model, images, noise)
    return mean([cross_entropy(row, label) for rows, label in zip(scores, labels) for row in rows])


def reference_macer(model, images, labels, noise, uniform, epoch, hold, noises, lbd, gamma=8.0, beta=16.0, deferred=0):
    terms = []
    for rows, label in zip(forward(model, images, noise), labels):
        term = -torch.log(mean([softmax(row) for row in rows])[label] + 1e-10)
        sharp = mean([softmax(beta * row) for row in rows])
        second, first = sharp.argsort()[-2:]
        xi = torch.special.ndtri(sharp[first]) - torch.special.ndtri(sharp[second])
        if epoch >= deferred and first == label and torch.isfinite(xi) and abs(xi) <= gamma:
            term = term + lbd * SIGMA / 2 * (gamma - xi)
        terms.append(term)
    return mean(terms)


def reference_smoothmix(
    model,
    images,
    labels,
    noise,
    uniform,
    epoch,
    hold,
    noises,
    steps,
    alpha,
    eta=5.0,
    warmup=10,
    mix_step=0,
    max_norm=None,
):
    warm = min(1, (epoch + 1) / warmup)
    evaluated, starts, mixed = copy.deepcopy(model).eval(), [], []
    for image, label, own, w in zip(images, labels, noise, uniform):
        path = [image]
        for _ in range(steps):
            delta = path[-1] - image + alpha * ascent_direction(evaluated, path[-1], label, own)
            delta = (image + delta).clamp(0, 1) - image
            path.append(image + (delta if max_norm is None else within(delta, max_norm)))
        starts.append(image + within(path[1] - image, alpha * warm) if mix_step == 1 else image)
        mixed.append((1 - w / 2) * starts[-1] + w / 2 * path[-1])
    clean, other = forward(model, starts, noise), forward(model, mixed, noise)
    terms = []
    for rows, mixed_rows, label, w in zip(clean, other, labels, uniform):
        average = mean([softmax(row) for row in rows])
        term = mean([cross_entropy(row, label) for row in rows])
        if average.argmax() == label:
            target = hold((1 - w / 2) * average + w / 2 / CLASSES)
            term = term + eta * warm * mean([kl(target, softmax(row)) for row in mixed_rows])
        terms.append(term)
    return mean(terms)


# --- what they are compared on --------------------------------------------------------------------------------------------------


class Given:
    """A draw that is given: noise [B * m, C, H, W] and uniform numbers [B]; remembers what it was asked for."""

    sigma = SIGMA

    def __init__(self, noise, uniform):
        self.noise, self.numbers, self.asked = noise, uniform, []

    def __call__(self, images):
        self.asked.append(images)
        assert images.shape == self.noise.shape
        return self.noise

    def uniform(self, images):
        assert len(images) == len(self.numbers)
        return self.numbers


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(2 * 4 * 4, CLASSES))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(64, CLASSES)
    )


NETWORKS = {"linear": linear, "convolutional": convolutional}


def problem(network, noises, seed=0):
    """(model, images, labels, draw) in float64; the labels are the model's own for about two images of three."""
    torch.manual_seed(seed)
    model = NETWORKS[network]().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
        model(torch.rand(64, 2, 4, 4).double())  # running statistics that are not those of the batch
    images = torch.rand(IMAGES, 2, 4, 4).double()
    labels = model(images).argmax(dim=1)
    labels[::3] = (labels[::3] + 1) % CLASSES
    noise = SIGMA * torch.randn(IMAGES * noises, 2, 4, 4).double()
    return model, images, labels, Given(noise, torch.rand(IMAGES).double())


@pytest.fixture(autouse=True)
def float64_stays(monkeypatch):
    """The objectives compute their losses in at least float32, by `.float()`: leave float64 as it is."""
    convert = torch.Tensor.float
    monkeypatch.setattr(
        torch.Tensor, "float", lambda tensor: tensor if tensor.dtype == torch.float64 else convert(tensor)
    )


def of_reference(case, model, images, labels, draw, epoch=EPOCH, hold=lambda target: target):
    """(loss, gradients) of the slow reference."""
    method, noises, options = CASES[case]
    model = copy.deepcopy(model)
    noise = [[draw.noise[number * noises + copy] for copy in range(noises)] for number in range(IMAGES)]
    reference = globals()[f"reference_{method}"]
    loss = reference(model, images, labels.tolist(), noise, draw.numbers, epoch, hold, **options)
    return loss.item(), torch.autograd.grad(loss, list(model.parameters()))


def of_package(case, model, images, labels, draw, epoch=EPOCH):
    """(loss, gradients, scores) of the package."""
    method, _, options = CASES[case]
    model = copy.deepcopy(model)
    loss, scores = OBJECTIVES[method](model, images, labels, draw, epoch, **options)
    loss.backward()
    return loss.item(), [parameter.grad for parameter in model.parameters()], scores


def difference(some, others):
    """Of two lists of gradients, relative to the first."""
    size = sum(tensor.square().sum() for tensor in some)
    return (sum((a - b).square().sum() for a, b in zip(some, others)) / size).sqrt().item()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_equal_the_slow_reference(case, network):
    _, noises, options = CASES[case]
    model, images, labels, draw = problem(network, noises)
    expected, slow = of_reference(case, model, images, labels, draw)
    loss, gradients, scores = of_package(case, model, images, labels, draw)
    # torch.renorm divides by |delta| + 1e-7, so projected images differ by that much
    assert loss == pytest.approx(expected, rel=1e-6)
    assert difference(slow, gradients) < 1e-6
    copies = 1 if options.get("train_on_all") is False else noises
    assert scores.shape == (IMAGES * copies, CLASSES)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_term_counts_in_these_comparisons(network):
    """Without one of its terms, or of the attack, each loss would be another; so the comparison above sees them."""
    for case, (method, noises, options) in CASES.items():
        model, images, labels, draw = problem(network, noises)
        loss, _, _ = of_package(case, model, images, labels, draw)
        changes = [{name: 0.0} for name in ("lbd", "eta") if name in options and case != "macer deferred"]
        changes += [{"eta": 0.0}, {"alpha": 1e-3}] if method == "smoothmix" else []
        changes += [{"gamma": 100.0}] if case == "macer" else []  # some images are beyond gamma
        changes += [{"attack": options["attack"] | {"epsilon": 1e-6}}] if "attack" in options else []
        for change in changes:
            other, _ = OBJECTIVES[method](model, images, labels, draw, EPOCH, **(options | change))
            assert other.item() != pytest.approx(loss, rel=1e-4), (case, change)


def test_the_copies_of_an_image_lie_side_by_side():
    for case, (_, noises, _) in CASES.items():
        model, images, labels, draw = problem("linear", noises)
        _, _, scores = of_package(case, model, images, labels, draw)
        (asked,) = draw.asked
        for number in range(IMAGES):
            assert (asked[number * noises : (number + 1) * noises] == images[number]).all()
        if case in (
            "gaussian",
            "direct",
            "stability",
            "stability, both noisy",
            "consistency",
            "macer",
            "smoothmix",
        ):  # the images themselves, under noise
            for number, row in enumerate(scores):
                alone = model((images[number // noises] + draw.noise[number])[None])[0]
                torch.testing.assert_close(row, alone)


@pytest.mark.parametrize(
    "case", ["stability", "stability, both noisy", "consistency", "smoothmix", "smoothmix, one step first"]
)
def test_gradient_flows_through_the_targets(case):
    model, images, labels, draw = problem("convolutional", CASES[case][1])
    _, whole = of_reference(case, model, images, labels, draw)
    _, detached = of_reference(case, model, images, labels, draw, hold=torch.Tensor.detach)
    _, gradients, _ = of_package(case, model, images, labels, draw)
    assert difference(whole, detached) > 0.01 and difference(whole, gradients) < 1e-6


@pytest.mark.parametrize("case", ["smoothadv pgd", "consistency attacked", "smoothmix"])
def test_adversarial_images_are_constants(case):
    """Finite differences see the attack move with the weights; the gradient must be the one at a fixed attack."""
    model, images, labels, draw = problem("linear", CASES[case][1])
    _, gradients, _ = of_package(case, model, images, labels, draw)
    weight = gradients[0]

    def loss_at(step):
        moved = copy.deepcopy(model)
        moved[1].weight.data += step * weight / weight.norm()
        return of_package(case, moved, images, labels, draw)[0]

    slope = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5
    assert abs(slope - weight.norm().item()) > 1e-4 * slope


@pytest.mark.parametrize("case", ["gaussian", "direct", "stability", "stability, both noisy", "consistency", "macer"])
def test_gradients_equal_finite_differences(case):
    model, images, labels, draw = problem("convolutional", CASES[case][1])
    _, gradients, _ = of_package(case, model, images, labels, draw)
    torch.manual_seed(1)
    for number, gradient in enumerate(gradients):
        direction = torch.randn_like(gradient)

        def loss_at(step, number=number, direction=direction):
            moved = copy.deepcopy(model)
            list(moved.parameters())[number].data += step * direction
            return of_package(case, moved, images, labels, draw)[0]

        slope = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5
        assert slope == pytest.approx((gradient * direction).sum().item(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("case", [case for case in CASES if case != "macer deferred"])
def test_warm_ups_are_linear_in_the_epoch(case):
    model, images, labels, draw = problem("linear", CASES[case][1])
    losses = [of_package(case, model, images, labels, draw, epoch)[0] for epoch in (0, 1, 2, 3, 9, 10)]
    for loss, epoch in zip(losses, (0, 1, 2, 3, 9, 10)):
        assert loss == pytest.approx(of_reference(case, model, images, labels, draw, epoch)[0], rel=1e-6)
    assert losses[-1] == losses[-2]  # over after ten epochs at the latest


# --- attacks --------------------------------------------------------------------------------------------------------------------


class Recorder(nn.Module):
    """A network that remembers its inputs and the modes it was in."""

    def __init__(self, network):
        super().__init__()
        self.network, self.inputs, self.modes = network, [], []

    def forward(self, images):
        self.inputs.append(images.detach().clone())
        self.modes.append([module.training for module in self.network.modules()])
        return self.network(images)


def attack_problem(seed=0, dtype=torch.float32, count=40, noises=4):
    torch.manual_seed(seed)
    model = convolutional()
    model(torch.rand(64, 2, 4, 4))
    images = torch.rand(count, 2, 4, 4)
    labels = model.eval()(images).argmax(dim=1)
    return model.train(), images, labels, 0.25 * torch.randn(count * noises, 2, 4, 4)


def losses_of(model, images, labels, noise):
    model = copy.deepcopy(model).eval()
    own = noise.unflatten(0, (len(images), -1))
    with torch.no_grad():
        return torch.stack([attacked_loss(model, *one) for one in zip(images, labels, own)])


@pytest.mark.parametrize("method", ["pgd", "ddn"])
@pytest.mark.parametrize("epoch", [0, 2, 3, 7])
def test_attacks_stay_in_the_ball_and_raise_the_loss(method, epoch):
    model, images, labels, noise = attack_problem()
    attacked = attacks.attack_smoothed(model, images, labels, noise, epoch, 2.0, 6, method, warmup=4)
    lengths = (attacked - images).flatten(1).norm(dim=1)
    bound = {0: 0.5, 2: 1.5}.get(epoch, 2.0)
    assert lengths.max() <= bound * (1 + 1e-6) and attacked.min() >= 0 and attacked.max() <= 1
    assert not attacked.requires_grad
    before, after = (losses_of(model, x, labels, noise) for x in (images, attacked))
    assert after.mean() > before.mean() + 0.05
    if method == "pgd":
        assert (after > before).float().mean() > 0.9 and lengths.mean() > 0.8 * bound


def test_pgd_starts_at_the_image_and_steps_up_the_gradient():
    model, images, labels, noise = attack_problem()
    images = 0.4 + 0.2 * images  # far from 0 and 1
    recorder, bound, steps = Recorder(model), 0.3, 5
    attacks.attack_smoothed(recorder, images, labels, noise, 0, bound, steps)
    first, second, *more = recorder.inputs
    assert len(more) == steps - 2
    torch.testing.assert_close(first - noise, images.repeat_interleave(4, dim=0))
    taken = (second - first).unflatten(0, (40, 4))
    evaluated = copy.deepcopy(model).eval()
    for number in range(5):
        expected = ascent_direction(evaluated, images[number], labels[number], noise[4 * number : 4 * number + 4])
        for step in taken[number]:
            torch.testing.assert_close(step, 2 * bound / steps * expected, rtol=1e-4, atol=1e-5)


def test_pgd_of_one_step_ends_on_the_sphere():
    """Its step of twice the bound is cut to the bound, along the gradient."""
    model, images, labels, noise = attack_problem()
    images = 0.4 + 0.2 * images
    attacked = attacks.attack_smoothed(model, images, labels, noise, 0, 0.1, 1)
    torch.testing.assert_close((attacked - images).flatten(1).norm(dim=1), torch.full((40,), 0.1), rtol=1e-4, atol=0)


def test_ddn_leaves_an_image_that_is_misclassified_already():
    model, images, labels, noise = attack_problem()
    votes = model.eval()(images.repeat_interleave(4, dim=0) + noise).argmax(dim=1).view(-1, 4).mode(dim=1).values
    wrong = torch.arange(40) % 2 == 0
    labels = torch.where(wrong, (votes + 1) % CLASSES, votes)
    attacked = attacks.attack_smoothed(model, images, labels, noise, 0, 2.0, 8, "ddn")
    lengths = (attacked - images).flatten(1).norm(dim=1)
    assert (lengths[wrong] == 0).all() and (lengths[~wrong] > 0).float().mean() > 0.5
    found = model(attacked.repeat_interleave(4, dim=0) + noise).argmax(dim=1).view(-1, 4).mode(dim=1).values != labels
    assert (
        found == (lengths > 0) | wrong
    ).all()  # what it moved is misclassified, unless the bound cut it short: not here


@pytest.mark.parametrize("case", ["smoothadv pgd", "smoothadv ddn", "smoothmix"])
def test_attacks_leave_no_trace(case):
    """Statistics, weights, gradients and each module's mode are as before; the attack itself saw evaluation mode."""
    model, images, labels, noise = attack_problem(noises=2)
    model[0].eval()
    recorder = Recorder(model)
    state = copy.deepcopy(model.state_dict())
    if case == "smoothmix":
        attacks.unbounded_attack(recorder, images, labels, noise, 3, 0.5, 1, 0.5)
    else:
        attacks.attack_smoothed(recorder, images, labels, noise, 0, **CASES[case][2]["attack"])
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert [module.training for module in model] == [False, True, True, True, True] and recorder.training
    assert recorder.modes and not any(mode for modes in recorder.modes for mode in modes)


def test_the_mode_is_restored_after_an_error():
    model, images, labels, noise = attack_problem()
    with pytest.raises(RuntimeError):
        attacks.attack_smoothed(model, images, labels, noise[:-1], 0, 1.0, 2)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("spoil", ["constant scores", "saturated scores"])
def test_a_vanishing_gradient_is_not_divided_by(spoil):
    model, images, labels, noise = attack_problem()
    with torch.no_grad():
        if spoil == "constant scores":
            model[4].weight.zero_()
        else:
            model[4].weight.mul_(1e6)
    for method in attacks.ATTACKS:
        attacked = attacks.attack_smoothed(model, images, labels, noise, 0, 0.5, 4, method)
        assert attacked.isfinite().all()
        assert (attacked - images).flatten(1).norm(dim=1).max() <= 0.5 * (1 + 1e-6)
    start, end = attacks.unbounded_attack(model, images, labels, noise, 4, 0.5, 1, 0.25)
    assert start.isfinite().all() and end.isfinite().all()


def test_smoothmix_attack_is_free_unless_bounded_and_its_start_is_near():
    model, images, labels, noise = attack_problem(noises=2)
    for bound in (None, 0.7):
        start, end = attacks.unbounded_attack(model, images, labels, noise, 4, 0.5, 1, 0.2, bound)
        lengths = (end - images).flatten(1).norm(dim=1)
        assert (lengths.max() > 1.0) if bound is None else (lengths.max() <= bound * (1 + 1e-6))
        assert (start - images).flatten(1).norm(dim=1).max() <= 0.2 * (1 + 1e-6)
        for some in (start, end):
            assert some.min() >= 0 and some.max() <= 1
        assert losses_of(model, end, labels, noise).mean() > losses_of(model, images, labels, noise).mean()


@pytest.mark.parametrize(("epoch", "bound"), [(0, 0.16), (4, 0.8), (20, 0.8)])
def test_smoothmix_starts_within_its_warmed_up_step(epoch, bound):
    model, images, labels, noise = attack_problem(noises=2)
    draw = Given(noise, torch.rand(40))
    for mix_step in (0, 1):
        recorder = Recorder(model)
        smoothmix.objective(recorder, images, labels, draw, epoch, steps=3, alpha=0.8, warmup=5, mix_step=mix_step)
        clean, mixed = recorder.inputs[-2:]  # after the attack's
        lengths = (clean - noise - images.repeat_interleave(2, dim=0)).flatten(1).norm(dim=1)
        assert len(recorder.inputs) == 5 and all(recorder.modes[-1])
        assert lengths.max() < 1e-5 if mix_step == 0 else 0.9 * bound < lengths.max() <= bound + 1e-5
        assert (mixed - clean).flatten(1).norm(dim=1).max() > 0.1


def test_smoothmix_teaches_only_what_is_classified_correctly():
    model, images, labels, draw = problem("linear", 2)
    rows = [torch.stack([softmax(row) for row in rows]).mean(dim=0) for rows in forward(model, images, pairs(draw))]
    wrong = torch.stack([(row.argmax() + 1) % CLASSES for row in rows])
    losses = [smoothmix.objective(model, images, wrong, draw, 0, eta=eta)[0].item() for eta in (0.0, 50.0)]
    assert losses[0] == losses[1]


def pairs(draw):
    return [[draw.noise[2 * number], draw.noise[2 * number + 1]] for number in range(IMAGES)]


# --- MACER ----------------------------------------------------------------------------------------------------------------------


def hinge_gradients(rows, labels, dtype, **options):
    """Gradient in each image's scores of MACER's second term; the network hands its images on as scores."""
    images = torch.tensor(rows, dtype=dtype).view(-1, 1, 1, 3).requires_grad_()
    draw = Given(torch.zeros(4 * len(rows), 1, 1, 3, dtype=dtype), None)
    labels = torch.tensor(labels)
    whole = [
        macer.objective(nn.Flatten(), images, labels, draw, 0, noises=4, lbd=lbd, **options)[0] for lbd in (12.0, 0.0)
    ]
    (gradient,) = torch.autograd.grad(whole[0] - whole[1], images)
    return gradient.view(-1, 3), (whole[0] - whole[1]).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_macer_hinge_acts_on_correct_images_within_gamma_alone(dtype):
    rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0], [100.0, 0.0, 0.0], [1.5, 1.0, -1.0]]
    labels = [0, 0, 0, 0, 0]  # correct; wrong; correct with xi > 2; with an infinite xi; correct
    gradient, value = hinge_gradients(rows, labels, dtype, gamma=2.0, beta=1.0)
    assert gradient.isfinite().all()
    assert (gradient[1:4] == 0).all() and (gradient[[0, 4]].abs().max(dim=1).values > 0).all()
    assert gradient[0, 0] < 0 < gradient[0, 1]  # a larger margin, a smaller loss
    expected = 0
    for row in (rows[0], rows[4]):
        first, second = softmax(torch.tensor(row, dtype=torch.float64)).sort(descending=True).values[:2]
        expected += 12 * SIGMA / 2 * (2.0 - (torch.special.ndtri(first) - torch.special.ndtri(second)).item()) / 5
    assert value == pytest.approx(expected, rel=1e-5)
    further, _ = hinge_gradients(rows, labels, dtype, gamma=4.0, beta=1.0)
    assert (further[2] != 0).any() and (further[[1, 3]] == 0).all()


@pytest.mark.parametrize("size", [1.0, 30.0, 1e4, 1e30])
def test_macer_has_no_nan_gradient_with_saturated_probabilities(size):
    torch.manual_seed(0)
    scores = size * torch.randn(200, 3)
    scores[:50, 1:] = scores[:50, :1]  # ties
    images = scores.view(-1, 1, 1, 3).requires_grad_()
    draw = Given(torch.zeros(400, 1, 1, 3), None)
    loss, _ = macer.objective(nn.Flatten(), images, torch.arange(200) % 3, draw, 0, noises=2)
    loss.backward()
    assert loss.isfinite() and images.grad.isfinite().all()


def test_macer_defers_its_hinge():
    model, images, labels, draw = problem("linear", 4)
    losses = [
        macer.objective(model, images, labels, draw, epoch, noises=4, gamma=4.0, beta=1.0, deferred=3)[0].item()
        for epoch in (0, 2, 3, 4)
    ]
    plain = macer.objective(model, images, labels, draw, 0, noises=4, lbd=0.0)[0].item()
    assert losses[0] == losses[1] == plain and losses[2] == losses[3] > plain


# --- precision ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_bfloat16_gives_every_parameter_a_gradient(case):
    method, noises, options = CASES[case]
    torch.manual_seed(0)
    model = rs.models.build("resnet8", 10, 1, 8)
    images, labels = torch.rand(8, 1, 8, 8), torch.arange(8)
    draw = Given(0.25 * torch.randn(8 * noises, 1, 8, 8), torch.rand(8))
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = OBJECTIVES[method](model, images, labels, draw, 5, **options)
    loss.backward()
    assert loss.isfinite()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


def test_attacks_and_losses_stay_in_float32_under_bfloat16():
    """Scores of eight bits are summed up in float32, and adversarial images keep the precision of the images."""
    model, images, labels, noise = attack_problem(noises=2)
    with torch.autocast("cpu", torch.bfloat16):
        assert attacks.attack_smoothed(model, images, labels, noise, 0, 0.5, 2).dtype == torch.float32
        for objective, options in ((consistency.objective, {}), (smoothadv.objective, {"attack": PGD, "noises": 2})):
            loss, scores = objective(model, images, labels, Given(noise, None), 0, **options)
            assert loss.dtype == scores.dtype == torch.float32
