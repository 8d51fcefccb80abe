# %% [markdown]
# # Soft and hard smoothing of the same network, certified on the same noisy copies
# **Source.** Notes on noises, "Randomized Smoothing" and "Approximating the Smoothed Classifier". The soft smoothed
# classifier is the mean of the forecasts, $F_\mathrm{soft}(x) = E_\epsilon P_\theta(y|x+\epsilon)$, the hard one the
# distribution of their modes. Guarantees are derived for the hard one, by a Clopper-Pearson bound on the probability
# of its top class; the soft one is said to have "robustness properties in a Lipschitz sense". No figure or number is
# printed.

# %% tags=["parameters"]
scores: list = []
classifier: str = ""
alpha: float = 0.001
figure: str = "soft_hard.png"
table: str = "soft_hard.csv"

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

from resmooth import bounds, certify_from_counts, metrics, noise
from resmooth.smoothing.soft import certify_scores

plt.style.use("notebooks/resmooth.mplstyle")


def read(path):
    """(noise, frame with arrays of K numbers in each row) of one scores file."""
    frame = pd.read_parquet(path)
    facts = frame.iloc[0]
    return noise.from_label(facts.noise, facts.dim, facts.sigma), frame


data = {}
for path in sorted(map(Path, scores), key=lambda path: float(path.parent.name.split("=")[1])):
    data[path.parent.parent.name, path.parent.name.split("=")[1]] = read(path)
cases = list(data)
first = data[cases[0]][1]
drawn = classifier or first.classifier.iloc[-1]
images, n0, n = first.idx.nunique(), int(first.n0.iloc[0]), int(first.n.iloc[0])
norm = data[cases[0]][0].norms[0]
run = Path(scores[0]).parents[4].name
experiments, sigmas = (", ".join(dict.fromkeys(values)) for values in zip(*cases))
Markdown(
    f"**Here.** `{drawn}` of {experiments} in the run `{run}`, {first.noise.iloc[0]} noise at sigma = {sigmas}: {images} images, "
    f"n0 = {n0}, n = {n:,}, alpha = {alpha:g}, radii in l{norm:g}. Votes and softmax scores are of the same copies. The table "
    "file holds all members and ensembles."
)

# %% [markdown]
# **Why soft smoothing can be certified alike.** If a function with values in $[0, 1]$ has the mean $p$ under noise around
# $x$, its mean around $x'$ is least when it is the indicator of a region (Neyman and Pearson). So the radius that holds
# for votes at the lower bound $p$ holds for scores; and since scores sum to one, a class above 1/2 is the top class.
#
# **What differs is the bound on $p$.** Votes are binomial: Clopper-Pearson. Scores are only known to lie in $[0, 1]$:
# Hoeffding, $\bar x - \sqrt{\ln(1/\alpha)/2n}$, or empirical Bernstein (Maurer and Pontil 2009) with the sample variance $V$,
# $$\bar x - \sqrt{2 V \ln(2/\alpha) / n} - \frac{7 \ln(2/\alpha)}{3(n-1)}$$
# To tell the two losses apart, the votes are also certified by empirical Bernstein, as the scores 0 and 1 that they are.

# %%
KINDS = {  # colour, line style, marker
    "hard, Clopper-Pearson": ("C0", "-", "o"),
    "hard, empirical Bernstein": ("C0", "--", "o"),
    "soft, empirical Bernstein": ("C1", "-", "s"),
    "soft, Hoeffding": ("C1", ":", "s"),
}


def certificates(law, part):
    """Certificates of every kind for the rows `part` of one classifier, as frames."""
    columns = ("counts0", "counts", "mean0", "mean", "variance")
    counts0, counts, mean0, mean, variance = (np.stack(part[name]) for name in columns)
    size = part.n.to_numpy()
    share0, share = counts0 / part.n0.to_numpy()[:, None], counts / size[:, None]
    spread = share * (1 - share) * (size / (size - 1))[:, None]
    found = {
        "hard, Clopper-Pearson": certify_from_counts(counts0, counts, law, alpha, norm),
        "hard, empirical Bernstein": certify_scores(share0, share, spread, size, law, alpha, norm=norm),
        "soft, empirical Bernstein": certify_scores(mean0, mean, variance, size, law, alpha, norm=norm),
        "soft, Hoeffding": certify_scores(mean0, mean, variance, size, law, alpha, "hoeffding", norm),
    }
    return {kind: result.to_frame(part.label, part.idx) for kind, result in found.items()}


def interval(count, total):
    """95 % Clopper-Pearson interval of a share of images."""
    return np.stack(bounds.clopper_pearson(count, total, 0.05, "both"))


