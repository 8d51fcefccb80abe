# %% [markdown]
# # Noise, training method and certified radius: the ImageNet table
# **Source.** Lecture, "Effect of noise $\sigma$ on Certified Robustness vs. Accuracy": ACR (average certified radius)
# and certified accuracy at eight radii of four training methods at $\sigma$ = 0.5 and 1, ImageNet, with $n$ = 100,000
# samples and $\alpha$ = 0.001. More noise: lower accuracy, larger radii.

# %% tags=["parameters"]
audit: str = "results/digits/audit/audit.csv"
certificates: list = []
printed_n: int = 100000
printed_alpha: float = 0.001
figure: str = "sigma_table.png"
table: str = "sigma_table.csv"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.lines import Line2D

from resmooth import bounds, metrics
from resmooth.audit import VERDICTS, radius_ceiling
from resmooth.storage import gather_certificates

plt.style.use("notebooks/resmooth.mplstyle")
claims = pd.read_csv(audit, dtype={"printed": str, "reason": str}).query(
    "source == 'lecture' and item == 'sigma_table'"
)
claims = claims.assign(value=claims.printed.astype(float))
singles = gather_certificates(path for path in certificates if Path(path).stem.startswith("member-"))
run = Path(certificates[0]).parents[3].name
experiments = list(dict.fromkeys(singles.experiment))  # in the order of the configuration
seeds = singles.groupby("experiment").classifier.nunique()[experiments]
images = singles.idx.nunique()
n, alpha = int(singles.n.max()), singles.alpha.max()
have_logs = bool(claims.ours.notna().any())
tally = ", ".join(f"{count} {verdict}" for verdict, count in claims.verdict.value_counts().items())

evidence = "public per-image logs" if have_logs else "nothing: no log is at hand"
Markdown(
    f"**Here.** First the printed table against {evidence}. The verdicts on its {len(claims)} numbers: {tally}. "
    f"Then the same table for the run `{run}`, architecture-recipe (number of seeds): "
    f"{', '.join(f'{name} ({count})' for name, count in seeds.items())}; {images} images instead of 500, n = {n:,} and "
    f"alpha = {alpha:g}. Other data and networks: shapes can be compared, numbers cannot. Radii are in units of the "
    f"[0, 1] image."
)

# %% [markdown]
# **Printed → from the log.** Certified accuracy in %. `~` stands for rounding (truncated, or one unit off), `≠` for a
# real difference, `–` where no log was published and `?` where it could not be fetched; no mark: it rounds to the
# printed number.

# %%
marks = {"reproduced": "", "rounding": " ~", "differs": " ≠", "not derivable": " –", "unchecked": " ?"}
assert set(marks) == set(VERDICTS)


def cell(claim):
    """One entry of the table: printed → re-derived (one digit more) and the verdict's mark."""
    ours = "" if np.isnan(claim.ours) else f" → {claim.ours:.{claim.printed_digits + 1}f}"
    return f"{claim.printed}{ours}{marks[claim.verdict]}"


claims["column"] = ["ACR" if np.isnan(r) else f"r = {r:g}" for r in claims.radius]
claims["entry"] = claims.apply(cell, axis=1)
order = list(dict.fromkeys(claims.column))
rows = claims.set_index(["sigma", "method"])
rows.pivot(columns="column", values="entry").loc[list(dict.fromkeys(rows.index)), order]

# %% [markdown]
# **What the logs say about each ACR**, in the words of the audit: how many images, which $\alpha$, which denominator.

# %%
acrs = claims[claims.metric == "acr"].set_index(["sigma", "method"])
Markdown("\n".join(f"- **{m}, sigma = {s:g}**: {reason}" for (s, m), reason in acrs.reason.items()))

# %% [markdown]
# **Is the ranking resolved?** Each ACR against the best printed one, in standard errors of the difference. The
# audit knows no single images, so rows count as independent samples; rows on the same images (Gaussian, Consistency)
# could be compared more sharply from their logs. A row without a log gets the median standard error of the others at
# its $\sigma$, and a truncated log stands for the full one.

