# One notebook for each table and figure of the sources. What it reads, and whether this run can show it, its exhibit says.


rule notebook:
    input:
        unpack(lambda wildcards: exhibit(wildcards).needs(RUN)),
        config=ancient(PATHS.config),
        module=lambda wildcards: exhibit(wildcards).files,
        source="notebooks/{source}/{item}.py",
        renderer="workflow/scripts/render_notebook.py",
    output:
        ipynb=PATHS.page("{source}/{item}", "ipynb"),
        html=PATHS.page("{source}/{item}", "html"),
        figure=report(
            PATHS.page("{source}/{item}", "png"),
            category="{source}",
            labels={"item": "{item}", "kind": "figure"},
            caption="../report/figure.rst",
        ),
        table=report(
            PATHS.page("{source}/{item}", "csv"),
            category="{source}",
            labels={"item": "{item}", "kind": "table"},
            caption="../report/table.rst",
        ),
        findings=PATHS.findings("{source}/{item}"),
    log:
        PATHS.log("notebooks/{source}/{item}"),
    benchmark:
        PATHS.benchmark("notebooks/{source}/{item}")
    priority: 1000000  # what can be read comes first, before more is trained
    params:
        settings=lambda wildcards: exhibit(wildcards).settings(RUN),
        version=VERSIONS["exhibits"],
    message:
        "Render notebook {wildcards.source}/{wildcards.item}"
    shell:
        "python -m resmooth.forked python {input.renderer} {input.source} --run-name {input.config}"
        " --ipynb {output.ipynb} --html {output.html} --log {log} > {log} 2>&1"


rule figures:
    input:
        [PATHS.exhibit(name) for name in RUN.exhibits],
    message:
        f"All notebooks of {PATHS.root} are up to date"


# A target named <source>_<item> for each exhibit.
for name, each in RUN.exhibits.items():

    rule:
        name:
            each.target
        input:
            PATHS.exhibit(name),
        message:
            f"{name} is up to date"
