"""The frame walker: whatever the pieces, the same frames are seen and the same bytes leave."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.buildkit import frames as h2
from envd_jupyter.buildkit.frames import Frame, FrameWalker, build_frame
from envd_jupyter.errors import RelayError

frame_bytes = st.builds(
    build_frame,
    st.integers(0, 9),
    st.integers(0, 255),
    st.integers(0, 2**31 - 1),
    st.binary(max_size=200),
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


def walk(data: list[bytes], wanted: set[int], *, preface: bool) -> tuple[bytes, list[bytes]]:
    taken = []

    def take(frame: Frame, payload: bytes | bytearray) -> bytes:
        taken.append(build_frame(frame.type, frame.flags, frame.stream, payload))
        return taken[-1]

    walker = FrameWalker(wanted, lambda *_: h2.DATA not in wanted, take, preface=preface)
    out = b"".join(bytes(piece) for part in data for piece in walker.feed(part))
    return out, taken


@given(
    st.lists(frame_bytes, max_size=8),
    st.sets(st.integers(0, 9)),
    st.lists(st.integers(0, 2000), max_size=30),
    st.booleans(),
)
def test_any_segmentation_gives_the_same(frames, wanted, cuts, preface):
    data = (h2.PREFACE if preface else b"") + b"".join(frames)
    out, taken = walk(pieces_of(data, cuts), wanted, preface=preface)
    assert out == data
    assert taken == [frame for frame in frames if frame[3] in wanted]


def test_a_byte_at_a_time():
    data = h2.PREFACE + build_frame(h2.DATA, 0, 1, b"x" * 50) + h2.window_update(0, 5)
    out, taken = walk([bytes([b]) for b in data], {h2.WINDOW_UPDATE}, preface=True)
    assert out == data
    assert taken == [h2.window_update(0, 5)]


@given(st.lists(st.integers(0, 300), max_size=10), st.integers(0, 200))
def test_inserted_frames_never_split_one(cuts, when):
    data = build_frame(h2.DATA, 0, 1, b"x" * 100) + build_frame(h2.DATA, 0, 1, b"y" * 80)
    ours = h2.window_update(0, 7)
    walker = FrameWalker((), lambda *_: True, lambda *_: b"", preface=False)
    out, fed, inserted = b"", 0, False
    for piece in pieces_of(data, cuts):
        if not inserted and fed >= when:
            out, inserted = out + walker.insert(ours), True
        out += b"".join(bytes(part) for part in walker.feed(piece))
        fed += len(piece)
    if not inserted:
        out += walker.insert(ours)
    frames = []
    check = FrameWalker(
        range(256),
        lambda *_: False,
        lambda f, p: frames.append((f.type, bytes(p))) or b"",
        preface=False,
    )
    check.feed(out)
    assert sorted(frames) == sorted([(h2.DATA, b"x" * 100), (h2.DATA, b"y" * 80), (8, ours[9:])])


@given(st.lists(st.integers(0, 300), max_size=10))
def test_frames_inserted_while_one_is_taken_come_right_before_it(cuts):
    data, wanted = build_frame(h2.DATA, 0, 1, b"x" * 100), h2.window_update(0, 5)
    ours = h2.window_update(7, 1)
    sent = []

    def take(frame: Frame, payload: bytes | bytearray) -> bytes:
        sent.append(walker.insert(ours))  # what is not held back is sent at once
        return build_frame(frame.type, frame.flags, frame.stream, payload)

    walker = FrameWalker({h2.WINDOW_UPDATE}, lambda *_: True, take, preface=False)
    for piece in pieces_of(data + wanted + data, cuts):
        sent += walker.feed(piece)
    assert b"".join(sent) == data + ours + wanted + data
    assert walker.insert(ours) == ours


def test_a_wrong_preface_is_refused():
    walker = FrameWalker((), lambda *_: True, lambda *_: b"", preface=True)
    with pytest.raises(RelayError, match="preface"):
        walker.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_padding_is_left_out_of_the_data():
    frame = Frame(8, h2.DATA, h2.PADDED, 1)
    assert h2.data_span(frame, b"\x03abcd\0\0\0") == (1, 5)
    with pytest.raises(RelayError, match="padded"):
        h2.data_span(frame, b"\x09abcd\0\0\0")


def test_header_blocks_are_cut_out_of_padding_and_priority():
    both = h2.PADDED | h2.PRIORITY
    assert h2.header_block(Frame(10, h2.HEADERS, both, 1), b"\x02-----ab\0\0") == b"ab"
    assert h2.header_block(Frame(2, h2.CONTINUATION, 0, 1), b"ab") == b"ab"
