"""Files that pass between the steps: checkpoints, counts, certificates. Written whole or not at all, checked when read.

checkpoint    <name>.safetensors beside <name>.json, its manifest (config, data hash, git revision, metrics, file sha256)
counts        Parquet, one row for each (image, classifier); what was sampled and how is in the file's metadata
certificates  tab-separated, the field's own columns first, so that scripts for the original logs read them

Partial progress lives in a state folder that one process owns at a time (`exclusive`), as one Parquet file for each finished
group of images (`Journal`).
"""

from resmooth.storage.atomic import atomic, check_writable, file_sha256, read_json, write_json
from resmooth.storage.certificates import (
    CERTIFICATE_COLUMNS,
    FIELD_COLUMNS,
    read_certificates,
    write_certificates,
)
from resmooth.storage.checkpoints import (
    MANIFEST_KEYS,
    check_checkpoint_name,
    manifest_path,
    read_checkpoint,
    read_manifest,
    write_checkpoint,
)
from resmooth.storage.counts import COUNT_COLUMNS, LEVEL, holds_counts, read_counts, read_counts_after, write_counts
from resmooth.storage.journal import Journal
from resmooth.storage.locks import exclusive
from resmooth.storage.names import (
    CLASSIFIER_COLUMNS,
    aggregation_of,
    classifier_columns,
    classifier_name,
    classifier_names,
    describe_classifiers,
)
from resmooth.storage.progress import TRAINING, counting_together, finished
from resmooth.storage.tables import write_table

__all__ = [
    "CLASSIFIER_COLUMNS",
    "CERTIFICATE_COLUMNS",
    "COUNT_COLUMNS",
    "FIELD_COLUMNS",
    "LEVEL",
    "MANIFEST_KEYS",
    "TRAINING",
    "Journal",
    "aggregation_of",
    "atomic",
    "check_checkpoint_name",
    "check_writable",
    "classifier_columns",
    "classifier_name",
    "classifier_names",
    "counting_together",
    "describe_classifiers",
    "exclusive",
    "file_sha256",
    "finished",
    "holds_counts",
    "manifest_path",
    "read_certificates",
    "read_checkpoint",
    "read_counts",
    "read_counts_after",
    "read_json",
    "read_manifest",
    "write_certificates",
    "write_checkpoint",
    "write_counts",
    "write_json",
    "write_table",
]
