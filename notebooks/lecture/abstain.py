# %% [markdown]
# # Three reasons for ABSTAIN, each provoked and remedied
# **Source.** Lecture, "Certification Procedure". If CERTIFY returns ABSTAIN, there are three possibilities:
#
# 1. the guess $\hat c_A$ was wrong, and its probability is below 1/2 (remedy: increase $n_0$);
# 2. the true $p_A \le 1/2$ (remedy: train with noise);
# 3. the true $p_A > 1/2$, but the lower bound is too loose (remedy: increase $n$).
#
# The source prints neither a figure nor a number for them.

# %% tags=["parameters"]
counts: list = []
mismatch: list = []
certificate: str = ""
p_example: float = 0.65
p_theory: list = [0.51, 0.55]
n_theory: int = 100000
few: int = 50
least_groups: int = 5
figure: str = "abstain.png"
table: str = "abstain.csv"

# %%
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy import stats

from resmooth import bounds, certify_from_counts, noise
from resmooth.storage import gather_certificates, read_counts

plt.style.use("notebooks/resmooth.mplstyle")
run, classifier = Path(certificate).parents[3].name, Path(certificate).stem
settings = gather_certificates([certificate]).iloc[0]
alpha, sigma, n0 = settings.alpha, settings.sigma, int(settings.n0)


# %% [markdown]
# **Votes in their order.** The counts files keep the votes of each `step` consecutive samples, here cumulated: every
# multiple of `step` is a possible $n$. The $n_0$ votes of the run's own guess are other samples, kept as a sum only.


# %%
def in_order(paths):
    """One row for each image: idx, label, counts0, and `steps`, the counts of each whole step in the order drawn [S, K]."""
    frame, facts = read_counts(paths)
    frame = frame[frame.classifier == classifier].set_index("idx")
    columns, only = ["idx", "classifier", "by_step"], [("classifier", "==", classifier)]
    raw = pd.concat(pd.read_parquet(path, columns=columns, filters=only) for path in paths).set_index("idx").by_step
    whole = frame.n.min() // frame.step.max()
    frame["steps"] = [np.reshape(raw[i], (-1, len(c)))[:whole].astype(int) for i, c in frame.counts.items()]
    return frame, facts


matched, facts = in_order(counts)
noises = {name: facts[key] for name, key in (("dim", "dim"), ("sigma", "sigma"), ("arithmetic", "arithmetic"))}
distribution = noise.make(facts["noise"], **noises)
mismatched = in_order(mismatch)[0].loc[matched.index] if mismatch else None
steps, selection = np.stack(matched.steps), np.stack(matched.counts0)  # [images, S, K], [images, K]
step, images, classes = int(matched.step.max()), *steps.shape[::2]
n, half = step * steps.shape[1], steps.shape[1] // 2
label = matched.label.to_numpy()
trained = Path(mismatch[0]).parents[1].name.split("=")[1] if mismatch else None

Markdown(
    f"**Here.** `{classifier}` of {settings.experiment} in the run `{run}`: {images} images under sigma = {sigma:g}, n0 = "
    f"{n0}, n = {n:,}, alpha = {alpha:g}, Clopper-Pearson bound; votes kept every {step}. "
    + (
        f"For the second reason the same network trained at sigma = {trained}, under the same sigma = {sigma:g}."
        if mismatch
        else "**The run has one sigma only:** no network was trained at another one, and the second reason is not drawn."
    )
)

# %% [markdown]
# **Theory, exact.** CERTIFY abstains if fewer than $k^*$ of the $n$ votes are for the guess. With class probabilities
# $p_1 \dots p_K$
# $$P(\mathrm{ABSTAIN}) = \sum_c P(\hat c_A = c)\;P(\mathrm{Bin}(n, p_c) < k^*)$$
# because guess and estimate use different samples. $P(\hat c_A = c)$ is a finite sum over the multinomial law.


# %%
@cache
def needed(n):
    """The least count k* of n that certifies a positive radius; n + 1 where no count does."""
    certifies = bounds.clopper_pearson(np.arange(n + 1), n, alpha) >= 0.5
    return int(certifies.argmax()) if certifies.any() else n + 1


def too_few(n, p):
    """P(ABSTAIN) of a guessed class with probability p (number or array)."""
    return stats.binom.cdf(needed(n) - 1, n, p)


