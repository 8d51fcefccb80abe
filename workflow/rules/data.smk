# The images, once, as 8-bit arrays with a manifest.


rule data:
    output:
        train="results/{run}/data/train.npz",
        test="results/{run}/data/test.npz",
        manifest="results/{run}/data/manifest.json",
    log:
        "results/{run}/logs/data.log",
    benchmark:
        "results/{run}/benchmarks/data.tsv"
    params:
        name=config["dataset"],
        folder=subpath(output.train, parent=True),
        version=VERSIONS["data"],
    message:
        "Prepare the images of {params.name}"
    shell:
        "resmooth data {params.name} {params.folder} 2>&1 | tee {log}"