# %%
ranking = acrs[["value", "ours", "standard_error", "images"]].rename(columns={"value": "printed"})
ranking["full_log"] = acrs.full_log_value
ranking["used"] = ranking.full_log.fillna(ranking.ours).fillna(ranking.printed)
error = ranking.standard_error.fillna(ranking.groupby("sigma").standard_error.transform("median"))
best = ranking.groupby("sigma").printed.idxmax()
top = [best[s] for s, _ in ranking.index]
ranking["best"] = ranking.printed.loc[top].to_numpy()
ranking["best_minus_it"] = ranking.best - ranking.used
ranking["its_error"] = np.hypot(error, error.loc[top].to_numpy()).where(ranking.index != pd.Index(top))
ranking["in_errors"] = ranking.best_minus_it / ranking.its_error
ranking.round(3)

# %% [markdown]
# **This run.** Single models: the mean over the seeds, in brackets the standard error over the images (of one model)
# and the standard deviation between seeds. The two ACRs have different denominators and are not comparable with each
# other; abstentions count as errors in all columns but their own.

# %%
ceilings = {s: radius_ceiling(s, n, alpha) for s in sorted(singles.sigma.unique())}
highest = max(ceilings.values())
radii = np.arange(0, highest, 0.25 if highest < 2 else 0.5)


def measures(frame):
    """Every column of the table for one model: {(metric, radius): (value, standard error over the images)}."""
    found = {
        (f"ACR over {over}", np.nan): (metrics.acr(frame, over), metrics.acr_se(frame, over))
        for over in ("all", "correct")
    }
    rate = metrics.abstention_rate(frame)
    found["abstention", np.nan] = rate, np.sqrt(rate * (1 - rate) / len(frame))
    curve = zip(radii, metrics.certified_accuracy(frame, radii), metrics.certified_accuracy_se(frame, radii))
    return found | {("certified accuracy", r): values for r, *values in curve}


models = pd.DataFrame(
    [
        (*key, metric, radius, *values)
        for key, frame in singles.groupby(["sigma", "experiment", "classifier"])
        for (metric, radius), values in measures(frame).items()
    ],
    columns=["sigma", "method", "classifier", "metric", "radius", "value", "standard_error"],
)
by = ["sigma", "method", "metric", "radius"]
ours = models.groupby(by, dropna=False, sort=False).agg(
    value=("value", "mean"), standard_error=("standard_error", "mean"), sd_of_seeds=("value", "std")
)
ours = ours.reset_index()
ours["column"] = [
    m if np.isnan(r) else f"r = {r:g}" if r else "clean accuracy (r = 0)" for m, r in zip(ours.metric, ours.radius)
]
ours["entry"] = [
    f"{v:.3f} ({e:.3f}; {'–' if np.isnan(s) else f'{s:.3f}'})"
    for v, e, s in zip(ours.value, ours.standard_error, ours.sd_of_seeds)
]
rows = ours.pivot(index=["sigma", "method"], columns="column", values="entry")
rows.loc[[(s, e) for s in ceilings for e in experiments if (s, e) in rows.index], list(dict.fromkeys(ours.column))]

# %% [markdown]
# **Does the training method matter?** The lecture prints Gaussian augmentation below every other method of its
# table (Stability is not in it, and lies below Gaussian in the published logs on CIFAR-10). Here each method's ACR
# over all images minus that of Gaussian augmentation with the same architecture and noise, on the same images
# (means over the seeds first): the 95 % interval is over the images, networks fixed. `sd_of_seeds` is the standard
# deviation of Gaussian's own ACR from seed to seed: what a difference between single networks has to exceed before
# it speaks of the method rather than of its draw.

# %%
per_image = singles.assign(certified=singles.radius * singles.correct)
per_image = per_image.groupby(["sigma", "experiment", "idx"]).certified.mean().unstack("idx")
spread = ours[ours.metric == "ACR over all"].set_index(["sigma", "method"]).sd_of_seeds
comparison = []
for s, e in rows.index:
    reference = f"{e.split('-')[0]}-gaussian"
    if e == reference or (s, reference) not in rows.index:
        continue
    difference = per_image.loc[s, e] - per_image.loc[s, reference]
    mean, half = difference.mean(), 1.96 * difference.std() / np.sqrt(len(difference))
    verdict = "not resolved" if abs(mean) < half else "above" if mean > 0 else "below"
    comparison.append((s, e, mean, mean - half, mean + half, verdict, spread[s, reference]))
