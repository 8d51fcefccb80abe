"""Splitting noise beside uniform noise."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.noises import planted
from exhibits.noises.test_radii import made_up, run_with
from helpers import ROOT

from resmooth import noise
from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _radii, splitting

SPLITTING = exhibit("noises/splitting")
ALL = ["uniform", "ssn", "dssn"]


def planted_run(tmp_path, better, images=24, noises=ALL):
    """DSSN, SSN and uniform noise, whose networks are the surer the later (`better`) or the earlier in this list."""
    run = run_with(tmp_path, planted.group(noises, sigmas=(0.25, 0.5)), images=images)
    sure = {name: 0.02 * position * (1 if better else -1) for position, name in enumerate(noises)}
    share = planted.sure(run, 0.7, 0.85)
    planted.certify(run, lambda case: share + sure.get(case.experiment.noise, 0))
    return run


def verdicts(frames) -> dict[str, str]:
    found = splitting.findings(frames)
    assert not any("nan" in each.reason for each in found)
    return {each.claim: each.verdict for each in found if each.claim}


@pytest.mark.parametrize(("better", "verdict"), [(True, "holds"), (False, "fails")])
def test_orderings_follow_the_data(tmp_path, better, verdict):
    run = run_with(tmp_path, planted.group(ALL, sigmas=(0.25, 0.5)), images=24)
    share, shift = planted.sure(run, 0.65, 0.68), 0.1 if better else -0.1
    sure = {"uniform": 0.12, "ssn": 0.12 + shift, "dssn": 0.12 + 2 * shift}
    planted.certify(run, lambda case: share + sure.get(case.experiment.noise, 0))
    frames = SPLITTING.compute(run)
    assert verdicts(frames) == {claim: verdict for claim, _ in splitting.PAIRS.values()}
    assert len(splitting.summary(splitting.table(frames))) == 3


def test_costs_are_passes_and_paired_acrs(tmp_path):
    costs = SPLITTING.compute(planted_run(tmp_path, True))["costs"]
    row = costs[(costs.other == "uniform") & (costs.sigma == 0.5)].iloc[0]
    assert row["passes: dssn"] == noise.make("dssn", dim=64, sigma=0.5).passes == 441
    assert row["passes: other"] == planted.N0 + planted.N and row["abstains: dssn"] == 0
    assert float(row["dssn minus other"].split()[0]) == pytest.approx(
        row["ACR l1: dssn"] - row["ACR l1: other"], abs=1e-4
    )


def test_by_share_alone_is_the_radius_when_one_class_takes_all_other_votes():
    law = noise.make("dssn", dim=4, sigma=0.5)
    counts = np.array(
        [[41, 400], [200, 241], [0, 441]]
    )  # the runner-up has the lower number: ties count against the top class
    part = pd.DataFrame({"n_top": counts[:, 1], "n": 441, "correct": 1})
    assert np.allclose(splitting.by_share_alone(part), law.radius_from_counts(counts))


def test_differences_are_paired_shares(tmp_path):
    frames = SPLITTING.compute(planted_run(tmp_path, True))
    wide = _radii.wide(frames["images"], "l1")
    for row in frames["differences"].iloc[[0, 5, 12]].itertuples():
        one, other = ((wide[each, row.sigma] >= row.radius).mean() for each in ("dssn", row.second))
        assert row.difference == pytest.approx(100 * (one - other)) and row.low < row.high


def test_only_where_two_of_them_share_a_level(tmp_path):
    apart = [planted.group(["uniform"], sigmas=(0.25,)), planted.group(["dssn"], sigmas=(0.5,))]
    assert splitting.needs(synthetic.run(tmp_path, experiments=apart)) is None
    assert splitting.needs(synthetic.run(tmp_path, experiments=[planted.group(["laplace", "dssn"])])) is None
    assert splitting.needs(synthetic.run(tmp_path, experiments=[planted.group(["ssn", "dssn"])])) is not None


def test_what_a_run_lacks_stays_open(tmp_path):
    frames = SPLITTING.compute(planted_run(tmp_path, True, noises=["ssn", "dssn"]))
    assert (
        verdicts(frames)["noises-ssn_above_uniform"] == verdicts(frames)["noises-dssn_above_uniform"] == "not resolved"
    )
    assert len(SPLITTING.draw(frames).axes) == 2


def test_one_level_one_image_and_an_unknown_noise(tmp_path, monkeypatch):
    made_up(monkeypatch)
    frames = SPLITTING.compute(run_with(tmp_path, planted.group([*ALL, "made"]), images=1))
    assert set(verdicts(frames).values()) == {"not resolved"}
    assert len(SPLITTING.draw(frames).axes) == 2 and SPLITTING.here(frames)


def test_without_dssn_there_are_orderings_alone(tmp_path):
    frames = SPLITTING.compute(planted_run(tmp_path, True, noises=["uniform", "ssn"]))
    assert len(frames["costs"]) == 0 and len(SPLITTING.draw(frames).axes) == 1
    assert set(SPLITTING.table(frames).part) == {"ordering"}


def test_its_notebook_runs_where_the_tiny_run_cannot_show_it(tmp_path):
    run = planted_run(tmp_path, True)
    source = (ROOT / "notebooks" / "noises" / "splitting.py").read_text()
    assert source.count('run_name: str = "digits"') == 1
    exec(source.replace('run_name: str = "digits"', ""), {"run_name": run})
    assert all(Path(path).stat().st_size for path in run.paths.exhibit("noises/splitting")[2:])
