"""The selection grammar, word by word."""

import re
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbench import InputError, nested
from simbench.grammar import arguments, convert, memory, parse, seeds, split_list


@dataclass(frozen=True)
class Prototype:
    share: float = 0.5
    count: int = 1
    limit: int | None = None
    exact: bool = False
    label: str = ""
    mode: Literal["soft", "hard"] = "soft"
    ranks: tuple[int, ...] = (4, 8)
    levels: tuple[float, ...] = (0.5,)
    index: object = nested(None, kind="indices")

    name = "prototype"


class Plain:
    name = "plain"


@pytest.mark.parametrize(
    "text, parts",
    [
        ("cka", ["cka"]),
        ("cka,cca", ["cka", "cca"]),
        (" cka , cca ", ["cka", "cca"]),
        ("svcca[variance=0.9,mode=x],cca", ["svcca[variance=0.9,mode=x]", "cca"]),
        ("a[b=c[d=e,f=g],h=i],j", ["a[b=c[d=e,f=g],h=i]", "j"]),
    ],
)
def test_commas_outside_brackets_separate(text, parts):
    assert split_list(text) == parts


@pytest.mark.parametrize("text", ["", ",", "cka,", ",cka", "cka,,cca", "  "])
def test_an_empty_part_is_rejected(text):
    with pytest.raises(InputError, match="has an empty part") as error:
        split_list(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["a[b=c", "a]b[", "a[b=c]]", "a[[b=c]", "]", "a,b]"])
def test_brackets_that_do_not_pair_are_rejected(text):
    with pytest.raises(InputError, match="do not pair") as error:
        split_list(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("cka", ("cka", {})),
        ("svcca[variance=0.9]", ("svcca", {"variance": "0.9"})),
        ("svcca[ variance = 0.9 , mean=x ]", ("svcca", {"variance": "0.9", "mean": "x"})),
        (
            "p[index=cka[estimator=biased,kernel=rbf],weight=2]",
            ("p", {"index": "cka[estimator=biased,kernel=rbf]", "weight": "2"}),
        ),
        ("d[path=a=b]", ("d", {"path": "a=b"})),
    ],
)
def test_name_and_parameters_of_a_part(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cka]",
        "cka=biased",
        "cka[estimator=biased",
        "[a=b]",
        "cka[a=b]c",
        "cka[]",
        "cka[ ]",
        "cka[biased]",
        "cka[=biased]",
        "cka[estimator=]",
        "cka[a=b,,c=d]",
        "cka[a=b,a=c]",
        "cka[a=b]]",
    ],
)
def test_malformed_parts_are_rejected_in_one_line_that_shows_them(text):
    with pytest.raises(InputError) as error:
        parse(text)
    inner = text[text.find("[") + 1 : -1]
    assert repr(text) in str(error.value) or repr(inner) in str(error.value)
    assert "\n" not in str(error.value)


@given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz0.", min_size=1), max_size=4))
def test_parsing_undoes_writing(params):
    inside = ",".join(f"{key}={value}" for key, value in params.items())
    assert parse("name" + (f"[{inside}]" if params else "")) == ("name", params)


def test_arguments_are_typed_by_the_annotations():
    given = {
        "share": "0.25",
        "count": "3",
        "limit": "none",
        "exact": "true",
        "label": "12",
        "mode": "hard",
        "ranks": "4+ 8+16",
        "levels": "1e-3",
        "index": "cca[mean=rho]",
    }
    values = arguments(Prototype(), given, "spec", lambda kind, text: (kind, text))
    assert values == {
        "share": 0.25,
        "count": 3,
        "limit": None,
        "exact": True,
        "label": "12",
        "mode": "hard",
        "ranks": (4, 8, 16),
        "levels": (0.001,),
        "index": ("indices", "cca[mean=rho]"),
    }
    assert type(values["count"]) is int and values["exact"] is True


@pytest.mark.parametrize(
    "key, text, allowed",
    [
        ("share", "much", "a number"),
        ("count", "1.5", "a whole number"),
        ("exact", "yes", "true or false"),
        ("limit", "x", "a whole number or none"),
        ("mode", "medium", "soft, hard"),
        ("ranks", "4+x", r"whole numbers with plus signs between them, such as 4\+8\+16"),
        ("ranks", "2.5", "whole numbers with plus signs"),
        ("ranks", "4+", "whole numbers with plus signs"),
        ("levels", "1+inf", "numbers with plus signs between them, such as"),
    ],
)
def test_a_value_of_another_type_is_rejected_with_what_is_allowed(key, text, allowed):
    with pytest.raises(InputError, match=rf"prototype\[{key}=...\] is '{re.escape(text)}'; allowed: {allowed}"):
        arguments(Prototype(), {key: text}, "spec", None)


def test_an_unknown_parameter_is_rejected_with_near_matches():
    with pytest.raises(InputError, match="parameter of 'prototype' 'shares' is unknown; did you mean 'share'"):
        arguments(Prototype(), {"shares": "1"}, "spec", None)


def test_parameters_of_a_plugin_that_takes_none_are_rejected():
    with pytest.raises(InputError, match=r"'plain' takes no parameters; given 'plain\[a=1\]'"):
        arguments(Plain(), {"a": "1"}, "plain[a=1]", None)
    assert arguments(Plain(), {}, "plain", None) == {}


@pytest.mark.parametrize(
    "text, hint, value",
    [
        ("TRUE", bool, True),
        ("False", bool, False),
        ("None", int | None, None),
        ("7", int | None, 7),
        ("1e-3", float, 0.001),
        ("2", float | None, 2.0),
        ("3", Literal[1, 3], 3),
        ("3", str, "3"),
    ],
)
def test_text_as_a_value_of_the_annotated_type(text, hint, value):
    found = convert(text, hint, "x")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("6", (0, 1, 2, 3, 4, 5)),
        ("1", (0,)),
        ("0,3", (0, 3)),
        ("3,", (3,)),
        ("0,", (0,)),
        ("3,0", (3, 0)),
        (" 2 ", (0, 1)),
        ("4, 5", (4, 5)),
    ],
)
def test_one_number_is_a_count_of_seeds_and_a_comma_makes_a_list(text, expected):
    assert seeds(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "x", ",", "1.5", "0,-3", "1,x"])
def test_what_is_no_count_and_no_list_of_seeds_is_rejected(text):
    with pytest.raises(InputError, match="allowed: a count such as 6, or a list such as 0,3") as error:
        seeds(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    "text, expected",
    [("512MB", 512 * 2**20), ("2GB", 2**31), ("1.5 gb", 1_610_612_736), (" 2048KB ", 2**21), ("1TB", 2**40)],
)
def test_memory_is_counted_in_powers_of_1024(text, expected):
    assert memory(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "2", "2000", "0GB", "-1GB", "1KB", "nanGB", "infGB", "2 G", "many"])
def test_what_is_no_memory_is_rejected(text):
    with pytest.raises(InputError, match="allowed: 1MB or more, such as 512MB or 2GB") as error:
        memory(text)
    assert repr(text) in str(error.value)


def test_a_seed_that_stands_twice_is_rejected():
    with pytest.raises(InputError, match="'1,2,1'; a seed stands there twice"):
        seeds("1,2,1")