columns = ["sigma", "method", "acr_minus_gaussian", "low", "high", "verdict", "sd_of_seeds"]
comparison = pd.DataFrame(comparison, columns=columns).sort_values(
    ["sigma", "method"], key=lambda column: column.map(experiments.index) if column.name == "method" else column
)
comparison.set_index(["sigma", "method"]).round(3)

# %% [markdown]
# **Curves of this run**: the mean over the seeds, with the Clopper-Pearson interval that so many images give one model
# (a little too wide for a mean over seeds, and never of width zero).

# %%
curves = []
for (s, method), frame in singles.groupby(["sigma", "experiment"]):
    grid = np.linspace(0, ceilings[s], 120)
    size = frame.idx.nunique()
    mean = np.mean([metrics.certified_accuracy(f, grid) for _, f in frame.groupby("classifier")], axis=0)
    low, high = (
        bounds.clopper_pearson(round_(mean * size).clip(0, size), size, 0.025, side)
        for side, round_ in (("lower", lambda x: np.floor(x + 1e-9)), ("upper", lambda x: np.ceil(x - 1e-9)))
    )
    values = {"radius": grid, "value": 100 * mean, "low": 100 * low, "high": 100 * high}
    curves.append(
        pd.DataFrame(
            {"part": "this run, curve", "sigma": s, "method": method, "metric": "certified accuracy", **values}
        )
    )
curves = pd.concat(curves)
claimed = claims[["sigma", "method", "metric", "radius", "value", "ours", "ci_low", "ci_high", "images", "verdict"]]
claimed = claimed.rename(columns={"value": "printed", "ours": "value", "ci_low": "low", "ci_high": "high"})
claimed = claimed.merge(
    ranking.full_log.reset_index().assign(metric="acr"), how="left", on=["sigma", "method", "metric"]
)
differences = comparison.rename(columns={"acr_minus_gaussian": "value"})
differences = differences.assign(part="this run, ACR minus Gaussian's", metric="acr difference")
parts = [claimed.assign(part="ImageNet"), ours.drop(columns=["column", "entry"]).assign(part="this run, table")]
parts += [curves, *([differences] if len(differences) else [])]
pd.concat(parts, ignore_index=True).to_csv(table, index=False)

# %% [markdown]
# **The figure.** Above, the points of one radius stand side by side so that their intervals can be told apart; all
# radii beyond the ceiling, the largest that $n$ samples can certify, are 0 and left out.

# %%
lecture_sigmas, methods = sorted(claims.sigma.unique()), list(dict.fromkeys(claims.method))
look = {m: {"color": f"C{i}", "marker": "os^D"[i % 4]} for i, m in enumerate(methods)}
no_log = " (no log)" * have_logs
fig = plt.figure(figsize=(12, 9))
upper, lower = fig.subfigures(2, 1)
source = (
    "printed (rings) and re-derived from logs (dots, 95 %)" if have_logs else "printed values alone: no log is at hand"
)
upper.suptitle(f"ImageNet, ResNet-50: {source}", x=0.01, ha="left", weight="bold", fontsize=11)
*panels, forest = upper.subplots(1, len(lecture_sigmas) + 1)
for ax, s in zip(panels, lecture_sigmas):
    ceiling = radius_ceiling(s, printed_n, printed_alpha)
    for i, m in enumerate(methods):
        part = claims.query("sigma == @s and method == @m and radius <= @ceiling")
        x = part.radius + (i - (len(methods) - 1) / 2) * 0.03 * ceiling
        ax.plot(
            x,
            part.value,
            ls="none",
            ms=7,
            mfc="none",
            mew=1.2,
            label=m + no_log * (not part.ours.notna().any()),
            **look[m],
        )
        ax.errorbar(
            x, part.ours, [part.ours - part.ci_low, part.ci_high - part.ours], ls="none", ms=3, lw=1.2, **look[m]
        )
    ax.axvline(ceiling, color="0.4", ls=":", lw=1.2)
    ax.text(ceiling, 64, f"ceiling {ceiling:.2f} ", ha="right", va="top", color="0.3", fontsize=8)
    ax.set(
        title=f"$\\sigma$ = {s:g}",
        ylim=(0, 66),
        xlim=(-0.08 * ceiling, 1.03 * ceiling),
        xlabel="radius r [units of the [0, 1] image]",
    )
