# One notebook for each table and figure of the sources. NOTEBOOKS lists what each one reads besides its parameters.

MARGINS = expand(RUN + "/tables/margins/{experiment}/sigma={sigma}/margins.parquet", experiment=EXPERIMENTS, sigma=SIGMAS)
AUDIT = RUN + "/audit/audit.csv"

NOTEBOOKS = {
    "lecture/gaussian_noise": {},
    "lecture/smoothed_classifier": {},
    "lecture/certified_radius": {},
    "lecture/confidence_bounds": {},
    "lecture/sigma_table": {"audit": AUDIT, "certificates": CERTIFICATES},
    "ensembles/acr_vs_k": {"certificates": CERTIFICATES},
    "ensembles/variance_ratio": {"margins": MARGINS},
}


def notebook_outputs(item):
    """Everything that the notebook `item` produces."""
    suffixes = {"notebooks": ("ipynb", "html"), "figures": ("png",), "tables": ("csv",)}
    return [f"{RUN}/{folder}/{item}.{suffix}" for folder in suffixes for suffix in suffixes[folder]]


rule notebook:
    input:
        unpack(lambda wildcards: NOTEBOOKS[f"{wildcards.source}/{wildcards.item}"]),
        source="notebooks/{source}/{item}.py",
        style="notebooks/resmooth.mplstyle",
    output:
        ipynb=RUN + "/notebooks/{source}/{item}.ipynb",
        html=RUN + "/notebooks/{source}/{item}.html",
        figure=report(
            RUN + "/figures/{source}/{item}.png",
            category="{source}",
            labels={"item": "{item}", "kind": "figure"},
            caption="../report/figure.rst",
        ),
        table=report(
            RUN + "/tables/{source}/{item}.csv",
            category="{source}",
            labels={"item": "{item}", "kind": "table"},
            caption="../report/table.rst",
        ),
    params:
        values=lambda wildcards: NOTEBOOKS[f"{wildcards.source}/{wildcards.item}"],
    wildcard_constraints:
        source="[a-z_]+",
        item="[a-z0-9_]+",
    log:
        RUN + "/logs/notebooks/{source}/{item}.log",
    benchmark:
        RUN + "/benchmarks/notebooks/{source}/{item}.tsv"
    message:
        "Render notebook {wildcards.source}/{wildcards.item}"
    script:
        "../scripts/render_notebook.py"


rule figures:
    input:
        [notebook_outputs(item) for item in NOTEBOOKS],


# A target named <source>_<item> for each notebook.
for name in NOTEBOOKS:

    rule:
        name:
            name.replace("/", "_")
        input:
            notebook_outputs(name),
