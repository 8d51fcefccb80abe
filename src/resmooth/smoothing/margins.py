"""Means and covariances of the members' margins under shared noise: what the variance model of ensembles is fitted to."""

import torch

from resmooth.smoothing.sampling import ANALYSIS, evaluation_mode, noise_batches, stream

COLUMNS = ["idx", "label", "half", "draws", "top", "runner_up", "mean", "covariance"]


def margin_rows(smoothed, image, n, seed, index, label):
    """Margin statistics of the members of an Ensemble at one image [C, H, W], from n noise draws that all members share.

    The draws are cut in half: the top class and the runner-up (the two largest mean scores of the soft ensemble) are chosen
    on the first half, and each half gives one row, so that a model fitted to one can be tested on the other. `mean` [L] and
    `covariance` [L * L, row by row] are over the draws of that half. Returns two dicts with the keys COLUMNS.
    """
    if n < 4:
        raise ValueError(f"margin statistics need at least 4 draws, got {n}")
    generator = stream(seed, index, ANALYSIS, smoothed.device)
    image = image.to(smoothed.device, torch.float32)
    with torch.inference_mode(), evaluation_mode(smoothed.classifier):
        batches = noise_batches(smoothed.noise, n, image.shape, smoothed.batch_size, generator)
        scores = torch.cat([smoothed.classifier.member_scores(noise.add_(image)) for noise in batches], dim=1)
    halves = scores.double().cpu().split([n // 2, n - n // 2], dim=1)  # each [L, draws, K]
    top, runner_up = halves[0].mean(dim=(0, 1)).topk(2).indices.tolist()
    rows = []
    for number, half in enumerate(halves, start=1):
        margins = half[:, :, top] - half[:, :, runner_up]
        covariance = torch.atleast_2d(torch.cov(margins)).flatten().tolist()
        values = (index, int(label), number, half.shape[1], top, runner_up, margins.mean(dim=1).tolist(), covariance)
        rows.append(dict(zip(COLUMNS, values)))
    return rows