panels[0].set_ylabel("certified accuracy at r [%]")
panels[0].legend(loc="lower left")

for row, ((s, m), values) in enumerate(acrs.iterrows()):
    y = -row - 0.8 * lecture_sigmas.index(s)
    forest.plot(values.value, y, ls="none", ms=7, mfc="none", mew=1.2, **look[m])
    forest.errorbar(values.ours, y, xerr=1.96 * values.standard_error, ls="none", ms=3, lw=1.2, **look[m])
    forest.plot(ranking.full_log[s, m], y, "x", color="black", ms=7, mew=1.6)
ticks = [-row - 0.8 * lecture_sigmas.index(s) for row, (s, _) in enumerate(acrs.index)]
forest.set_yticks(ticks, [f"{m}, {s:g}" for s, m in acrs.index])
forest.set(title="ACR over all images", xlabel="average certified radius [same units]")
if ranking.full_log.notna().any():
    cross = Line2D([], [], color="black", marker="x", ls="none", ms=7, mew=1.6)
    forest.legend([cross], ["full log, same model"], loc="upper right")

lower.suptitle(
    f"This run ({run}): single models, mean over their seeds, {images} images",
    x=0.01,
    ha="left",
    weight="bold",
    fontsize=11,
)
*shown, rank = lower.subplots(1, len(ceilings) + 1, width_ratios=[1] * len(ceilings) + [1.1])
style = {e: {"color": f"C{i % 7}", "ls": ["-", "--", "-.", ":"][i % 4]} for i, e in enumerate(experiments)}
for ax, (s, ceiling) in zip(shown, ceilings.items()):
    for e in experiments:
        part = curves[(curves.sigma == s) & (curves.method == e)]
        if len(part):
            ax.plot([*part.radius, ceiling], [*part.value, 0], label=e, lw=1.3, **style[e])
            if len(experiments) < 3:  # more bands than two hide each other; the right panel has every interval
                ax.fill_between(part.radius, part.low, part.high, color=style[e]["color"], alpha=0.18, lw=0)
    ax.set(title=f"$\\sigma$ = {s:g}", ylim=(0, 102), xlim=(0, None), xlabel="radius r [same units]")
shown[0].set_ylabel("certified accuracy at r [%]")

acr_here = ours[ours.metric == "ACR over all"].set_index(["sigma", "method"])
height = {e: -position for position, e in enumerate(experiments)}
for i, s in enumerate(ceilings):
    here = acr_here.loc[s]
    y = [height[e] - (i - (len(ceilings) - 1) / 2) * 0.22 for e in here.index]
    rank.errorbar(
        here.value,
        y,
        xerr=1.96 * here.standard_error,
        ls="none",
        lw=1.2,
        ms=4,
        marker="os^D"[i % 4],
        color=["0.1", "0.4", "0.6", "0.75"][i % 4],
        label=f"$\\sigma$ = {s:g}",
    )
rank.set_yticks(list(height.values()), experiments)
for label, e in zip(rank.get_yticklabels(), experiments):
    label.set_color(style[e]["color"])
rank.set(xlabel="ACR over all images (95 %)")
if len(ceilings) > 1:
    rank.legend(loc="lower right", bbox_to_anchor=(1.03, 0.99), ncols=len(ceilings), columnspacing=0.8, handletextpad=0)
