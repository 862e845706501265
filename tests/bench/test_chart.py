from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.chart import WIDTH, Bar, chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(groups: dict[str, list[Bar]]) -> ET.Element:
    return ET.fromstring(chart("Cost < price", groups, legend="shorter & better"))


def bars(picture: ET.Element) -> list[ET.Element]:
    return [each for each in picture.iter(f"{SVG}rect") if each.get("class") != "page"]


def test_a_bar_is_as_long_as_its_figure_and_its_parts_follow_each_other() -> None:
    picture = drawn(
        {
            "one": [Bar(label="a", parts=(10, 5, 5), note="20 us", look="ours")],
            "two": [Bar(label="b", parts=(10,), note="10 us")],
        }
    )
    user, system, server, other = bars(picture)
    width = [float(each.get("width", "")) for each in (user, system, server, other)]
    assert width[0] == width[3] == 2 * width[1] == 2 * width[2]
    assert float(system.get("x", "")) == float(user.get("x", "")) + width[0]
    assert [each.get("class") for each in (user, system, server, other)] == [
        "ours",
        "ours second",
        "ours third",
        "theirs",
    ]


def test_all_that_is_drawn_lies_on_the_page() -> None:
    groups = {f"group {n}": [Bar(label=f"case {m}", parts=(m,), note=f"{m} us") for m in range(1, 5)] for n in range(3)}
    picture = drawn(groups)
    height = float(picture.get("viewBox", "").split()[3])
    for each in (*bars(picture), *picture.iter(f"{SVG}text")):
        assert 0 <= float(each.get("x", "")) + float(each.get("width", 0)) <= WIDTH
        assert 0 <= float(each.get("y", "")) <= height


def test_text_is_escaped_and_both_colour_schemes_are_served() -> None:
    picture = drawn({"a & b": [Bar(label="<x>", parts=(1,), note="1 > 0")]})
    said = [each.text for each in picture.iter(f"{SVG}text")]
    assert said == ["Cost < price", "shorter & better", "a & b", "<x>", "1 > 0"]
    assert "prefers-color-scheme: dark" in chart("t", {}, legend="")


def test_a_difference_below_zero_draws_nothing() -> None:
    (bar, _) = bars(drawn({"a": [Bar(label="noise", parts=(-1.0, 2.0), note="1 us")]}))
    assert float(bar.get("width", "")) == 0
