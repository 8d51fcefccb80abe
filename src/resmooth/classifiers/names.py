"""Names of the classifiers that one pass of an ensemble certifies; `resmooth.storage.names` makes and parses them."""

from resmooth.storage.names import (
    AGGREGATIONS,
    aggregation_of,
    classifier_columns,
    classifier_name,
    classifier_names,
    frames_of,
    patch_names,
    patches_of,
    sub_video_names,
)

__all__ = [
    "AGGREGATIONS",
    "aggregation_of",
    "classifier_columns",
    "classifier_name",
    "classifier_names",
    "frames_of",
    "patch_names",
    "patches_of",
    "sub_video_names",
]
