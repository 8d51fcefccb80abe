# The images, once, as 8-bit arrays with a manifest; and the config, as this run has it.


rule data:
    output:
        train=PATHS.data("train"),
        test=PATHS.data("test"),
        manifest=PATHS.manifest,
    log:
        PATHS.log("data"),
    benchmark:
        PATHS.benchmark("data")
    params:
        name=RUN.dataset,
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
