"""Each fault of a fields.toml is a sentence that names the field and what is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from fork.declaration import BadFields, read
from loadtest.serving import PROJECT

EXAMPLES = PROJECT / "fork" / "examples"
IRIS = (EXAMPLES / "iris.toml").read_text()


def changed(*changes: tuple[str, str]) -> str:
    text = IRIS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_accepted(path: Path) -> None:
    assert len(read(path).fields) >= 4


LETTERS = "letters, digits and underscores, a letter first"

KINDS = (
    "a field is a number or a flag (0 or 1); give whole numbers the kind number and a step of 1, "
    "a category of n values n flags"
)


def named(name: str) -> str:
    """The declaration with another name of its first field."""
    return changed(('"sepal_length_cm"', f'"{name}"'))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("title =", " is not TOML: "),
        (changed(('title = "Iris virginica"\n', "")), ": title is missing"),
        (changed(('positive = "Virginica"\n', "")), ": target, positive is missing"),
        (changed(('name = "sepal_length_cm"\n', "")), ": field 1, name is missing"),
        (changed(('unit = "cm"', 'units = "cm"')), ": field sepal_length_cm, units is not a known key"),
        (changed(("minimum = 0\n", "")), ": field sepal_length_cm: a number needs minimum"),
        (
            changed(("minimum = 0", "minimum = 15")),
            ": field sepal_length_cm: its minimum 15 is not below its maximum 15",
        ),
        (
            changed(("maximum = 15", "maximum = 1234567")),
            ": field sepal_length_cm: its maximum 1234567.0 has more than 6 digits, give a rounder one",
        ),
        (
            changed(("example = 6.3", "example = 63")),
            ": field sepal_length_cm: its example 63 is not within 0 to 15",
        ),
        (
            changed(("maximum = 15", "maximum = inf")),
            ": field sepal_length_cm, maximum: input should be a finite number",
        ),
        (
            changed(("maximum = 15", 'maximum = "15"')),
            ": field sepal_length_cm, maximum: input should be a valid number",
        ),
        (
            changed(('unit = "cm"', 'unit = "cm"\nkind = "category"')),
            f": field sepal_length_cm, kind 'category' is not supported: {KINDS}",
        ),
        (
            changed(('unit = "cm"', 'kind = "flag"')),
            ": field sepal_length_cm: a flag is 0 or 1 and has no maximum or minimum",
        ),
        (
            changed(('unit = "cm"\nminimum = 0\nmaximum = 15\nexample = 6.3', 'kind = "flag"\nexample = 2')),
            ": field sepal_length_cm: its example must be 0 or 1",
        ),
        (
            changed(
                (
                    'unit = "cm"\nminimum = 0\nmaximum = 15\nexample = 6.3',
                    'kind = "flag"\nexample = 1\noptional = true',
                )
            ),
            ": field sepal_length_cm: a flag can't be optional: the page has a switch for it, on or off",
        ),
        (
            named("Sepal length"),
            f": field Sepal length, name 'Sepal length' must be lower-case {LETTERS}",
        ),
        (
            changed(('unit = "cm"', "unit = 'c\"m'")),
            ": field sepal_length_cm, unit 'c\"m' must be one line without double quotes and backslashes",
        ),
        (named("class"), ": field class, name: class is taken; choose another name"),
        (named("copy"), ": field copy, name: copy is taken; choose another name"),
        (named("probability"), ": field probability, name: probability is taken; choose another name"),
        (named("sepal_width_cm"), ": the name sepal_width_cm stands there twice"),
        (
            changed(('name = "sepal_length_cm"', 'name = "sepal_length_cm"\ncolumn = "species"')),
            ": the column species stands there twice",
        ),
        (
            changed(('"Not_Virginica"', '"not virginica"')),
            f": target, negative 'not virginica' must be {LETTERS}",
        ),
        (changed(('"Not_Virginica"', '"virginica"')), ": target: the words of the two classes must differ"),
        (
            changed(('column = "species"', 'column = "species"\nthreshold = 1')),
            ": target, threshold: input should be less than 1",
        ),
        (
            changed(('column = "species"', 'column = "species"\nat_least = 1')),
            ": target: give positive_values or at_least, not both",
        ),
        (IRIS[: IRIS.index("[[fields]]")], ": fields is missing"),
        (
            changed(('"Iris virginica"', "'the \"best\" iris'")),
            ": title 'the \"best\" iris' must be one line without double quotes and backslashes",
        ),
    ],
)
def test_each_fault_has_its_sentence(text: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "fields.toml"
    path.write_text(text)
    with pytest.raises(BadFields) as caught:
        read(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}{fault}")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadFields, match="No such file"):
        read(tmp_path / "fields.toml")


def test_every_fault_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "fields.toml"
    path.write_text(changed(("minimum = 0", "minimum = 15"), ('label = "Sepal width"\n', "")))
    with pytest.raises(BadFields) as caught:
        read(path)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "field sepal_length_cm",
        "field sepal_width_cm, label is missing",
    ]
