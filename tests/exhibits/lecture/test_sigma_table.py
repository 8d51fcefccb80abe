import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from scipy import special

from resmooth import exhibits, storage
from resmooth.exhibits.lecture import _printed_table
from resmooth.exhibits.lecture._sigma_table_numbers import exactness
from resmooth.smoothing import bounds

EXHIBIT = exhibits.exhibit("lecture/sigma_table")
METHODS = {
    "consistency": {"noises": 2, "lbd": 5.0},
    "smoothadv": {"attack": {"steps": 1, "epsilon": 0.25}},
    "smoothmix": {"noises": 2, "steps": 1},
}
GAUSSIAN = {"epochs": 1, "batch_size": 64, "learning_rate": 0.1, "milestones": []}
RECIPES = {"gaussian": GAUSSIAN | {"method": "gaussian"}} | {
    name: GAUSSIAN | {"method": name, "options": options} for name, options in METHODS.items()
}
RECIPES["both"] = GAUSSIAN | {
    "method": "consistency",
    "options": {"noises": 2, "lbd": 5.0, "attack": {"steps": 1, "epsilon": 0.25}},
}
UP = {"consistency": 1.3, "smoothadv": 0.7}  # planted: times Gaussian's radius


def claims(logs=True):
    """Two methods at two levels: ACR and one certified accuracy each; the last method has no log."""
    rows = []
    for sigma, (first, second) in {0.5: (0.733, 0.846), 1.0: (0.875, 1.047)}.items():
        for method, acr, log in (("Gaussian", first, logs), ("SmoothMix", second, False)):
            about = {
                "source": "lecture",
                "item": "sigma_table",
                "method": method,
                "sigma": sigma,
                "reason": f"about {method}",
            }
            about |= {"images": 500 if log else np.nan, "full_log_value": np.nan}
            verdict = "reproduced" if log else "not derivable"
            number = {
                "metric": "acr",
                "radius": np.nan,
                "printed": f"{acr:.3f}",
                "printed_digits": 3,
                "verdict": verdict,
            }
            number |= {"ours": acr, "standard_error": 0.04, "ci_low": acr - 0.08, "ci_high": acr + 0.08} if log else {}
            rows.append(about | number)
            number = {
                "metric": "certified_accuracy",
                "radius": 0.5,
                "printed": "46",
                "printed_digits": 0,
                "verdict": verdict,
            }
            number |= {"ours": 45.8, "standard_error": 2.2, "ci_low": 41.4, "ci_high": 50.3} if log else {}
            rows.append(about | number)
    rows.append({"source": "lecture", "item": "sigma_table", "metric": "statement", "printed": ""})
    rows.append({"source": "noises", "item": "sigma_table", "metric": "acr", "printed": "1"})
    columns = "source item method sigma metric radius printed printed_digits ours standard_error ci_low ci_high".split()
    return pd.DataFrame(rows).reindex(columns=[*columns, "full_log_value", "verdict", "reason", "images"])


def radius(run):
    """Gaussian: the base, less for every seed; more noise: fewer images right, wider radii. The ceiling is 1.82 sigma."""
    base = synthetic.base(run)

    def of(case, kind, number):
        values = base * UP.get(case.experiment.recipe, 1.0) - 0.001 * number
        values = np.where(base < 0, -1.0, np.clip(values, 0.01, 1.8))
        return np.where(np.arange(len(values)) % 5 == 0, -1.0, values) if case.level > 0.3 else values

    return of


def planted(folder, recipes=("consistency", "smoothadv"), seeds=2, others=1, sigmas=(0.25, 0.5), images=100, logs=True):
    run = synthetic.run(
        folder,
        seeds=seeds,
        sigmas=sigmas,
        images=images,
        experiments=[{"architectures": ["resnet8"], "recipes": list(recipes), "seeds": others}] if recipes else [],
        recipes=RECIPES,
    )
    synthetic.certify(run, radius(run))
    with storage.atomic(run.paths.published_claims) as temporary:
        claims(logs).to_csv(temporary, index=False)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def frames(run):
    return EXHIBIT.compute(run)


