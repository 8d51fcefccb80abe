import pandas as pd
import pytest

from resmooth import storage


def test_names_are_made_and_taken_apart():
    names = storage.classifier_names(2)
    assert names == ["member-1", "member-2", "soft-1", "soft-2", "softmax-1", "softmax-2", "vote-1", "vote-2"]
    assert all(storage.classifier_name(*storage.aggregation_of(name)) == name for name in [*names, "consensus-2"])


@pytest.mark.parametrize(
    ("name", "aggregation", "members", "patches", "frames"),
    [
        ("soft-3", "soft", 3, 0, 0),
        ("member-2", "member", 1, 0, 0),
        ("consensus-2", "consensus", 2, 0, 0),
        ("base", "base", 1, 0, 0),
        ("max-4", "max", 1, 4, 0),
        ("mean_softmax-9", "mean_softmax", 1, 9, 0),
        ("centre", "centre", 1, 1, 0),
        ("max_frames-64", "max", 1, 0, 64),
        ("mean_softmax_frames-8", "mean_softmax", 1, 0, 8),
        ("video", "video", 1, 0, 0),
    ],
)
def test_columns_of_a_classifier(name, aggregation, members, patches, frames):
    wanted = {"classifier": name, "aggregation": aggregation, "members": members, "patches": patches, "frames": frames}
    assert storage.classifier_columns(name) == wanted


def test_frames_get_the_columns_beside_the_name():
    frame = pd.DataFrame({"idx": [1, 2], "classifier": ["vote-12", "member-7"], "n": [3, 4]})
    described = storage.describe_classifiers(frame)
    assert list(described.columns) == ["idx", "classifier", "aggregation", "members", "patches", "frames", "n"]
    assert described.aggregation.tolist() == ["vote", "member"] and described.members.tolist() == [12, 1]
    assert storage.describe_classifiers(described).equals(described) and list(frame.columns) == [
        "idx",
        "classifier",
        "n",
    ]
