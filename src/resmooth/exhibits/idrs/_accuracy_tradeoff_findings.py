"""What idrs/accuracy_tradeoff says of the claims: accuracy lost and radii gained from level to level."""

from collections.abc import Iterator

import pandas as pd

from resmooth.audit.checks import radius_ceiling
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels
from resmooth.exhibits.idrs._accuracy_tradeoff_numbers import RADII, clean, pairs, wide
from resmooth.stats.decisions import every, in_words
from resmooth.stats.intervals import paired_shares

KINDS = {
    ("falls", "rises"): "a trade-off, accuracy for radius",
    ("falls", "falls"): "a loss of both",
    ("rises", "rises"): "a gain of both",
    ("falls", "not resolved"): "accuracy lost, a gain in ACR not resolved",
    ("not resolved", "rises"): "ACR gained, a loss of accuracy not resolved",
}


def findings(frames: Frames) -> list[Finding]:
    """Accuracy lost and radii gained from level to level on this run; then what each source shows."""
    images, sources = frames["images"], list(frames["series"].source)
    found = _tradeoff(pairs(images, sources[0]), images)
    found += [observation(_in_words(frames, source)) for source in sources]
    kinds = [kind for source in sources for *_, kind in _kinds(frames["steps"], source)]
    if kinds:
        tally = "; ".join(f"{kind} ({count})" for kind, count in pd.Series(kinds, dtype=object).value_counts().items())
        text = f"Steps to a larger sigma, all sources: {tally}."
        if KINDS["falls", "falls"] in kinds:
            text += " Where both fall, the votes lost outweigh the larger sigma: no radius is bought there, on average."
        found.append(observation(text))
    return [
        *found,
        observation(
            "Not resolved: steps marked so; and the luck of a training run, since one network stands for each sigma and the "
            "intervals are over images. ACR also depends on n: a larger n would raise it most where many images are at their "
            "ceiling, at small sigma (exhibit `waterfalls`). The slides' picture itself was not available: its data and levels "
            "are not compared."
        ),
    ]


def _tradeoff(steps_here: dict, images: pd.DataFrame) -> list[Finding]:
    """The two sides of the trade-off, at every step of this run."""
    claims = "idrs-tradeoff_accuracy", "idrs-tradeoff_radius"
    if not steps_here:
        return [
            Finding(claim, "not resolved", "This run has one level of sigma: there is no step.") for claim in claims
        ]
    about = f"{len(next(iter(steps_here.values()))[0])} images, paired; one network for each sigma"
    lost = every(steps_here, "below", clean)
    values = "; ".join(f"{a:g} to {b:g} {in_words(clean(*pair))}" for (a, b), pair in steps_here.items())
    reason = f"Clean accuracy in points, from sigma {values} ({about})."
    found = [Finding(claims[0], lost.verdict, reason, *lost.estimate, "points")]
    n, alpha = images.n.iloc[0], images.alpha.iloc[0]
    ceilings = {sigma: radius_ceiling(sigma, n, alpha) for sigma, _ in steps_here}
    beyond = {(a, b): larger > ceilings[a] * (1 + 1e-9) for (a, b), (larger, _) in steps_here.items()}
    gained = every(beyond, "above", _levels.share)
    values = "; ".join(
        f"sigma {b:g} {in_words(_levels.share(each), '.0f', ' %')} beyond {ceilings[a]:.3f}, the ceiling of {a:g}"
        for (a, b), each in beyond.items()
    )
    reason = f"Images certified where the smaller sigma can certify none: {values} ({about})."
    return [*found, Finding(claims[1], gained.verdict, reason, *gained.estimate, "% of images")]


def _kinds(moves: pd.DataFrame, source: str) -> Iterator[tuple]:
    """(smaller, larger, row of clean accuracy, row of ACR, what they make together) of each step of a source."""
    for (smaller, larger), pair in moves[moves.source == source].groupby(["smaller", "sigma"]):
        accuracy, acr = pair.itertuples()
        kind = f"accuracy {accuracy.verdict}, ACR {acr.verdict}"
        yield smaller, larger, accuracy, acr, KINDS.get((accuracy.verdict, acr.verdict), kind)


def _in_words(frames: Frames, source: str) -> str:
    """All steps of one source, and which level certifies most at which radius."""
    name, radii = source.split(":")[0], wide(frames["images"], source)
    parts = [
        f"{smaller:g} to {larger:g} {accuracy.value:+.1f} points ({accuracy.low:+.1f} to {accuracy.high:+.1f}) and ACR "
        f"{acr.value:+.3f} ({acr.low:+.3f} to {acr.high:+.3f}), {kind}"
        for smaller, larger, accuracy, acr, kind in _kinds(frames["steps"], source)
    ]
    name = name[0].upper() + name[1:]
    if not parts:
        return f"{name}: only sigma {radii.columns[0]:g}, so no step, and nothing to trade."
    best = []
    for r in RADII:
        shares = (radii >= r).mean().sort_values(ascending=False, kind="stable")
        if shares.iloc[0] > 0:
            low = paired_shares(radii[shares.index[0]] >= r, radii[shares.index[1]] >= r).low
            best.append(f"r = {r:g}: {shares.index[0]:g}" + " (not resolved from the next)" * bool(low <= 0))
    text = f"{name}: from sigma {'; '.join(parts)}."
    return text + (f" Most certified at {', '.join(best)}." if best else "")