def guesses(p, n0):
    """P(guess = c) for each class c [K]: the multinomial law as independent Poisson counts, given their sum n0."""
    p = np.asarray(p, dtype=float)
    law = stats.poisson.pmf(np.arange(n0 + 1), n0 * p[:, None])  # [K, n0 + 1]
    wins = np.zeros(len(p))
    for c in np.flatnonzero(p):
        for k in range(-(-n0 // len(p)), n0 + 1):
            others = np.ones(1)  # of the sum of all other counts; ties go to the lower class, as argmax has it
            for other in np.flatnonzero(p):
                if other != c:
                    others = np.convolve(others, law[other, : k + (other > c)])[: n0 - k + 1]
            if len(others) == n0 - k + 1:
                wins[c] += law[c, k] * others[-1]
    return wins / stats.poisson.pmf(n0, n0)


def abstains(p, n0, n):
    """P(ABSTAIN) for class probabilities p."""
    return guesses(p, n0) @ too_few(n, np.asarray(p))


def textbook(p, n0, n):
    """P(ABSTAIN) for probabilities without an order of classes: ties of the guess go both ways alike."""
    return (abstains(p, n0, n) + abstains(p[::-1], n0, n)) / 2


# %% [markdown]
# **One image for all three.** Of the images that CERTIFY answers with all of the run's samples (and on which it
# abstains if the network was trained at the other $\sigma$), the one whose $p_A$, as a share of votes, is nearest to
# `p_example`. It is chosen by the votes that are then shown, so it is an illustration; the rates over all
# images are the evidence.


# %%
def abstained(counts0, counts):
    """Whether CERTIFY abstains, for counts [N, K]."""
    return certify_from_counts(counts0, counts, distribution, alpha).predict < 0


whole = steps.sum(axis=1)
share = whole / n
certified = ~abstained(selection, whole)
candidates = certified.copy()
if mismatch:
    whole_mismatched = np.stack(mismatched.steps).sum(axis=1)
    mismatched_abstains = abstained(np.stack(mismatched.counts0), whole_mismatched)
    candidates &= mismatched_abstains
distance = np.abs(share.max(axis=1) - p_example)
chosen = int(np.where(candidates, distance, distance + 1).argmin())
p_image = share[chosen]
c_image = int(p_image.argmax())
name = f"image {matched.index[chosen]}"
shown = ", ".join(f"{p:.3f}" for p in np.sort(p_image)[::-1][:3])
Markdown(
    f"The image is number {matched.index[chosen]} (label {label[chosen]}, top class {c_image}), with vote shares {shown}"
    + (f"; trained at sigma = {trained}: {whole_mismatched[chosen].max() / n:.3f}" if mismatch else "")
    + ("." if candidates.any() else ". No image meets the condition; the nearest share was taken.")
)

# %% [markdown]
# **Reason 1, $n_0$.** Guesses from disjoint groups of $n_0$ votes of the first half, estimates from the whole second
# half. The image's own rate is shown where there are `least_groups` of them; its exact line takes that same estimate as
# given. Beside it two textbook cases with $p_A$ = `p_example`: all the rest in one rival, or spread evenly over seven.


# %%
def sizes(most):
    """Numbers of steps 1, 2, 5, 10, ... up to `most`, and `most`."""
    grid = [k * 10**e for e in range(7) for k in (1, 2, 5)]
    return [k for k in grid if k < most] + [most]


def groups(part, k):
    """Counts of disjoint groups of k steps, what is left over dropped: [images, groups, K]."""
    count = part.shape[1] // k
    return part[:, : count * k].reshape(len(part), count, k, -1).sum(axis=2)


def rates(panel, x, outcome):
    """Rows for the table: how often `outcome` [images, groups] is ABSTAIN, for the image (with interval) and for all."""
    hits, trials = int(outcome[chosen].sum()), outcome.shape[1]
    low, high = bounds.clopper_pearson(hits, trials, 0.05, "both")
    every = {"panel": panel, "x": x, "series": "all images", "value": outcome.mean(), "groups": trials}
    own = {"series": name, "value": hits / trials, "low": float(low), "high": float(high)}
    return [every] + [every | own] * (trials >= least_groups)


estimate, n_half = steps[:, half:].sum(axis=1), step * (steps.shape[1] - half)
rows = []
for k in sizes(half):
    guess = groups(steps[:, :half], k)
    each = [abstained(guess[:, g], estimate) for g in range(guess.shape[1])]
    rows += rates("n0", k * step, np.stack(each, axis=1))
one, spread = [p_example, 1 - p_example], [p_example] + 7 * [(1 - p_example) / 7]
fails = estimate[chosen] < needed(n_half)  # the classes that the image's second half does not certify
grid0 = np.unique(np.geomspace(1, 100, 24).astype(int))
for k in grid0:
    exact = {name: guesses(p_image, k) @ fails, "one rival": textbook(one, k, n_half)}
    exact["seven rivals"] = textbook(spread, k, n_half)
    rows += [{"panel": "n0, exact", "series": series, "x": k, "value": value} for series, value in exact.items()]

# %% [markdown]
# **Reason 3, $n$.** The guess is the run's own, from its $n_0$ separate votes; the estimates come from disjoint groups of
# $n$ votes. No $n$ helps where no class has a probability above 1/2: that share of the images, as far as all votes
# settle it (upper bounds of all classes below 1/2, at $\alpha / K$ each), is a floor.

# %%
for k in sizes(steps.shape[1]):
    each = groups(steps, k)
    outcome = [abstained(selection, each[:, g]) for g in range(each.shape[1])]
    rows += rates("n", k * step, np.stack(outcome, axis=1))
low, high = bounds.clopper_pearson(whole[chosen, c_image], n, 0.05, "both")
grid = np.unique(np.geomspace(5, n_theory, 120).astype(int))
for k in grid:
    rows += [{"panel": "n, exact", "series": f"p_A = {p:g}", "x": k, "value": too_few(k, p)} for p in p_theory]
    ends = {"value": too_few(k, p_image.max()), "low": too_few(k, high), "high": too_few(k, low)}
    rows.append({"panel": "n, exact", "series": name, "x": k} | ends)


# %% [markdown]
# **Reason 2, and which reason it was.** An abstention does not say why. All $n$ votes of an image often do: another class
# than the guess is certified (reason 1), no class can reach 1/2 (reason 2), the guess itself is certified (reason 3).
# What remains is too close to 1/2 to say. Four settings: the run's own, one guess of a single step, few votes, and
# the other training.


# %%
def reasons(setting, counts0, counts, everything):
    """A row: abstentions with (counts0, counts), by the reason that the counts `everything` [images, K] show."""
    abstain = abstained(counts0, counts)
    lower = bounds.clopper_pearson(everything, n, alpha) >= 0.5
    above = np.take_along_axis(lower, counts0.argmax(axis=1)[:, None], axis=1)[:, 0]
    never = (bounds.clopper_pearson(everything, n, alpha / classes, "upper") < 0.5).all(axis=1)
    why = {
        "1: wrong guess": abstain & lower.any(axis=1) & ~above,
        "2: no class above 1/2": abstain & never,
        "3: too few votes": abstain & above,
    }
    why["2 or 3: too close to 1/2"] = abstain & ~np.any(list(why.values()), axis=0)
    return {"setting": setting, "abstain": abstain.sum()} | {reason: found.sum() for reason, found in why.items()}


some = max(1, round(few / step))
verdicts = [
    reasons(f"the run\n(n0 = {n0},\nn = {n:,})", selection, whole, whole),
    reasons(f"n0 = {step}", steps[:, 0], steps[:, 1:].sum(axis=1), whole),
    reasons(f"n = {some * step}", selection, steps[:, :some].sum(axis=1), whole),
]
if mismatch:
    verdicts.append(reasons(f"trained\nat {trained}", np.stack(mismatched.counts0), whole_mismatched, whole_mismatched))
    for x, y, a, b in zip(whole_mismatched.max(axis=1) / n, share.max(axis=1), mismatched_abstains, ~certified):
        state = ("neither", f"trained at {sigma:g} only", f"trained at {trained} only", "both")[2 * a + b]
        rows.append({"panel": "training", "series": f"abstains: {state}", "x": x, "value": y})
verdicts = pd.DataFrame(verdicts).set_index("setting")
long = verdicts.stack().rename_axis(["setting", "series"]).rename("value").reset_index().assign(panel="reasons")
data = pd.concat([pd.DataFrame(rows), long], ignore_index=True)
data.to_csv(table, index=False)
verdicts.set_axis(verdicts.index.str.replace("\n", " ")).reset_index()


# %%
def lines(panel, series):
    """The rows of the table that one line is drawn from."""
    return data[(data.panel == panel) & (data.series == series)]


def dots(ax, panel):
    """Measured abstention: the image with its 95 % interval, and all images."""
    own, every = lines(panel, name), lines(panel, "all images")
    error = [own.value - own.low, own.high - own.value]
    ax.errorbar(own.x, own.value, error, fmt="o", color="C0", ms=5, lw=1, capsize=2, label=f"{name}, measured")
    ax.plot(every.x, every.value, "s-", color="black", ms=4.5, lw=1, label=f"all {images} images, measured")
    ax.set(xscale="log", ylabel="share of CERTIFY runs that ABSTAIN", ylim=(-0.02, 1.02))


fig, axes = plt.subplots(*((2, 2) if mismatch else (1, 3)), figsize=(11.5, 9.2) if mismatch else (15, 5))
guessing, *training, sampling, why = axes.flat
for series, style, color, text in (
    (name, "-", "C0", f"{name}, its vote shares"),
    ("one rival", "--", "C1", f"$p_A$ = {p_example:g}, one rival"),
    ("seven rivals", ":", "C2", f"$p_A$ = {p_example:g}, seven rivals"),
):
    part = lines("n0, exact", series)
    guessing.plot(part.x, part.value, style, color=color, label=f"{text}: exact")
dots(guessing, "n0")
guessing.set(xlabel="samples $n_0$ for the guess", title=f"1. Wrong guess: increase $n_0$ (here n = {n_half:,})")
guessing.legend(fontsize=8, loc="upper right")

below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2, "fontsize": 8}
looks = {"both": ("s", "C3"), f"trained at {trained} only": ("v", "C4"), f"trained at {sigma:g} only": ("D", "C1")}
for ax in training:
    for state, (marker, color) in (looks | {"neither": ("o", "none")}).items():
        part = lines("training", f"abstains: {state}")
        edge = "0.45" if state == "neither" else color
        label_ = f"abstains: {state} ({len(part)})"
        ax.plot(part.x, part.value, marker, color=edge, mfc=color, ms=5, ls="none", label=label_)
    own = whole_mismatched[chosen].max() / n, p_image.max()
    ax.plot(*own, "o", color="C0", ms=12, mfc="none", mew=1.6, ls="none", label=name)
    ax.axhline(0.5, color="0.4", lw=1)
    ax.axvline(0.5, color="0.4", lw=1)
    ax.plot([0, 1], [0, 1], ":", color="0.4", lw=1)
    lowest = min(lines("training", f"abstains: {state}")[["x", "value"]].min().min() for state in looks) - 0.03
    ax.set(
        xlim=(lowest, 1.02),
        ylim=(lowest, 1.02),
        title=rf"2. $p_A \leq 1/2$: train with the noise, $\sigma$ = {sigma:g}",
    )
    ax.set(xlabel=rf"top share of votes, trained at $\sigma$ = {trained}", ylabel=rf"trained at $\sigma$ = {sigma:g}")
    ax.legend(**below)

for p, style, color in zip(p_theory, ("-.", "--"), ("C3", "C1")):
    part = lines("n, exact", f"p_A = {p:g}")
    sampling.plot(part.x, part.value, style, color=color, label=f"$p_A$ = {p:g}: exact")
part = lines("n, exact", name)
sampling.plot(part.x, part.value, "-", color="C0", label=f"{name}, its vote share (95 %): exact")
sampling.fill_between(part.x, part.low, part.high, color="C0", alpha=0.15, lw=0)
dots(sampling, "n")
never = verdicts["2: no class above 1/2"].iloc[0]
sampling.axhline(never / images, color="black", lw=1, ls=(0, (1, 3)), label="all images: no class above 1/2")
sampling.set(xlabel="samples n for the bound", title=f"3. Bound too loose: increase n (here $n_0$ = {n0})")
sampling.legend(**below)

left = np.zeros(len(verdicts))
for reason, color, hatch in zip(verdicts.columns[1:], ("C1", "C3", "C5", "0.8"), ("", "///", "...", "")):
    part = 100 * verdicts[reason].to_numpy() / images
    why.barh(range(len(verdicts)), part, left=left, color=color, hatch=hatch, ec="white", label=reason)
    left += part
for y, value in enumerate(left):
    why.text(value + 1, y, f"{value:.0f} %", va="center")
why.set_yticks(range(len(verdicts)), verdicts.index)
why.set(
    xlim=(0, 110),
    ylim=(len(verdicts) - 0.5, -0.5),
    xlabel=f"share of the {images} images [%]",
    xticks=range(0, 101, 20),
)
why.set_title("Abstentions by the reason that all votes show")
why.grid(axis="y", visible=False)
why.legend(**below)
fig.savefig(figure, metadata={"Software": None})


# %%
def first(curve, most):
    """The least x of an exact curve from which on all its values are at most `most`, in words."""
    above = np.flatnonzero(curve.value.to_numpy() > most)
    at = above[-1] + 1 if len(above) else 0
    return f"{int(curve.x.iloc[at]):,}" if at < len(curve) else f"more than {int(curve.x.iloc[-1]):,}"


own0, rival = lines("n0, exact", name), lines("n0, exact", "one rival")
rest = [fails[c_image], too_few(n_half, p_example)]
pairs = lines("n0", name).merge(own0, on=["series", "x"])[["low_x", "high_x", "value_y"]].to_numpy().tolist()
own = lines("n", name)
pairs += [[row.low, row.high, too_few(row.x, p_image.max())] for row in own.itertuples()]
agree = sum(low <= value <= high for low, high, value in pairs)
guess1, few_votes, undecided = verdicts.iloc[1], verdicts.iloc[2], verdicts.iloc[0, -1]
first_n = next(k for k in range(1, 10**4) if needed(k) <= k)
seen = [
    guess1["1: wrong guess"] > 0,
    any(mismatched_abstains & certified) if mismatch else False,
    few_votes.iloc[3] > 0,
]
seen = ", ".join(str(1 + i) for i in np.flatnonzero(seen)) or "none"
text = (
    f"**Reproduced.** Of the three possibilities, for which the source gives words only, the run shows these and their "
    f"remedies: {seen}. "
    f"(1) With {step} vote{'s' * (step > 1)} for the guess, {guess1['1: wrong guess']} of {guess1['abstain']} abstentions "
    f"are wrong guesses, with n0 = {n0} {verdicts.iloc[0]['1: wrong guess']} of {verdicts.iloc[0]['abstain']}; a wrong guess "
    f"adds less than one point from n0 = {first(own0, rest[0] + 0.01)} on for the image and, at p_A = {p_example:g} with one "
    f"rival, from n0 = {first(rival, rest[1] + 0.01)} on: it is the rival, not p_A, that costs samples. "
)
if mismatch:
    only, here = (lines("training", f"abstains: {state}") for state in list(looks)[1:])
    p_value = stats.binomtest(len(only), max(1, len(only) + len(here)), 0.5).pvalue
    text += (
        f"(2) Under sigma = {sigma:g} the network trained at {trained} abstains on {mismatched_abstains.sum()} of {images} "
        f"images, the one trained at {sigma:g} on {(~certified).sum()}: {len(only)} are won and {len(here)} lost (sign test: "
        f"p = {p_value:.1g}). That no class reaches 1/2 is certain for {verdicts.iloc[3]['2: no class above 1/2']} and {never}. "
    )
else:
    text += "(2) Not provoked here, since the run has one sigma only. "
text += (
    f"(3) With n = {some * step}, {few_votes['3: too few votes']} of {few_votes['abstain']} abstentions need no more than the "
    f"{n:,} votes there are. Below n = {first_n} nothing can be certified at alpha = {alpha:g}; the chance of ABSTAIN stays "
    f"below 5 % from about n = {first(lines('n, exact', name), 0.05)} on for the image"
    + "".join(f", {first(lines('n, exact', f'p_A = {p:g}'), 0.05)} for p_A = {p:g}" for p in p_theory)
    + f". {agree} of {len(pairs)} intervals of the image hold the exact value. **Not reproduced, and why.** The remedies do "
    f"not reach every image: {never} of {images} are beyond any n0 and n for this network, and {undecided} more stay open, "
    f"their largest share so close to 1/2 that {n:,} votes cannot tell reason 2 from 3. Which reason holds is read from "
    f"votes at level {alpha:g} for each bound, not known. One network of one seed stands for each training."
)
Markdown(text)
