# Every number that a source prints, beside what the published logs and this workspace say.


rule audit_claims:
    input:
        claims=["claims/lecture.csv"],
        answers=["claims/lecture_logs.tsv"],
        logs="claims/published_logs.tsv",
    output:
        csv=report(RUN + "/audit/audit.csv", category="audit", caption="../report/audit.rst"),
        html=RUN + "/audit/index.html",
    params:
        folder=RUN + "/audit",
        claims=lambda wildcards, input: " ".join(f"--claims {path}" for path in input.claims),
        mirror=os.environ.get("RESMOOTH_MIRROR", ""),
        version=VERSIONS["audit"],
    log:
        RUN + "/logs/audit.log",
    benchmark:
        RUN + "/benchmarks/audit.tsv"
    message:
        "Audit the printed claims against the published logs"
    shell:
        "resmooth audit {params.claims} --logs {input.logs} --out {params.folder} 2>&1 | tee {log}"


rule audit:
    input:
        rules.audit_claims.output,
