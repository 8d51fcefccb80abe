"""Means and covariances of the members' margins under shared noise, to which the variance model of ensembles is fitted."""

import torch

from resmooth.measure.driver import Measurement
from resmooth.measure.subject import Subject
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.engine import side_by_side
from resmooth.smoothing.smoothed import Smoothed
from resmooth.smoothing.streams import ANALYSIS

COLUMNS = ["idx", "label", "half", "draws", "top", "runner_up", "mean", "covariance"]


def margins(subject: Subject, n: int = 2000) -> Measurement:
    """Margin statistics of the members from n noise draws that all share: two rows for each image (`margin_rows`)."""
    if n < 4:
        raise ValueError(f"margin statistics need at least 4 draws, got {n}")

    def measure(group):
        rows = []
        for position in group:
            index, label = subject.indices[position], subject.labels[position]
            rows += margin_rows(subject.smoothed, subject.images[position], n, subject.seed, index, label)
        return rows

    groups = side_by_side(subject.smoothed, range(len(subject.indices)), n)
    return Measurement("margins", COLUMNS, subject.identity(n=n), subject.indices, groups, measure)


def margin_rows(smoothed: Smoothed, image: torch.Tensor, n: int, seed: int, index: int, label: int) -> list[dict]:
    """Margin statistics of the members of an Ensemble at one image [C, H, W], from n noise draws that all members share.

    The draws are cut in half: the top class and the runner-up (the two largest mean scores of the soft ensemble) are chosen
    on the first half, and each half gives one row, so that a model fitted to one can be tested on the other. `mean` [L] and
    `covariance` [L * L, row by row] are over the draws of that half. Returns two dicts with the keys COLUMNS.
    """
    if n < 4:
        raise ValueError(f"margin statistics need at least 4 draws, got {n}")
    stream, parts = smoothed.stream(image, seed, index, ANALYSIS), []
    with torch.inference_mode(), evaluation_mode(smoothed.classifier):
        for start in range(0, n, smoothed.batch_size):
            noisy = smoothed.batch(min(smoothed.batch_size, n - start), image.shape)
            stream.take(noisy)
            parts.append(smoothed.classifier.member_scores(noisy))
        scores = torch.cat(parts, dim=1)
    halves = scores.double().cpu().split([n // 2, n - n // 2], dim=1)  # each [L, draws, K]
    top, runner_up = halves[0].mean(dim=(0, 1)).topk(2).indices.tolist()
    rows = []
    for number, half in enumerate(halves, start=1):
        gaps = half[:, :, top] - half[:, :, runner_up]
        covariance = torch.atleast_2d(torch.cov(gaps)).flatten().tolist()
        values = (index, int(label), number, half.shape[1], top, runner_up, gaps.mean(dim=1).tolist(), covariance)
        rows.append(dict(zip(COLUMNS, values)))
    return rows
