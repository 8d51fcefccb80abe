"""Videos: chunks, sub-videos, and what of them is certified."""

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.classifiers.reductions import REDUCTIONS
from resmooth.classifiers.video import looped
from resmooth.noise.windows import Windows

CLASSES, SHAPE = 4, (2, 3, 3)  # channels and sides of a frame


@pytest.fixture(scope="module")
def network():
    """A network of chunks of any length: it sees the mean over the frames and the last frame, so that their order matters."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 18, CLASSES, generator=generator)

    def scores(chunks):
        return (chunks.mean(dim=1).flatten(1) @ weights[0] + torch.tanh(chunks[:, -1].flatten(1) @ weights[1])) * 3

    return scores


def clips(number, frames, seed=1):
    return torch.rand(number, frames, *SHAPE, generator=torch.Generator().manual_seed(seed))


def by_hand(network, clip, chunk, stride):
    """The mean score of the whole chunks of one clip [F, C, H, W]."""
    starts = [start for start in range(len(clip)) if start % stride == 0 and start + chunk <= len(clip)]
    return sum(network(clip[None, start : start + chunk])[0] for start in starts) / len(starts)


# --- chunks


@pytest.mark.parametrize(
    ("frames", "chunk", "stride"), [(8, 4, None), (11, 4, None), (9, 4, 2), (4, 4, None), (10, 3, 5)]
)
def test_a_video_averages_its_whole_chunks(network, frames, chunk, stride):
    video, given = rs.Video(network, chunk, stride), clips(2, frames)
    for scores, clip in zip(video(given), given):
        torch.testing.assert_close(scores, by_hand(network, clip, chunk, stride or chunk))


def test_frames_after_the_last_whole_chunk_play_no_part(network):
    video, given = rs.Video(network, 4), clips(2, 11)
    changed = given.clone()
    changed[:, 8:] = 0
    assert torch.equal(video(given), video(changed))
    changed[:, 7] = 0
    assert not torch.equal(video(given), video(changed))


def test_a_clip_shorter_than_a_chunk_is_looped(network):
    given = clips(2, 3)
    filled = torch.cat([given, given, given[:, :1]], dim=1)
    assert torch.equal(rs.Video(network, 7)(given), network(filled))
    assert torch.equal(looped(given, 7), filled) and looped(given, 2) is given


def test_shuffled_frames_change_the_scores(network):
    given = clips(1, 8)
    shuffled = given[:, torch.tensor([3, 1, 2, 0, 4, 5, 6, 7])]
    assert not torch.allclose(rs.Video(network, 4)(given), rs.Video(network, 4)(shuffled))


def test_impossible_sizes_are_refused(network):
    with pytest.raises(ValueError, match="at least 1 frame"):
        rs.Video(network, 0)
    video = rs.Video(network, 4)
    for changes, words in (
        ({"length": 3}, "hold no chunk of 4"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"reduce": "median"}, "reduce must be one of"),
        ({"noise_space": "resized"}, "noise_space must be one of image, patch"),
        ({"noise_space": "patch", "whole": True}, "whole needs one noise on the clip"),
    ):
        with pytest.raises(ValueError, match=words):
            rs.SubVideos(video, **({"length": 8, "stride": 2} | changes))


# --- sub-videos


def every_sub_video(network, clip, length, stride, chunk):
    """Scores [k, K] of the sub-videos of one clip, each by its chunks, by hand."""
    starts = range(0, len(clip) - length + 1, stride)
    return torch.stack([by_hand(network, clip[start : start + length], chunk, chunk) for start in starts])


@pytest.mark.parametrize("space", ["image", "patch"])
def test_every_reduction_of_every_length_comes_from_one_pass(network, space):
    given = clips(3, 14)
    sub = rs.SubVideos(rs.Video(network, 2), 6, 4, noise_space=space, lengths=[8, 14], whole=space == "image")
    copies = sub.lift_for(given.shape[1:]).apply(given)
    votes = sub.votes(copies)
    assert len(votes) == len(sub.names) == 12 + (space == "image")
    for name, own in zip(sub.names, votes):
        kind, length = name.rpartition("_frames-")[::2]
        for vote, clip in zip(own, given):
            if name == "video":
                scores = rs.Video(network, 2)(clip[None])[0]
            else:
                scores = REDUCTIONS[kind](every_sub_video(network, clip, int(length), 4, 2)[:, None])[0]
            assert vote == scores.argmax(), name


@pytest.mark.parametrize("space", ["image", "patch"])
@pytest.mark.parametrize("reduce", sorted(REDUCTIONS))
def test_the_classifier_alone_is_the_one_of_its_name(network, space, reduce):
    given = clips(5, 14)
    sub = rs.SubVideos(rs.Video(network, 2), 6, 4, reduce, space, lengths=[8])
    copies = sub.lift_for(given.shape[1:]).apply(given)
    own = sub.votes(copies)[sub.names.index(f"{reduce}_frames-6")]
    assert torch.equal(sub(copies).argmax(dim=1), own)
    expected = torch.stack([REDUCTIONS[reduce](every_sub_video(network, clip, 6, 4, 2)[:, None])[0] for clip in given])
    torch.testing.assert_close(sub(copies), expected)


def test_chunks_that_sub_videos_share_are_asked_once():
    asked = []

    def network(chunks):
        asked.append(len(chunks))
        return chunks.flatten(1)[:, :CLASSES]

    sub = rs.SubVideos(rs.Video(network, 4), 16, 4, lengths=[32], whole=True)
    sub.votes(clips(2, 48))
    assert len(asked) == 12  # 9 sub-videos of 4 chunks and 5 of 8, over the 12 chunks of the clip


def test_a_clip_shorter_than_a_sub_video_is_looped(network):
    given = clips(2, 5)
    whole = torch.cat([given, given[:, :3]], dim=1)
    for space in ("image", "patch"):
        sub = rs.SubVideos(rs.Video(network, 4), 8, 2, noise_space=space)
        copies = sub.lift_for(given.shape[1:]).apply(given)
        torch.testing.assert_close(sub(copies), rs.Video(network, 4)(whole))
    assert sub.lipschitz(given.shape[1:]) == pytest.approx(2**0.5)  # the first frames are there twice


# --- the lift


@pytest.mark.parametrize(
    ("frames", "length", "stride", "shared"),
    [
        (128, 64, 16, 4),
        (160, 64, 16, 4),
        (48, 16, 4, 4),
        (48, 32, 4, 5),
        (14, 6, 4, 2),
        (10, 4, 4, 1),
        (9, 9, 1, 1),
        (7, 3, 1, 3),
    ],
)
def test_the_norm_is_the_root_of_the_sub_videos_that_share_a_frame(network, frames, length, stride, shared):
    sub = rs.SubVideos(rs.Video(network, 1), length, stride, noise_space="patch")
    assert sub.lipschitz((frames, 1, 1, 1)) == shared**0.5
    lift = sub.lift_for((frames, 1, 1, 1))
    matrix = lift.apply(torch.eye(frames).view(frames, frames, 1, 1, 1))  # a clip for each frame: the columns of M
    assert np.linalg.norm(matrix.flatten(1).numpy(), 2) == pytest.approx(shared**0.5)
    assert lift.shape((frames, 1, 1, 1)) == tuple(matrix.shape[1:])


def test_each_classifier_is_divided_by_the_norm_of_its_own_sub_videos(network):
    sub = rs.SubVideos(rs.Video(network, 4), 16, 4, noise_space="patch", lengths=[32])
    shape = (48, *SHAPE)
    assert sub.lipschitz(shape, "max_frames-16") == 2 and sub.lipschitz(shape, "mean_frames-32") == 5**0.5
    assert sub.lipschitz(shape) == 2
    assert sub.lift_for(shape, "max_frames-32").label == "sub-videos of 32 frames at 0,4,8,12,16"
    assert rs.SubVideos(rs.Video(network, 4), 16, 4).lipschitz(shape) == 1


def test_a_stack_without_windows_is_refused():
    with pytest.raises(ValueError, match="at least one window"):
        Windows(()).norm((4, 1, 1, 1))


# --- smoothed


def smoothed(classifier, frames, sigma=0.5, **options):
    return rs.Smoothed(
        classifier, rs.noise.make("normal", frames * 18, sigma=sigma), CLASSES, precision="as given", **options
    )


def test_one_chunk_of_the_whole_clip_is_the_network_itself(network):
    given = clips(3, 6)
    video = smoothed(rs.Video(network, 6), 6).certify(given, n0=20, n=200)
    plain = smoothed(network, 6).certify(given, n0=20, n=200)
    assert (video.predict == plain.predict).all() and (video.n_top == plain.n_top).all()
    assert (video.radius == plain.radius).all()


def test_a_video_that_looks_at_one_frame_is_the_classifier_of_that_frame():
    """Same noise, same counts: the noise of the frame is what the noise of the clip holds there."""
    weights = torch.randn(18, CLASSES, generator=torch.Generator().manual_seed(3))
    given, frame = clips(2, 8), 5

    def of_frame(images):
        return images.flatten(1) @ weights

    other = smoothed(rs.Video(lambda chunks: of_frame(chunks[:, 1]), 8), 8)
    video = smoothed(rs.Video(lambda chunks: of_frame(chunks[:, frame]), 8), 8)
    counts = video.counts(given, 300, seed=2)
    for index, clip in enumerate(given):
        stream = video.stream(clip, 2, index, 1)
        copies = torch.empty(300, *clip.shape)
        stream.take(copies)
        votes = of_frame(copies[:, frame]).argmax(dim=1)
        assert torch.equal(torch.bincount(votes, minlength=CLASSES), counts[index])
    assert not torch.equal(other.counts(given, 300, seed=2), counts)  # another frame has other pixels and other noise


def test_other_frames_leave_the_counts_of_one_frame_as_they_are():
    """In distribution: the noise is another one, for a clip draws more of it."""
    weights = torch.randn(18, CLASSES, generator=torch.Generator().manual_seed(3))
    given, n = clips(1, 1), 5000
    longer = torch.cat([given, clips(1, 3)], dim=1)
    one = smoothed(lambda images: images.flatten(1) @ weights, 1).certify(given, 50, n)
    many = smoothed(rs.Video(lambda chunks: chunks[:, 0].flatten(1) @ weights, 4), 4).certify(longer, 50, n)
    assert one.predict == many.predict and abs(one.n_top - many.n_top) < 4 * (2 * n) ** 0.5 / 2


@pytest.mark.parametrize("space", ["image", "patch"])
def test_counts_do_not_depend_on_batches(network, space):
    given = clips(2, 14)
    sub = rs.SubVideos(rs.Video(network, 2), 6, 4, noise_space=space)
    first, second = (smoothed(sub, 14, batch_size=size).certify(given, 10, 100) for size in (7, 64))
    assert (first.n_top == second.n_top).all() and (first.radius == second.radius).all()


def test_radii_of_independent_noise_are_divided(network):
    given = clips(1, 14) * 0 + 0.5
    sub = rs.SubVideos(
        rs.Video(lambda chunks: torch.eye(CLASSES)[:1].expand(len(chunks), -1), 2), 6, 4, noise_space="patch"
    )
    found, whole = smoothed(sub, 14).certify(given, 10, 100), smoothed(sub.video, 14).certify(given, 10, 100)
    assert found.radius == pytest.approx(whole.radius / 2**0.5) and whole.radius > 0


def test_clips_are_sampled_one_by_one(network):
    from resmooth.smoothing.engine import side_by_side

    video = smoothed(rs.Video(network, 2), 14)
    video.build((14, *SHAPE))
    assert video.of_clips and side_by_side(video, range(5), 10) == [range(i, i + 1) for i in range(5)]


def test_long_clips_are_drawn_in_pieces():
    from resmooth.smoothing.streams import block

    cpu = torch.device("cpu")
    assert block(3072, cpu) == block(224 * 224 * 3, cpu) == 128
    assert block(128 * 3 * 112 * 112, cpu) == 4 and block(2**27, cpu) == 1


def test_a_batch_holds_few_copies_of_long_clips_and_the_network_many_chunks(network):
    seen = []

    class Graph(torch.nn.Module):
        batch_size = 16

        def forward(self, chunks):
            seen.append(len(chunks))
            return network(chunks)

    given = clips(4, 20)
    video = rs.Video(Graph(), 2)
    torch.testing.assert_close(video(given), rs.Video(network, 2)(given))
    assert seen == [16, 16, 8]


def test_building_again_changes_nothing():
    """A batch holds few copies of a long clip, and a pass of the network more chunks; both stay, call after call."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * 18, CLASSES))
    video = rs.Smoothed(rs.Video(net, 2), rs.noise.make("normal", 2**22, sigma=0.5), CLASSES, precision="float32")
    shape = (2**22 // 18, *SHAPE)
    sizes = []
    for _ in range(2):
        video.build(shape)
        sizes.append((video.batch_size, video.classifier.models[0].batch_size))
    assert sizes == [(8, 512), (8, 512)]
    video.batch_size = 4  # memory ran out
    video.rebuild()
    assert (video.batch_size, video.classifier.models[0].batch_size) == (4, 8)