curves, summary, points = [], [], []
for name, sigma in cases:
    law, frame = data[name, sigma]
    for which, part in frame.groupby("classifier", sort=False):
        about = {"experiment": name, "sigma": float(sigma), "classifier": which}
        counts, mean, label = np.stack(part.counts), np.stack(part["mean"]), part.label.to_numpy()
        hard, soft = counts.argmax(axis=1), mean.argmax(axis=1)
        about |= {"hard": np.mean(hard == label), "soft": np.mean(soft == label), "differ": np.sum(hard != soft)}
        about |= {
            "only hard right": np.sum((hard == label) & (soft != label)),
            "only soft right": np.sum((soft == label) & (hard != label)),
        }
        found = certificates(law, part)
        radii = np.linspace(0, 1.08 * max(result.radius.max() for result in found.values()) or law.sigma, 200)
        for kind, result in found.items():
            about[f"ACR {kind}"], about[f"SE {kind}"] = metrics.acr(result, "all"), metrics.acr_se(result, "all")
            about[f"abstains {kind}"] = metrics.abstention_rate(result)
            if which == drawn:
                accuracy = metrics.certified_accuracy(result, radii)
                low, high = interval(np.round(accuracy * len(result)).astype(int), len(result))
                lines = {"radius": radii, "accuracy": accuracy, "low": low, "high": high}
                curves.append(pd.DataFrame({"panel": "certified accuracy", **about, "kind": kind, **lines}))
        if which == drawn:
            at = np.arange(len(part)), label
            columns = {
                "idx": part.idx,
                "share of votes": counts[at] / n,
                "mean score": mean[at],
                "differs": hard != soft,
            }
            points.append(pd.DataFrame({"panel": "label", "experiment": name, "sigma": float(sigma), **columns}))
        summary.append({"panel": "summary", **about})
curves, points, summary = pd.concat(curves), pd.concat(points), pd.DataFrame(summary)
curves = curves[["panel", "experiment", "sigma", "classifier", "kind", "radius", "accuracy", "low", "high"]]

# %% [markdown]
# **The bound as the source prints it** compares a binomial variable with the *mean* of the votes,
# $$\hat q = \inf\{q : P[\mathrm{Binomial}(m, q) \ge \tfrac1m \textstyle\sum_i q_i] \ge \alpha\}$$
# It must be their *number* $\sum_i q_i$. The mean is at most 1, so that the display asks how likely a single vote is.

# %%
votes = np.arange(n + 1)
display_bound = pd.DataFrame(
    {
        "panel": "bound",
        "votes": votes,
        "count": bounds.clopper_pearson(votes, n, alpha),
        "as printed": bounds.clopper_pearson(np.ceil(votes / n).astype(int), n, alpha),
    }
)
pd.concat([curves, points, summary, display_bound], ignore_index=True).to_csv(table, index=False)

shown = summary[summary.classifier.isin(["member-1", drawn])].set_index(["experiment", "sigma", "classifier"])
shown[["hard", "soft", "differ", "only hard right", "only soft right", *(f"ACR {kind}" for kind in KINDS)]].round(3)

# %%
fig = plt.figure(figsize=(max(11, 3.7 * len(cases)), 8.4))
upper, lower = fig.subfigures(2, 1)
panels = upper.subplots(1, len(cases), squeeze=False, sharey=True)[0]
for ax, (name, sigma) in zip(panels, cases):
    for kind, (color, style, _) in KINDS.items():
        line = curves[(curves.experiment == name) & (curves.sigma == float(sigma)) & (curves.kind == kind)]
        ax.plot(line.radius, line.accuracy, style, color=color, label=kind)
        if style == "-":
            ax.fill_between(line.radius, line.low, line.high, color=color, alpha=0.13, lw=0)
    ax.set(xlabel=f"l{norm:g} radius", title=f"{name}, $\\sigma$ = {float(sigma):g}", ylim=(0, 1.02), xlim=(0, None))
panels[0].set_ylabel("certified accuracy")
panels[-1].legend(loc="upper right", fontsize=8)

mean, plane, bound = lower.subplots(1, 3)
drawn_rows = summary[summary.classifier == drawn].reset_index(drop=True)
for i, (kind, (color, style, marker)) in enumerate(KINDS.items()):
    at = np.arange(len(cases)) + (i - 1.5) * 0.13
    fill = color if style == "-" else "white"
    look = {"fmt": marker, "color": color, "mfc": fill, "ms": 5, "lw": 1.2, "capsize": 2, "label": kind}
    mean.errorbar(at, drawn_rows[f"ACR {kind}"], 1.96 * drawn_rows[f"SE {kind}"], **look)
