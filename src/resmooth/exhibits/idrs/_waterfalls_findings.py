"""What idrs/waterfalls says of the claims: the ceiling, and the fall before it."""

import math

import pandas as pd
from scipy import special

from resmooth.audit.checks import radius_ceiling
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels
from resmooth.exhibits.idrs._waterfalls_numbers import beyond, cases
from resmooth.stats.decisions import every, in_words
from resmooth.stats.intervals import paired_bounded

TAIL = 0.1  # the last tenth of the radii, up to the ceiling


def findings(frames: Frames) -> list[Finding]:
    """The ceiling and the fall before it on this run; what each source shows; what sets the ceiling."""
    images, ceilings = frames["images"], frames["ceilings"]
    own, *others = ceilings.source.unique()
    mine = {sigma: part for (source, sigma, *_), part in cases(images) if source == own}
    found = [_ends_at_ceiling(mine), _falls_at_its_end(mine)]
    found += [observation(_seen(images, ceilings, source)) for source in (own, *others)]
    found += [observation(text) for text in (_levels_of_logs(ceilings, own), _what_sets_it(ceilings)) if text]
    return [
        *found,
        observation(
            "Not resolved: how robust the images at a ceiling are beyond it, since such a certificate cannot say; and whether "
            "another training run would drop as far, since one network stands for each sigma. The slides' picture itself was not "
            "available: its data and levels are not compared."
        ),
    ]


def _ends_at_ceiling(mine: dict[float, pd.DataFrame]) -> Finding:
    """No radius beyond the ceiling, at any level of this run: a count, not an estimate."""
    most = max((part.radius / part.ceiling).max() for part in mine.values())
    certified = sum((part.radius > 0).sum() for part in mine.values())
    beyond_it = sum((part.radius > part.ceiling * (1 + 1e-9)).sum() for part in mine.values())
    reason = (
        f"Of {certified:,} radii at {len(mine)} level{'s' * (len(mine) > 1)} {beyond_it or 'none'} lie beyond sigma "
        f"Phi^-1(alpha^(1/n)); the largest is {most:.3f} of it. Counted, without an interval: all images, not a sample of them."
    )
    if not certified:
        return Finding("idrs-waterfall_ceiling", "not resolved", "Nothing is certified at any level of this run.")
    return Finding(
        "idrs-waterfall_ceiling", "fails" if beyond_it else "holds", reason, most, most, most, "of the ceiling"
    )


def _falls_at_its_end(mine: dict[float, pd.DataFrame]) -> Finding:
    """Whether a curve loses more in the last tenth of the radii than the tenth that a straight line would lose there."""
    late = {
        sigma: (part.correct & (part.counted >= (1 - TAIL) * part.ceiling)) - TAIL * part.correct
        for sigma, part in mine.items()
    }
    decided = every(late, "above", paired_bounded)
    lost = [
        f"{100 * (each + TAIL * mine[sigma].correct).mean():.0f} of {100 * mine[sigma].correct.mean():.0f} %"
        for sigma, each in late.items()
    ]
    reason = (
        f"Certified accuracy lost in the last tenth of the radii, at sigma {', '.join(f'{s:g}' for s in mine)}: "
        f"{', '.join(lost)} ({len(next(iter(mine.values())))} images); more than a tenth of the whole is asked, and sigma "
        f"{decided.case:g} decides."
    )
    return Finding("idrs-waterfall_drop", decided.verdict, reason, *decided.estimate.times(100), "points above a tenth")


def _seen(images: pd.DataFrame, ceilings: pd.DataFrame, source: str) -> str:
    """What happens at each ceiling of one source, and what the next larger sigma certifies there, in words."""
    ends = []
    for row in ceilings[ceilings.source == source].itertuples():
        if row.value > 0:
            fall = f"{row.value:.0f} % ({row.low:.0f} to {row.high:.0f} %)"
            ends.append(f"at sigma {row.sigma:g} from {fall} to 0 at r = {row.ceiling:.3f}")
        else:
            last = f"the largest radius is {row.largest:.3f}" if row.largest else "none is certified at all"
            none = f"no image is at the ceiling of {row.ceiling:.3f} (at most {row.high:.1f} %)"
            ends.append(f"at sigma {row.sigma:g} {none}, and {last}")
    text = f"{source[0].upper() + source[1:]}: the curve falls {'; '.join(ends)}."
    places = ceilings[ceilings.source == source].set_index("sigma").ceiling
    more = [
        f"sigma {larger:g} {in_words(gain, unit=' points')} at r = {places[smaller]:.3f}"
        for (smaller, larger), gain in beyond(images, source).items()
    ]
    return text + (f" The next larger sigma against it there, on the same images: {'; '.join(more)}." if more else "")


def _levels_of_logs(ceilings: pd.DataFrame, own: str) -> str:
    """Logs made at another alpha than the paper states, in words; "" if there is none."""
    odd = ceilings[ceilings.told & (ceilings.source != own) & (ceilings.alpha != _levels.ALPHA)]
    if odd.empty:
        return ""
    places = [f"{source} at sigma {', '.join(f'{s:g}' for s in part.sigma)}" for source, part in odd.groupby("source")]
    text = f"Found in the logs: the paper states alpha = {_levels.ALPHA:g}; made at "
    text += f"{', '.join(f'{a:g}' for a in sorted(odd.alpha.unique()))}, with higher ceilings: {'; '.join(places)}."
    untold = [f"{row.source} at sigma {row.sigma:g}" for row in ceilings[~ceilings.told].itertuples()]
    return text + (f" Not told by its log: {'; '.join(untold)}." if untold else "")


def _what_sets_it(ceilings: pd.DataFrame) -> str:
    """The ceiling in units of sigma, and how many samples twice as high a one would take; how many curves reach theirs."""
    n, alpha = int(ceilings.n.max()), ceilings.alpha.min()
    z = radius_ceiling(1, n, alpha)
    more = math.log(alpha) / special.log_ndtr(2 * z)
    fallen = (ceilings.value > 0).sum()
    text = (
        f"What sets the ceiling is n and alpha, not the network: {z:.2f} sigma at n = {n:,} and alpha = {alpha:g}. Twice as "
        f"high a ceiling would take n = {more:.0e} samples for each image. Curves that drop to 0 at their ceiling: {fallen} of "
        f"{len(ceilings)}."
    )
    ended = len(ceilings) - fallen
    return text + (f" Curves that end before it, no image having all votes for its class: {ended}." if ended else "")
