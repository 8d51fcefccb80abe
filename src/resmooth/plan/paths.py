"""Names of the files of a run. Only this module makes them; all other code uses a `Paths`.

Any part of a name may be a wildcard in braces: `paths.counts("{experiment}", "{sigma}", "{shard}")` is the pattern of all counts.
"""

PAGE = {"ipynb": "notebooks", "html": "notebooks", "png": "figures", "csv": "tables"}


class Paths:
    """File names of the run `run`, below `folder`/`run`, as text with forward slashes."""

    def __init__(self, run: str, folder: str = "results") -> None:
        self.root = f"{folder}/{run}"

    def data(self, name: str) -> str:
        """The images of a split ("train", "test"), as 8-bit arrays."""
        return f"{self.root}/data/{name}.npz"

    @property
    def manifest(self) -> str:
        """What the images are, and where they are from."""
        return f"{self.root}/data/manifest.json"

    @property
    def config(self) -> str:
        """The config that the run was made from, whole."""
        return f"{self.root}/config.yaml"

    def checkpoint(self, experiment: str, sigma: str, seed: int | str, suffix: str = "safetensors") -> str:
        """A trained network; its manifest under the suffix "json"."""
        return f"{self.root}/models/{experiment}/sigma={sigma}/seed={seed}.{suffix}"

    def counts(self, experiment: str, sigma: str, shard: str) -> str:
        """Class counts of the images numbered `shard` ("0-500")."""
        return f"{self.root}/counts/{experiment}/sigma={sigma}/{shard}.parquet"

    def certificates(self, experiment: str, sigma: str, classifier: str) -> str:
        """The certificates of one classifier ("member-1", "soft-3")."""
        return f"{self.root}/certificates/{experiment}/sigma={sigma}/{classifier}.tsv"

    def measured(self, what: str, experiment: str, sigma: str) -> str:
        """A measurement other than votes: margins, scores, draws, decide (Parquet) or ddrs (tab-separated)."""
        what, suffix = {"decide": "procedures"}.get(what, what), "tsv" if what == "ddrs" else "parquet"
        return f"{self.root}/tables/{what}/{experiment}/sigma={sigma}/{what}.{suffix}"

    def mismatch(self, experiment: str, trained: str, sigma: str) -> str:
        """Counts of a network under another level of noise than it was trained with."""
        return f"{self.root}/tables/mismatch/{experiment}/trained={trained}/sigma={sigma}/counts.parquet"

    @property
    def published_logs(self) -> str:
        """The authors' own per-image logs, gathered."""
        return f"{self.root}/tables/published_logs.parquet"

    @property
    def published_claims(self) -> str:
        """Each claim beside what published logs and exact formulas say of it."""
        return f"{self.root}/tables/published_claims.csv"

    def page(self, exhibit: str, suffix: str) -> str:
        """A file of an exhibit "<source>/<item>": "ipynb", "html" (its notebook), "png" (its figure) or "csv" (its table)."""
        return f"{self.root}/{PAGE[suffix]}/{exhibit}.{suffix}"

    def findings(self, exhibit: str) -> str:
        """What an exhibit found on this run."""
        return f"{self.root}/findings/{exhibit}.csv"

    def exhibit(self, exhibit: str) -> list[str]:
        """All that the notebook of an exhibit writes."""
        return [*(self.page(exhibit, suffix) for suffix in PAGE), self.findings(exhibit)]

    def audit(self, name: str) -> str:
        """A file of the audit: audit.csv, index.html or findings.md."""
        return f"{self.root}/audit/{name}"

    def state(self, job: str) -> str:
        """Folder of a job's partial progress. It is not an output, so Snakemake keeps it if the job fails."""
        return f"{self.root}/state/{job}"

    def log(self, job: str) -> str:
        """What a job printed."""
        return f"{self.root}/logs/{job}.log"

    def benchmark(self, job: str) -> str:
        """What a job cost."""
        return f"{self.root}/benchmarks/{job}.tsv"