many = len({name for name, _ in cases}) > 1
mean.set_xticks(range(len(cases)), [f"{name}\n{sigma}" if many else sigma for name, sigma in cases])
mean.set(xlabel="$\\sigma$", ylabel=f"average certified l{norm:g} radius", xlim=(-0.5, len(cases) - 0.5))
mean.set_ylim(0, 1.45 * mean.get_ylim()[1])
mean.set_title("Average over all images (bars: 95 %)")
mean.legend(loc="upper left", fontsize=8)

for i, (name, sigma) in enumerate(cases):
    dots = points[(points.experiment == name) & (points.sigma == float(sigma))]
    text = f"{name}, {sigma}" if many else f"$\\sigma$ = {sigma}"
    plane.plot(
        dots["share of votes"],
        dots["mean score"],
        "os^Dv<>"[i % 7],
        ms=4,
        mew=0,
        color=f"C{i + 2}",
        alpha=0.8,
        label=text,
    )
apart = points[points.differs]
if len(apart):
    plane.plot(
        apart["share of votes"], apart["mean score"], "o", color="black", mfc="none", ms=8, label="classes differ"
    )
plane.plot([0, 1], [0, 1], color="0.4", lw=1)
plane.axhline(0.5, color="0.4", lw=1, ls="--")
plane.axvline(0.5, color="0.4", lw=1, ls="--")
plane.set(
    xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="share of votes for the label", ylabel="mean score of the label"
)
plane.set_title("Each image")
plane.legend(loc="upper left", fontsize=8)

bound.plot(votes / n, display_bound["count"], color="C0", label="count of votes")
bound.plot(votes[1:] / n, display_bound["as printed"][1:], "--", color="C1", label="mean of votes, as printed")
bound.axhline(0.5, color="0.4", lw=1, ls=":")
bound.text(0.02, 0.55, "needed to certify", color="0.3", fontsize=8)
bound.set(yscale="log", ylim=(1e-7, 2), xlabel=f"share of {n:,} votes", ylabel="lower bound on $q$")
bound.set_title("Clopper-Pearson, and the source's display")
bound.legend(loc="center right", fontsize=8)
fig.savefig(figure, metadata={"Software": None})


# %%
def listed(values, form):
    """Values of the cases in the order of the figure, in words."""
    return ", ".join(f"{value:{form}}" for value in values)


def percent(parts, wholes):
    """Parts of the wholes, case by case, in words."""
    return ", ".join(f"{100 * part / whole:.0f}" if whole > 0 else "no" for part, whole in zip(parts, wholes)) + " %"


hard_cp, hard_eb, soft_eb, soft_h = (drawn_rows[f"ACR {kind}"] for kind in KINDS)
sure = points[points["share of votes"] > 0.5]
law = data[cases[0]][0]
widest = {
    "Clopper-Pearson on votes": bounds.clopper_pearson(n, n, alpha),
    "empirical Bernstein": bounds.empirical_bernstein(1.0, 0.0, n, alpha),
    "Hoeffding": bounds.hoeffding(1.0, n, alpha),
}
ceilings = [f"{law.radius(p, norm) / law.sigma:.2f} ({name})" for name, p in widest.items()]
lower = (sure["share of votes"] - sure["mean score"]).mean()
Markdown(
    f"**Accuracy.** On the same copies soft and hard choose another class on {listed(drawn_rows.differ, 'd')} of {images} images "
    f"(in the order of sigma); on {drawn_rows['only hard right'].sum()} of these hard alone is right, on "
    f"{drawn_rows['only soft right'].sum()} soft alone. Clean accuracy is {listed(drawn_rows.hard, '.2f')} (hard) and "
    f"{listed(drawn_rows.soft, '.2f')} (soft). **Certificates.** The soft average certified radius is "
    f"{percent(soft_eb, hard_cp)} of the hard one by empirical Bernstein, and {percent(soft_h, hard_cp)} by Hoeffding. Of the "
    f"loss by empirical Bernstein {percent(hard_cp - hard_eb, hard_cp - soft_eb)} is due to the weaker bound: that much is lost "
    f"on the votes themselves. The rest is the scores': where most votes are for the label, its mean score lies {lower:.2f} "
    f"below its share of votes on average. With {n:,} samples no radius beyond {', '.join(ceilings)} sigma is certified at all. "
    f"**The source's display** never gives more than {display_bound['as printed'].max():.1g}: it abstains on every image, "
    "whatever the votes."
)

# %% [markdown]
# **Reproduced.** Both classifiers of the source, and a certificate for each; the soft one's is our addition, for which
# the source gives no bound. **Not reproduced:** the display of the Clopper-Pearson bound, which needs the number of
# votes in place of their mean. The two classifiers are different functions: a certificate of one says nothing of the
# other. How much soft loses depends on how sure the network is: with the scores of a softmax at ever lower temperature
# it becomes hard. Bands are 95 % for the choice of images, at each radius by itself.
