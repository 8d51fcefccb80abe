"""Votes per image that certifying a pre-set radius takes: every rule of `resmooth.smoothing.sequential` on the same images.

    python benchmarks/bench_samples.py

The images are described by the probabilities of their classes: those of CIFAR-10 at sigma 1 from published logs (looked for below
$RESMOOTH_MIRROR, else the cache of `resmooth audit`), and those of this project's own soft-5 ensembles, by their shares of the
votes, where counts files lie below results/. A log knows the top class alone: the rest goes to a second class, and an image on
which it abstains, of which p_A is at most about 1/2, is set to 1/2, which is hard on every rule. Votes are drawn from these.
Prints a table and writes results/benchmarks/samples.json.
"""

import functools
import os
import time
from pathlib import Path

import numpy as np
from scipy import special, stats

from resmooth import storage
from resmooth.audit import logs
from resmooth.smoothing import sequential

ROOT = Path(__file__).parent.parent
RADII = (0.5, 1.0, 1.5)  # in units of sigma
ALPHA, SEED, MAX_IMAGES = 0.001, 0, 10_000
ADAPTIVE = "CertifyAdp 1000/10000/125000"
RULES = {
    ADAPTIVE: sequential.certify_adaptive,
    "CertifyAdp 100/1000/10000/120000": functools.partial(
        sequential.certify_adaptive, stages=(100, 1000, 10_000, 120_000)
    ),
    "union bound": sequential.certify_union_bound,
    "confidence sequence": sequential.certify_confidence_sequence,
    "confidence sequence, beta 0.0001": functools.partial(sequential.certify_confidence_sequence, beta=0.0001),
    "confidence sequence, n 125000": functools.partial(sequential.certify_confidence_sequence, n=125_000),
}


def log_probabilities(entry):
    """Probabilities [N, 2] of a published log: of n = 100,000 votes, the count that its printed radius was computed from."""
    n = 100_000
    log = logs.read_log(entry, ROOT / logs.CACHE, os.environ.get("RESMOOTH_MIRROR"))
    p_lower = special.ndtr(log.radius.to_numpy() / float(entry["sigma_certify"]))
    count = (
        stats.binom.isf(ALPHA, n, p_lower) + 1
    )  # Clopper-Pearson backwards: P(at least count votes | p_lower) = alpha
    p_a = np.where(log.predict == -1, 0.5, np.clip(count / n, 0.5, 1.0))
    return np.stack([p_a, 1 - p_a], axis=1)


def count_probabilities(folder):
    """Probabilities [N, K] of the soft-5 ensemble in a folder of counts files: each class's share of the votes."""
    frame, _ = storage.read_counts(folder.glob("*.parquet"))
    counts = np.array(frame.counts[frame.classifier == "soft-5"].tolist())
    return counts / counts.sum(axis=1, keepdims=True)


def images():
    """name -> class probabilities [N, K] of every set of images at hand."""
    table = logs.read_logs_table(ROOT / "claims" / "published_logs.tsv")
    table = table[(table.dataset == "cifar10") & (table.sigma_train == table.sigma_certify)]
    table = table[(table.sigma_certify.astype(float) == 1) & (table.rows == 10_000)]
    sets = {}
    for entry in table.to_dict("records"):
        try:
            sets[f"cifar10 sigma 1 {entry['arch']} {entry['training']} ({entry['file']})"] = log_probabilities(entry)
        except (OSError, ValueError) as error:
            print(f"left out: {error}")
    for folder in sorted(ROOT.glob("results/*/counts/*/sigma=*")):
        try:
            sets[" ".join([folder.parts[-4], *folder.parts[-2:], "soft-5"])] = count_probabilities(folder)
        except (OSError, ValueError) as error:
            print(f"left out: {error}")
    return {name: probabilities for name, probabilities in sets.items() if len(probabilities)}


def compare(probabilities, seed=SEED):
    """Run every rule on images with class probabilities [N, K] at every radius. Returns one dict for each (rule, radius)."""
    p_a, rows = probabilities.max(axis=1), []
    for radius in RADII:
        threshold, reference = special.ndtr(radius), None
        for name, rule in RULES.items():
            generator = np.random.default_rng(seed)
            draw = lambda images, size, purpose: generator.multinomial(size, probabilities[images])  # noqa: B023, E731
            start = time.perf_counter()
            decisions = rule(draw, len(p_a), threshold, alpha=ALPHA)
            certified = decisions.certified
            reference = certified if reference is None else reference
            rows.append(
                {
                    "rule": name,
                    "radius": radius,
                    "mean_samples": float(decisions.samples.mean()),
                    "median_samples": float(np.median(decisions.samples)),
                    "sample_reduction_factor": float(sequential.sample_reduction_factor(decisions)),
                    "certified": float(certified.mean()),
                    "agrees_with_adaptive": float(np.mean(certified == reference)),
                    "agrees_with_truth": float(np.mean(certified == (p_a > threshold))),
                    "false_certificates": int(np.sum(certified & (p_a <= threshold))),
                    "stages": sequential.stage_shares(decisions).round(6).tolist(),
                    "seconds": time.perf_counter() - start,
                }
            )
    return rows


def summary(rows):
    """rule -> means over the radii, with the votes of CertifyAdp over the rule's own as `ratio`."""
    result = {}
    for name in RULES:
        mine = [row for row in rows if row["rule"] == name]
        keys = ("mean_samples", "certified", "agrees_with_adaptive", "agrees_with_truth")
        result[name] = {key: float(np.mean([row[key] for row in mine])) for key in keys}
        result[name]["false_certificates"] = sum(row["false_certificates"] for row in mine)
        result[name]["ratio"] = result[ADAPTIVE]["mean_samples"] / result[name]["mean_samples"]
    return result


def measure():
    """Compare the rules on all sets of images at hand and print a table of each. Returns everything, JSON-able."""
    report = {}
    for name, probabilities in images().items():
        probabilities = probabilities[:MAX_IMAGES]
        rows = compare(probabilities)
        report[name] = {"images": len(probabilities), "summary": summary(rows), "rows": rows}
        print(f"\n{name}: {len(probabilities)} images, alpha {ALPHA}")
        print(f"{'votes per image at radius/sigma':34s}" + "".join(f"{radius:9}" for radius in RADII), end="")
        print("     mean   ratio  certified  as Adp  as truth  false")
        for rule, mean in report[name]["summary"].items():
            print(f"{rule:34s}", end="")
            print("".join(f"{row['mean_samples']:9.0f}" for row in rows if row["rule"] == rule), end="")
            print(f"{mean['mean_samples']:9.0f} {mean['ratio']:6.2f}x {mean['certified']:9.2%}", end="")
            print(
                f" {mean['agrees_with_adaptive']:8.2%} {mean['agrees_with_truth']:8.2%} {mean['false_certificates']:6d}"
            )
    return report


if __name__ == "__main__":
    storage.write_json(ROOT / "results" / "benchmarks" / "samples.json", measure())
