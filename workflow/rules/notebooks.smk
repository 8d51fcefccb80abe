# One notebook for each table and figure of the sources. NOTEBOOKS lists what each one reads besides its parameters.

MARGINS = expand(rules.margins.output, run=config["run"], experiment=ENSEMBLES, sigma=SIGMAS)
PROCEDURES = expand(rules.decide.output, run=config["run"], experiment=ENSEMBLES, sigma=SIGMAS)
SAMPLED = expand(COUNTS, run=config["run"], experiment=ENSEMBLES, sigma=SIGMAS)
NOISIEST = {"run": config["run"], "experiment": next(iter(EXPERIMENTS)), "sigma": max(SIGMAS, key=float)}
VOTES = {
    "counts": expand(COUNTS, **NOISIEST),
    "certificate": "results/{run}/certificates/{experiment}/sigma={sigma}/member-1.tsv".format(**NOISIEST),
}
MISMATCH = expand(rules.sample_mismatched.output, trained=min(SIGMAS, key=float), **NOISIEST)
AUDIT = expand(rules.audit_claims.output.csv, run=config["run"])[0]

NOTEBOOKS = {
    "lecture/gaussian_noise": {},
    "lecture/smoothed_classifier": {},
    "lecture/certified_radius": {},
    "lecture/confidence_bounds": {},
    "lecture/abstain": VOTES | {"mismatch": MISMATCH if len(SIGMAS) > 1 else []},
    "lecture/inference": VOTES,
    "lecture/sigma_table": {"audit": AUDIT, "certificates": CERTIFICATES},
    "ensembles/acr_vs_k": {"certificates": certificates(ENSEMBLES)},
    "ensembles/variance_ratio": {"margins": MARGINS},
    "ensembles/samples_vs_members": {"counts": SAMPLED, "certificate": VOTES["certificate"]},
    "ensembles/efficient_certification": {"procedures": PROCEDURES},
}
if EXPERIMENTS[FIRST] < 2:
    del NOTEBOOKS["ensembles/variance_ratio"]  # one member has no correlation
    del NOTEBOOKS["ensembles/samples_vs_members"]  # and nothing to compare with
    del NOTEBOOKS["ensembles/efficient_certification"]


rule notebook:
    input:
        unpack(lambda wildcards: NOTEBOOKS[f"{wildcards.source}/{wildcards.item}"]),
        source="notebooks/{source}/{item}.py",
        style="notebooks/resmooth.mplstyle",
        renderer="workflow/scripts/render_notebook.py",
    output:
        ipynb="results/{run}/notebooks/{source}/{item}.ipynb",
        html="results/{run}/notebooks/{source}/{item}.html",
        figure=report(
            "results/{run}/figures/{source}/{item}.png",
            category="{source}",
            labels={"item": "{item}", "kind": "figure"},
            caption="../report/figure.rst",
        ),
        table=report(
            "results/{run}/tables/{source}/{item}.csv",
            category="{source}",
            labels={"item": "{item}", "kind": "table"},
            caption="../report/table.rst",
        ),
    log:
        "results/{run}/logs/notebooks/{source}/{item}.log",
    benchmark:
        "results/{run}/benchmarks/notebooks/{source}/{item}.tsv"
    wildcard_constraints:
        source="[a-z_]+",
        item="[a-z0-9_]+",
    params:
        values=lambda wildcards: NOTEBOOKS[f"{wildcards.source}/{wildcards.item}"],
    message:
        "Render notebook {wildcards.source}/{wildcards.item}"
    script:
        "../scripts/render_notebook.py"


rule figures:
    input:
        [notebook_outputs(item) for item in NOTEBOOKS],
    message:
        f"All notebooks of results/{config['run']} are up to date"


# A target named <source>_<item> for each notebook.
for name in NOTEBOOKS:

    rule:
        name:
            target_name(name)
        input:
            notebook_outputs(name),
        message:
            f"{name} is up to date"
