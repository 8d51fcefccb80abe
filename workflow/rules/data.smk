# The images, once, as 8-bit arrays with a manifest; and the config, as this run has it. The run on clips within a run has its own.

for part in RUN.parts:

    rule:
        name:
            "data" if part is RUN else f"{part.name}_data"
        output:
            train=part.paths.data("train"),
            test=part.paths.data("test"),
            manifest=part.paths.manifest,
        log:
            part.paths.log("data"),
        benchmark:
            part.paths.benchmark("data")
        params:
            name=part.dataset,
            folder=subpath(output.train, parent=True),
            version=VERSIONS["data"],
        message:
            "Prepare the images of {params.name}"
        shell:
            "resmooth data {params.name} {params.folder} > {log} 2>&1"


rule config:
    output:
        PATHS.config,
    log:
        PATHS.log("config"),
    priority: 1000000  # notebooks read it, and some need nothing else
    params:
        text=yaml.safe_dump(RUN.config, sort_keys=False),
    message:
        "Write down the config"
    shell:
        "printf %s {params.text:q} > {output} 2> {log}"
