"""Small runs for the exhibits of the slides on input-dependent smoothing: planted certificates, logs, images and DDRS claims."""

import numpy as np
import pandas as pd
from exhibits import synthetic
from scipy import special

from resmooth import storage

LOG_COLUMNS = ["file", "repository", "dataset", "arch", "training", "sigma_train", "sigma_certify"]
LOG_COLUMNS += ["idx", "label", "predict", "radius", "correct"]

APART = 8 * 5 / 255  # l2 distance of two images whose numbers differ by one


def levels(folder, radii, sigmas=(0.25, 0.5), logs=None, images=20):
    """A run of one network at each level: `radii(sigma)` -> [N] in units of sigma (see synthetic.certify); published `logs`."""
    run = synthetic.run(folder, seeds=1, sigmas=sigmas, images=images)
    synthetic.certify(run, lambda case, kind, number: radii(case.level))
    logs = pd.DataFrame(columns=LOG_COLUMNS) if logs is None else logs
    with storage.atomic(run.paths.published_logs) as temporary:
        logs.to_parquet(temporary)
    return run


def log(sigma, radius, repository="locuslab/smoothing", dataset="cifar10", arch="resnet110", correct=1) -> pd.DataFrame:
    """A published log with these radii [N]; labels are the images' numbers mod 10."""
    index = np.arange(len(radius))
    about = {
        "file": f"{repository}/{dataset}/{arch}/{sigma}",
        "repository": repository,
        "dataset": dataset,
        "arch": arch,
    }
    about |= {"training": "gaussian", "sigma_train": sigma, "sigma_certify": sigma}
    frame = pd.DataFrame(
        {"idx": index, "label": index % 10, "predict": index % 10, "radius": radius, "correct": correct}
    )
    return frame.assign(**about)[LOG_COLUMNS]


def by_claim(findings) -> dict:
    """claim -> finding, observations left out. Each claim is there once, and no text holds a nan."""
    found = {each.claim: each for each in findings if each.claim}
    assert len(found) == sum(bool(each.claim) for each in findings)
    assert not [each.reason for each in findings if "nan" in each.reason.split() or "(nan" in each.reason]
    return found


def comparison(folder, radii, distance=None, ddrs=None, bases=(0.25,), images=20, rate=0.1):
    """A run with all that the exhibits on sigma(x) read.

    radii(role, base) -> [N] radii in units of the image (negative: wrong), role "constant", "mean", "idrs_mean" or "idrs".
    distance          d_k of each image [N]; sigma(x) = base * exp(rate * (distance - 1)). Default: 0.5 to 1.5
    ddrs(base)        levels that DDRS chose [N]; default: all `base`

    Images are grey 8 x 8 pictures, numbered by brightness: neighbours lie APART. RS at the mean level is at 1.04 * base.
    """
    section = {"architecture": "resnet8", "recipe": "gaussian", "k": 5, "rate": rate, "m": 1.0}
    section |= {"sigmas": {base: round(1.04 * base, 6) for base in bases}}
    section |= {"ddrs": {"iterations": 1, "learning_rate": 0.1, "samples": 1}}
    run = synthetic.run(folder, seeds=1, sigmas=bases, images=images, idrs=section)
    distance = np.linspace(0.5, 1.5, images) if distance is None else np.asarray(distance)
    roles = {name: role for role, name in run.idrs.items()}
    for case in run.cases:
        role, name = roles[case.experiment.name], case.experiment.name
        base = float(case.sigma) / (1.04 if role == "mean" else 1)
        sigma = base * np.exp(rate * (distance - 1)) if role.startswith("idrs") else np.full(images, case.level)
        planted = np.asarray(radii(role, round(base, 6)), dtype=float)
        frame = synthetic.certificates(run, case, np.where(planted < 0, planted, planted / case.level))
        frame = frame.assign(sigma=sigma, p_lower=special.ndtr(np.maximum(planted, 0) / sigma))
        storage.write_certificates(run.paths.certificates(name, case.sigma, "member-1"), frame)
        if role == "constant":
            levels = np.full(images, base) if ddrs is None else np.asarray(ddrs(base), dtype=float)
            _claim(run.paths.measured("ddrs", name, case.sigma), frame.assign(sigma=levels))
    pixels = np.broadcast_to(5 * np.arange(images)[:, None, None, None], (images, 8, 8, 1)).astype(np.uint8)
    with storage.atomic(run.paths.data("test")) as temporary:
        np.savez(temporary.with_suffix(".npz"), images=pixels, labels=np.arange(images) % 10)
        temporary.with_suffix(".npz").rename(temporary)
    return run


def _claim(path, frame) -> None:
    """Claims of DDRS at p = 0.9, for all images right."""
    claims = frame.assign(correct=1, predict=frame.label, p_lower=0.9, claimed_radius=frame.sigma * special.ndtri(0.9))
    claims = claims.assign(memory_claimed_radius=claims.claimed_radius)
    with storage.atomic(path) as temporary:
        claims.to_csv(temporary, sep="\t", index=False)