def found(frames):
    return {each.claim.removeprefix("lecture-"): each for each in EXHIBIT.findings(frames) if each.claim}


def test_verdicts_are_those_planted(frames):
    verdicts = {claim: each.verdict for claim, each in found(frames).items()}
    assert verdicts == {
        "consistency_above_gaussian": "holds",
        "smoothadv_above_gaussian": "fails",
        "smoothmix_above_gaussian": "not resolved",
        "gaussian_best_clean": "not resolved",
        "noise_lowers_accuracy": "holds",
        "noise_raises_acr": "holds",
        "noise_raises_largest_radius": "holds",
        "radius_formula": "holds",
        "radius_ceiling": "holds",
    }
    assert found(frames)["smoothmix_above_gaussian"].reason.startswith("This run trains no network by SmoothMix")


def test_the_differences_are_paired_over_the_images(run, frames):
    row = frames["comparison"].set_index(["sigma", "method"]).loc[(0.25, "resnet8-consistency")]
    singles = run.read_certificates(run.certificates(run.normal, ["member"])).query("sigma == 0.25")
    each = singles.assign(c=singles.radius * singles.correct).pivot(
        index="idx", columns=["experiment", "number"], values="c"
    )
    difference = each["resnet8-consistency"].mean(axis=1) - each["resnet8-gaussian"].mean(axis=1)
    assert row.acr_minus_gaussian == pytest.approx(difference.mean())
    assert row.high - row.low == pytest.approx(
        2 * 1.98422 * difference.std() / 10, rel=1e-4
    )  # t with 99 degrees of freedom
    assert row.verdict == "above" and row.sd_of_seeds > 0


def test_radii_times_1_1_break_the_formula_and_the_ceiling(run, frames):
    frame = run.read_certificates(run.certificates(run.normal))
    top = bounds.clopper_pearson(frame.n, frame.n, frame.alpha.max())
    unanimous = frame.assign(p_lower=top, radius=frame.sigma * special.ndtri(top), predict=0)
    exact = frames | {"radii": exactness(unanimous)}
    assert [found(exact)[name].verdict for name in ("radius_formula", "radius_ceiling")] == ["holds", "holds"]
    assert found(exact)["radius_ceiling"].value == pytest.approx(1)
    wrong = frames | {"radii": exactness(unanimous.assign(radius=1.1 * unanimous.radius))}
    assert [found(wrong)[name].verdict for name in ("radius_formula", "radius_ceiling")] == ["fails", "fails"]


def test_another_bound_has_another_ceiling(frames):
    other = frames | {"setting": frames["setting"].assign(bound="randomized")}
    assert found(other)["radius_ceiling"].verdict == "not comparable"


def test_permuted_labels_leave_nothing_to_find(frames):
    images = frames["images"].assign(correct=0, certified=0.0)
    verdicts = {claim: each.verdict for claim, each in found(frames | {"images": images}).items()}
    assert "holds" not in [verdicts[f"{name}_above_gaussian"] for name in ("consistency", "smoothadv", "smoothmix")]
    assert verdicts["noise_lowers_accuracy"] == verdicts["noise_raises_largest_radius"] == "not resolved"


def test_levels_swapped_turn_the_effect_of_noise_round(frames):
    images = frames["images"]
    swapped = images.assign(sigma=images.sigma.map({0.25: 0.5, 0.5: 0.25}))
    verdicts = found(frames | {"images": swapped})
    assert verdicts["noise_lowers_accuracy"].verdict == "fails" and verdicts["noise_raises_acr"].verdict == "fails"


def test_several_seeds_of_both_methods_are_compared_between_seeds(tmp_path):
    run = planted(tmp_path, recipes=("consistency",), seeds=3, others=3, images=20)
    each = found(EXHIBIT.compute(run))["consistency_above_gaussian"]
    assert "seeds, paired by their number" in each.reason and each.verdict == "holds"


