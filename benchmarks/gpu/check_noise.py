"""Noise drawn on the device against noise drawn on the CPU."""

import functools

import numpy as np
import torch
from gpu.common import ALPHA, CPU, finding, from_one_law, homogeneity, images_of, noise_of
from scipy import stats

import resmooth as rs
from resmooth.noise import grid


def check_family(name, device, size):
    """Of each vector one coordinate, the mean size and the largest size: one law on both, by chi-square over 32 quantiles."""
    noise, groups = noise_of(name, size), []
    for samples in zip(statistics(noise, CPU, 0, size), statistics(noise, device, 1, size)):
        edges = np.unique(np.quantile(np.concatenate(samples), np.linspace(0, 1, 33)[1:-1]))
        cells = [np.searchsorted(edges, sample, side="right") for sample in samples]
        groups.append([homogeneity(*(np.bincount(each, minlength=len(edges) + 1) for each in cells))])
    return from_one_law(groups, f"{noise.label} noise, {size.vectors} vectors")


def statistics(noise, device, seed, size):
    """What is compared, of noise on one image: float64 [3, vectors]."""
    images = images_of(size, 1).to(device).expand(size.vectors, -1, -1, -1)
    levels = {"levels": np.full(size.vectors, noise.sigma)} if noise.input_dependent else {}
    drawn = noise.perturbation(images, torch.Generator(device).manual_seed(seed), **levels).flatten(1)
    if not drawn.isfinite().all():
        raise ValueError(f"{noise.label} noise on {device}: a coordinate is not finite")
    return torch.stack([drawn[:, 0], drawn.abs().mean(dim=1), drawn.abs().amax(dim=1)]).cpu().double().numpy()


def check_exact(device, size):
    """Exact arithmetic: words decide steps as on the CPU, bit for bit; steps have the thresholds' law; sums lie on the grid."""
    noise, image = noise_of("normal", size, arithmetic="exact"), images_of(size, 1)[0].to(device)
    words = torch.from_numpy(np.random.default_rng(0).integers(-(2**63), 2**63, 100_000))
    on_device, on_cpu = (grid._count(words.to(where), noise.scale, noise.grid).cpu() for where in (device, CPU))
    same = torch.equal(on_device, on_cpu)
    noisy = noise.noisy(image, 2 + 10 * size.vectors // noise.dim, torch.Generator(device).manual_seed(2)) * noise.grid
    steps = noisy.round()
    off = (noisy - steps).abs().max().item()
    p = fit((steps - grid.image_steps(image, noise.grid)).flatten().long().cpu().numpy(), noise)
    return finding(
        f"equal steps from equal words; sums on the grid; steps of the thresholds' law, p above {ALPHA:g}",
        f"{'equal' if same else 'DIFFERENT'} steps; {off:.1g} steps off the grid; p = {p:.2g}",
        same and off < 0.01 and p > ALPHA,
    )


def fit(steps, noise):
    """p-value of the chi-square test that `steps` are drawn as the thresholds say."""
    edges = grid.thresholds(noise.scale, noise.grid).astype(object) + 2**63
    masses = np.diff(np.array([0, *edges, 2**64], dtype=object)).astype(float) / 2.0**64
    seen, wanted = np.bincount(steps + len(edges) // 2, minlength=len(masses)), masses * len(steps)
    common = wanted >= 20
    return stats.chisquare(*(np.append(each[common], each[~common].sum()) for each in (seen, wanted))).pvalue


def check_without_chance(device, size):
    """What no chance decides is equal bit for bit: the copies of dssn, and the levels of idrs."""
    dssn, idrs, images = noise_of("dssn", size), noise_of("idrs", size), images_of(size, 60)
    copies = [dssn.copies(images[0].to(where), 0, dssn.passes).cpu() for where in (CPU, device)]
    levels = [idrs.on(images, where).levels(images, without_itself=True) for where in (CPU, device)]
    equal = torch.equal(*copies), np.array_equal(*levels)
    words = ["equal" if each else "DIFFERENT" for each in equal]
    return finding("equal copies (dssn), equal levels (idrs)", f"{words[0]} copies, {words[1]} levels", all(equal))


CHECKS = {
    "noise in exact arithmetic": check_exact,
    "noise without chance": check_without_chance,
    **{f"noise {name}": functools.partial(check_family, name) for name in rs.noise.NOISES},
}
