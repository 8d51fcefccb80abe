# Every claim of a source: what the authors' logs, exact formulas and this run say of it. What can be read comes first (`priority`).

CLAIMS = sorted(map(str, Path("claims").glob("*.csv")))
ANSWERS = sorted(map(str, Path("claims").glob("*_logs.tsv")))
LOGS = "claims/published_logs.tsv"


rule published_claims:
    input:
        claims=CLAIMS,
        answers=ANSWERS,
        logs=LOGS,
    output:
        PATHS.published_claims,
    log:
        PATHS.log("published_claims"),
    benchmark:
        PATHS.benchmark("published_claims")
    priority: 1000000
    params:
        claims=" ".join(f"--claims {path}" for path in CLAIMS),
        mirror=os.environ.get("RESMOOTH_MIRROR", ""),
        version=VERSIONS["audit"],
    message:
        "Compare the claims with published logs and formulas"
    shell:
        "resmooth claims {params.claims} --logs {input.logs} --out {output} > {log} 2>&1"


# What can be said of the claims before anything is trained; the audit of the whole run takes its place in the end.
rule audit_published:
    input:
        claims=CLAIMS,
        logs=LOGS,
        published=PATHS.published_claims,
    output:
        csv=PATHS.audit("published/audit.csv"),
        html=PATHS.audit("published/index.html"),
    log:
        PATHS.log("audit_published"),
    benchmark:
        PATHS.benchmark("audit_published")
    priority: 1000000
    params:
        folder=subpath(output.csv, parent=True),
        claims=" ".join(f"--claims {path}" for path in CLAIMS),
        version=VERSIONS["audit"],
    message:
        "Audit the claims against logs and formulas"
    shell:
        "resmooth audit {params.claims} --logs {input.logs} --published {input.published} --out {params.folder} > {log} 2>&1"


# The published logs of Gaussian networks, for the notebooks that draw them beside the run.
rule published_logs:
    input:
        logs=LOGS,
    output:
        PATHS.published_logs,
    log:
        PATHS.log("published_logs"),
    benchmark:
        PATHS.benchmark("published_logs")
    priority: 1000000
    params:
        mirror=os.environ.get("RESMOOTH_MIRROR", ""),
        version=VERSIONS["logs"],
    message:
        "Gather the published logs of Gaussian networks"
    shell:
        "resmooth logs --logs {input.logs} --out {output} > {log} 2>&1"


rule audit_claims:
    input:
        claims=CLAIMS,
        logs=LOGS,
        config=PATHS.config,
        published=PATHS.published_claims,
        findings=[PATHS.findings(name) for name in RUN.exhibits],
        certificates=RUN.certificates(RUN.general),
    output:
        csv=report(PATHS.audit("audit.csv"), category="audit", caption="../report/audit.rst"),
        html=PATHS.audit("index.html"),
        findings=PATHS.audit("findings.md"),
    log:
        PATHS.log("audit"),
    benchmark:
        PATHS.benchmark("audit")
    priority: 1000000
    params:
        folder=subpath(output.csv, parent=True),
        claims=" ".join(f"--claims {path}" for path in CLAIMS),
        version=VERSIONS["audit"],
    message:
        "Audit the claims against logs, formulas and this run"
    shell:
        "resmooth audit {params.claims} --logs {input.logs} --published {input.published} --run {input.config}"
        " --out {params.folder} > {log} 2>&1"


rule audit:
    input:
        rules.audit_published.output,
        rules.audit_claims.output,
    message:
        f"The audit is in {PATHS.audit('index.html')}"