def test_consistency_with_an_attack_is_not_the_lectures(tmp_path):
    frames = EXHIBIT.compute(planted(tmp_path, recipes=("both",), images=20))
    assert found(frames)["consistency_above_gaussian"].verdict == "not resolved"
    assert list(frames["comparison"].method.unique()) == ["resnet8-both"]


def test_one_level_one_network_and_no_log_are_drawn(tmp_path):
    run = planted(tmp_path, recipes=(), seeds=1, sigmas=(0.25,), images=20, logs=False)
    frames = EXHIBIT.compute(run)
    assert set(each.verdict for claim, each in found(frames).items() if "radius_" not in claim) == {"not resolved"}
    assert len(EXHIBIT.draw(frames).axes) == 3 + 2
    assert "no log is at hand" in EXHIBIT.here(frames)
    assert not [each.reason for each in EXHIBIT.findings(frames) if "nan" in each.reason]
    assert list(EXHIBIT.module.summary(EXHIBIT.table(frames)).columns) == ["method", "sigma 0.25"]


def test_only_printed_numbers_of_the_table_are_claims(frames):
    assert len(frames["claims"]) == 8 and set(frames["claims"].metric) == {"acr", "certified_accuracy"}


def test_the_ranking_counts_in_standard_errors_of_the_difference():
    rows = claims().iloc[:-2]
    rows.loc[rows.method == "SmoothMix", ["ours", "verdict"]] = [0.846, "reproduced"]
    ranking = _printed_table.ranking(rows.assign(value=rows.printed.astype(float)))
    gaussian = ranking[(ranking.sigma == 0.5) & (ranking.method == "Gaussian")].iloc[0]
    assert gaussian.best == 0.846 and gaussian.in_errors == pytest.approx((0.846 - 0.733) / (0.04 * np.sqrt(2)))
    best = ranking[(ranking.sigma == 0.5) & (ranking.method == "SmoothMix")].iloc[0]
    assert best.best_minus_it == 0 and np.isnan(best.in_errors)


def test_printed_entries_show_one_digit_more_and_the_verdict(frames):
    row = frames["printed"].set_index(["sigma", "method"])
    assert (
        row.loc[(0.5, "Gaussian"), "ACR"] == "0.733 → 0.7330" and row.loc[(0.5, "Gaussian"), "r = 0.5"] == "46 → 45.8"
    )
    assert row.loc[(0.5, "SmoothMix"), "ACR"] == "0.846 –"


def test_the_mean_over_seeds_and_its_spread_are_in_the_table(run, frames):
    singles = run.read_certificates(run.certificates(run.normal, ["member"])).query(
        "sigma == 0.5 & experiment == 'resnet8-gaussian'"
    )
    acrs = (singles.radius * singles.correct).groupby(singles.number).mean()
    row = frames["ours"].query("sigma == 0.5 & method == 'resnet8-gaussian' & metric == 'ACR over all'").iloc[0]
    assert row.value == pytest.approx(acrs.mean()) and row.sd_of_seeds == pytest.approx(acrs.std())


def test_the_curve_and_its_interval_are_those_of_clopper_pearson(frames):
    curve = frames["curves"].query("sigma == 0.25 & method == 'resnet8-smoothadv'")
    assert curve.value.iloc[0] == pytest.approx(90)  # one in ten images is wrong
    low, high = bounds.clopper_pearson(90, 100, 0.05, "both")
    assert curve.low.iloc[0] == pytest.approx(100 * low) and curve.high.iloc[0] == pytest.approx(100 * high)


def test_the_table_has_its_parts_and_the_summary_marks_what_differs(frames):
    table = EXHIBIT.table(frames)
    assert list(table.part.unique()) == [
        "ImageNet",
        "this run, table",
        "this run, curve",
        "this run, ACR minus Gaussian's",
    ]
    shown = EXHIBIT.module.summary(table).set_index("method")
    assert shown.loc["resnet8-consistency", "sigma 0.25"].startswith("**")
    assert (
        "(" in shown.loc["resnet8-gaussian", "sigma 0.25"] and "**" not in shown.loc["resnet8-gaussian", "sigma 0.25"]
    )
    assert len(EXHIBIT.draw(frames).axes) == 3 + 3
