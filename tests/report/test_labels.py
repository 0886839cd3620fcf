from itertools import combinations

import pytest

from netwright.report.labels import Label, name_points, overlap, write_box

Text = pytest.importorskip("matplotlib.text", reason="measures the texts").Text
figures = pytest.importorskip("matplotlib.figure", reason="measures the texts")


def boxes(labels, **options):
    """Where the texts end up, in pixels."""
    figure = figures.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([label.x for label in labels], [label.y for label in labels], "o")
    axes.margins(0.2)
    name_points(axes, labels, **options)
    figure.draw_without_rendering()
    found = []
    for text in axes.texts:
        box = Text.get_window_extent(text)  # without the line
        found.append((box.x0, box.x1, box.y0, box.y1))
    return found, axes


def test_labels_of_crowded_points_do_not_cover_each_other():
    labels = [Label(0.1 * i, 0.02 * (i % 3), f"a name of some length {i}", "k") for i in range(8)]
    found, axes = boxes(labels)
    assert len(found) == 8
    assert all(overlap(one, other) == 0 for one, other in combinations(found, 2))
    frame = axes.get_window_extent()
    assert all(box[0] >= frame.x0 - 1 and box[1] <= frame.x1 + 1 for box in found)


def test_points_are_not_covered():
    labels = [Label(i % 4, i // 4, f"point {i}", "k") for i in range(12)]
    found, axes = boxes(labels, avoid=[(1.5, 1.5)])
    for x, y in [*((label.x, label.y) for label in labels), (1.5, 1.5)]:
        at = axes.transData.transform((x, y))
        assert not any(b[0] < at[0] < b[1] and b[2] < at[1] < b[3] for b in found)


def test_every_label_has_a_line_to_its_point():
    figure = figures.Figure()
    axes = figure.subplots()
    name_points(axes, [Label(1, 2, "a", "k")])
    (text,) = axes.texts
    assert text.arrow_patch is not None
    assert text.xy == (1, 2)


def test_framed_labels_leave_points_and_names_free():
    figure = figures.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    points = [(0.0, 1.0), (0.05, 0.9), (1.0, 0.8)]  # where the frame would be is a point
    axes.plot([x for x, _ in points], [y for _, y in points], "o")
    axes.margins(0.1)
    write_box(axes, Label(*points[2], "the chosen one\nin several\nlong lines", "k"), avoid=points)
    name_points(axes, [Label(*point, "a name", "k") for point in points])
    figure.draw_without_rendering()
    framed, *names = axes.texts
    frame = framed.get_bbox_patch().get_window_extent()
    for point in points:
        assert not frame.contains(*axes.transData.transform(point))
    assert not any(frame.overlaps(Text.get_window_extent(name)) for name in names)
    whole = axes.get_window_extent()
    assert whole.contains(frame.x0, frame.y0)
    assert whole.contains(frame.x1, frame.y1)
