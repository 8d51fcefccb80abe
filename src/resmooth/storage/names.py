"""Names of the classifiers that an ensemble's members form. Only this module makes and parses them.

"member-2" is the second member alone; "soft-3", "softmax-3" and "vote-3" are the ensembles of the first three members, by the
mean of their scores, by the mean of their softmax probabilities, and by majority (`resmooth.classifiers.ensemble`);
"consensus-2" asks all members where the first two disagree. "max-4" and "mean-4" reduce the scores of one network over four
patches, "centre" takes the central patch alone (`resmooth.classifiers.patches`). "max_frames-64" and "mean_frames-64" reduce them
over the sub-videos of 64 frames of a clip, "video" takes the clip whole (`resmooth.classifiers.video`). Tables list such a name
as `classifier` and, beside it, `aggregation`, `members`, `patches` and `frames`. This module lies in `storage`, below
`resmooth.classifiers`, because reading a table derives missing columns.
"""

from collections.abc import Iterable

import pandas as pd

CLASSIFIER_COLUMNS = [
    "classifier",
    "aggregation",
    "members",
    "patches",
    "frames",
]  # of tables; the first decides the others
AGGREGATIONS = ("soft", "softmax", "vote")
MEMBER, CONSENSUS = "member", "consensus"
CENTRE, REDUCED = "centre", ("max", "mean", "max_logits", "mean_softmax")  # of the patches of Smooth-Reduce
WHOLE, OVER_FRAMES = "video", tuple(f"{kind}_frames" for kind in REDUCED)  # of its sub-videos


def classifier_name(aggregation: str, number: int) -> str:
    """The name of the first `number` members under `aggregation`, or for "member" of the member of that number, from 1."""
    return f"{aggregation}-{number}"


def classifier_names(members: int) -> list[str]:
    """Names of the 4 * members classifiers that one pass of so many members certifies, in the order of `Ensemble.votes`."""
    return [classifier_name(kind, number) for kind in (MEMBER, *AGGREGATIONS) for number in range(1, members + 1)]


def patch_names(sizes: Iterable[int], reductions: Iterable[str] = REDUCED, centre: bool = True) -> list[str]:
    """Names of the classifiers that one pass over patches certifies, in the order of `Patches.votes`.

    sizes: numbers of patches; 1 is the central patch, if `centre` is there, and no size among others.
    """
    numbers = sorted(set(sizes))
    sizes = [size for size in numbers if size > 1] or numbers if centre else numbers
    return [CENTRE] * centre + [classifier_name(kind, size) for kind in reductions for size in sizes]


def sub_video_names(lengths: Iterable[int], reductions: Iterable[str] = REDUCED, whole: bool = False) -> list[str]:
    """Names of the classifiers that one pass over sub-videos of these lengths certifies, in the order of `SubVideos.votes`."""
    numbers = sorted(set(lengths))
    return [WHOLE] * whole + [classifier_name(f"{kind}_frames", length) for kind in reductions for length in numbers]


def frames_of(name: str) -> int:
    """How many frames the sub-videos have that the classifier of that name reduces: 64 of "max_frames-64"; 0 if none."""
    kind, number = aggregation_of(name)
    return number if kind in OVER_FRAMES else 0


def patches_of(name: str) -> int:
    """How many patches the classifier of that name reduces: 4 of "max-4", 1 of "centre"; 0 if it is none of patches."""
    kind, number = aggregation_of(name)
    return number if kind in (*REDUCED, CENTRE) else 0


def aggregation_of(name: str) -> tuple[str, int]:
    """(aggregation, number) of a classifier's name: ("soft", 3) of "soft-3"; ("member", 2) of "member-2", the second member.

    A name of another form is that of a single classifier: (name, 1).
    """
    kind, _, number = name.rpartition("-")
    return (kind, int(number)) if kind and number.isdecimal() else (name, 1)


def classifier_columns(name: str) -> dict:
    """The columns that tables list of a classifier: classifier, aggregation, members, patches and frames.

    members: how many members it asks (consensus: asks first); 1 for each member alone, whatever its number. patches: of an image
    that it asks them about, 0 if it takes the image whole; frames: of the sub-videos of a clip, 0 if it takes the clip whole.
    """
    kind, number = aggregation_of(name)
    members = 1 if kind in (MEMBER, *REDUCED, *OVER_FRAMES) else number
    about = {"classifier": name, "aggregation": kind.removesuffix("_frames"), "members": members}
    return about | {"patches": patches_of(name), "frames": frames_of(name)}


def describe_classifiers(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns aggregation, members, patches and frames right after `classifier`, which decides them."""
    frame = frame.drop(columns=CLASSIFIER_COLUMNS[1:], errors="ignore")
    known = {name: classifier_columns(name) for name in frame.classifier.unique()}
    position = frame.columns.get_loc("classifier") + 1
    for column in reversed(CLASSIFIER_COLUMNS[1:]):
        dtype = frame.classifier.dtype if column == "aggregation" else "int64"
        values = frame.classifier.map({name: columns[column] for name, columns in known.items()})
        frame.insert(position, column, values.astype(dtype))
    return frame