lower.legend(*shown[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
fig.savefig(figure, metadata={"Software": None})

# %%
derived, verdicts = claims[claims.ours.notna()], claims.verdict.value_counts()
sentences = []
if have_logs:
    off = ", ".join(derived.method[derived.verdict != "reproduced"].unique()) or "none"
    compared = ranking.in_errors.dropna()
    within = (compared.abs() < 1.96).sum()
    beaten = ranking[(ranking.best_minus_it < 0) & ranking.full_log.notna()]
    size = " and ".join(f"{e:.3f} (sigma {s:g})" for s, e in error.groupby("sigma").median().items())
    sentences += [
        f"**Reproduced.** {verdicts.get('reproduced', 0)} of the {len(derived)} numbers that a log answers round to "
        f"the printed ones; {verdicts.get('rounding', 0)} are off by their rounding alone "
        f"and {verdicts.get('differs', 0)} differ (both kinds: {off}). "
        f"**Not reproduced.** The {len(claims) - len(derived)} numbers without a log; and the ranking is not resolved: "
        f"{within} of {len(compared)} ACRs lie within 1.96 standard errors of the best printed one of their sigma. "
        f"One ACR has a standard error of about {size}."
    ]
    for (s, m), row in beaten.iterrows():
        sentences.append(
            f"At sigma {s:g} the full log of {m} gives {row.full_log:.3f}, above the printed best {row.best:.3f}."
        )
else:
    sentences.append(
        f"**Not reproduced.** No log is at hand: all {len(claims)} printed numbers are unchecked or not derivable."
    )

first, last = min(ceilings), max(ceilings)
if first < last:
    per_image = singles.assign(clean=singles.correct, radius=singles.radius * singles.correct)
    means = per_image.groupby(["sigma", "idx"])[["clean", "radius"]].mean()
    change = means.loc[last] - means.loc[first]
    mean, half = change.mean(), 1.96 * change.std() / np.sqrt(len(change))
    verdict = {c: "not resolved" if abs(mean[c]) < half[c] else "falls" if mean[c] < 0 else "rises" for c in change}
    largest = {s: singles.radius[(singles.sigma == s) & (singles.correct == 1)].max() for s in (first, last)}
    sentences.append(
        f"The lecture's trade-off in this run: from sigma {first:g} to {last:g} on the same {len(change)} images, the "
        f"clean accuracy changes by {100 * mean.clean:+.1f} ± {100 * half.clean:.1f} points ({verdict['clean']}), the "
        f"ACR over all by {mean.radius:+.3f} ± {half.radius:.3f} ({verdict['radius']}), the largest certified radius "
        f"from {largest[first]:.2f} to {largest[last]:.2f} (95 % intervals, models fixed)."
    )
    middle = ours[ours.metric == "ACR over all"].groupby("sigma").value.mean()
    if middle.idxmax() not in (first, last):
        sentences.append(
            f"The ACR is largest at sigma {middle.idxmax():g}: noise that hides the image costs more than it certifies."
        )
else:
    sentences.append(f"This run has a single sigma ({first:g}), so it says nothing about the effect of noise.")
if len(comparison):
    tally = comparison.verdict.value_counts()
    beyond = comparison[(comparison.verdict == "above") & (comparison.acr_minus_gaussian > 2 * comparison.sd_of_seeds)]
    best = comparison.loc[comparison.acr_minus_gaussian.idxmax()]
    sentences.append(
        f"**Training methods.** The lecture's ordering, Gaussian augmentation below the others: of {len(comparison)} "
        f"comparisons on the same images {tally.get('above', 0)} are above Gaussian's ACR, {tally.get('below', 0)} below "
        f"and {tally.get('not resolved', 0)} not resolved (95 % intervals over images, networks fixed)"
    )
    if comparison.sd_of_seeds.notna().any():
        sentences[-1] += f"; {len(beyond)} lie above by more than two standard deviations of Gaussian's seeds"
    sentences[-1] += (
        f". The largest gain is {best.method} at sigma {best.sigma:g}: {best.acr_minus_gaussian:+.3f} "
        f"({best.low:+.3f} to {best.high:+.3f})."
    )
    order = [(s, e) for s, e, verdict in comparison[["sigma", "method", "verdict"]].to_numpy() if verdict == "below"]
    if order:
        sentences.append(
            "Below Gaussian: "
            + ", ".join(f"{e} at sigma {s:g}" for s, e in order)
            + ". These are small networks, trained for few epochs with options that nobody tuned for this data."
        )
Markdown(" ".join(sentences))
