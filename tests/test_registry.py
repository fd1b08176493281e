"""The registry: inline plugins, broken ones, duplicates, and selection by pattern."""

from dataclasses import FrozenInstanceError, dataclass
from types import SimpleNamespace

import pytest

import simbench
from simbench import Index, InputError, Stitcher, hookimpl, nested
from simbench.registry import load

BUILT_IN = load()


class One(Index):
    name, source = "one", "none"


@dataclass(frozen=True)
class Penalty(Index):
    """An index that holds another one."""

    weight: float = 1.0
    index: Index = nested(lambda: BUILT_IN.get("indices", "svcca[variance=0.9]"), kind="indices")

    name = "penalty"
    source = "none"


@dataclass(frozen=True)
class Twice(Index):
    """An index that holds one that holds one."""

    outer: Index = nested(Penalty, kind="indices")

    name = "twice"
    source = "none"


@dataclass
class Thawed(Index):
    width: int = 1

    name = "thawed"
    source = "none"


def plugin(*items, kind="indices"):
    """A plugin module whose one hook returns the items."""

    @hookimpl
    def hook():
        return list(items)

    return SimpleNamespace(__name__="inline", **{f"simbench_{kind}": hook})


def named(name, **attributes):
    return type("Named", (Index,), {"name": name, "source": "none", **attributes})()


def broken(*plugins):
    registry = load(extra=plugins)
    assert {kind: set(found) for kind, found in registry.entries.items()} == {
        kind: set(found) for kind, found in BUILT_IN.entries.items()
    }, "the rest stands"
    (only,) = set(registry.broken) - set(BUILT_IN.broken)
    assert "Traceback" in only.traceback and only.owner == "in process"
    return only


def test_built_in_plugins_come_from_the_entry_points_of_the_package():
    assert {"cka", "r2_lr", "cca", "svcca", "pwcca"} <= set(BUILT_IN.entries["indices"])
    assert {"identity", "least_squares", "reduced_rank", "procrustes"} <= set(BUILT_IN.entries["stitchers"])
    assert BUILT_IN.entries["indices"]["cka"].owner == f"simbench {simbench.__version__}"
    assert BUILT_IN.broken == ()


def test_an_inline_plugin_stands_beside_the_built_in_ones():
    one = One()
    registry = load(extra=[plugin(one)])
    assert registry.get("indices", "one") is one
    assert registry.owner(one).owner == "in process"
    assert set(registry.entries["indices"]) == {*BUILT_IN.entries["indices"], "one"}


def test_a_class_with_hooks_is_a_plugin_too():
    class Plugin:
        @hookimpl
        def simbench_indices(self):
            return [One()]

        @hookimpl
        def simbench_stitchers(self):
            return (type("Nothing", (Stitcher,), {"name": "nothing", "source": "none"})(),)

    registry = load(extra=[Plugin()])
    assert "one" in registry.entries["indices"] and "nothing" in registry.entries["stitchers"]


def test_a_plugin_given_twice_is_registered_once():
    once = plugin(One())
    assert "one" in load(extra=[once, once]).entries["indices"]


def test_the_registry_is_frozen():
    with pytest.raises(TypeError):
        BUILT_IN.entries["indices"]["cka"] = None
    with pytest.raises(FrozenInstanceError):
        BUILT_IN.entries = {}


def test_a_name_taken_twice_is_an_error_that_names_both_owners():
    message = f"index 'cka' is registered twice, by simbench {simbench.__version__} and by in process"
    with pytest.raises(InputError, match=message):
        load(extra=[plugin(named("cka"))])


def test_the_same_name_may_stand_in_two_kinds():
    stitcher = type("Cka", (Stitcher,), {"name": "cka", "source": "none"})()
    assert load(extra=[plugin(stitcher, kind="stitchers")]).get("stitchers", "cka") is stitcher


def test_a_misspelt_hook_is_reported_by_name():
    only = broken(plugin(One(), kind="indexes"))
    assert only.name == "inline" and "simbench_indexes" in only.reason


def test_a_hook_that_raises_is_reported_with_its_traceback():
    @hookimpl
    def simbench_indices():
        raise RuntimeError("the data file is gone")

    only = broken(SimpleNamespace(simbench_indices=simbench_indices))
    assert only.reason == "RuntimeError: the data file is gone"
    assert "in simbench_indices" in only.traceback


@pytest.mark.parametrize("returned, kind", [(None, "NoneType"), (One(), "One"), ({}, "dict")])
def test_a_hook_that_returns_no_list_is_reported(returned, kind):
    @hookimpl
    def simbench_indices():
        return returned

    reason = broken(SimpleNamespace(simbench_indices=simbench_indices)).reason
    assert reason == f"TypeError: simbench_indices returned {kind}; it must return a list"


@pytest.mark.parametrize(
    "item, reason",
    [
        (One, "an Index object is wanted"),
        ("cka", "returned 'cka'; an Index object is wanted"),
        (BUILT_IN.get("stitchers", "identity"), "an Index object is wanted"),
        (Index(), "has the name None"),
        (named("two words"), "has the name 'two words'"),
        (named("a[b]"), "has the name"),
        (named("all"), "has the name"),
        (named("x*"), "has the name"),
        (named(""), "has the name"),
        (type("Bare", (Index,), {"name": "bare"})(), "index 'bare' names no source"),
        (named("x", version="2"), "index 'x' has version '2'"),
        (Thawed(), "index 'thawed' is a dataclass that is not frozen"),
    ],
)
def test_an_object_that_breaks_its_contract_is_reported(item, reason):
    found = broken(plugin(item)).reason
    assert found.startswith("TypeError: ") and reason in found


def test_two_broken_plugins_are_both_reported_and_the_good_one_stands():
    registry = load(extra=[plugin(kind="indexes"), plugin(One()), plugin("cka")])
    assert len(registry.broken) == 2 and "one" in registry.entries["indices"]


def test_parameters_configure_a_copy_and_leave_the_default():
    configured = BUILT_IN.get("indices", "svcca[variance=0.9]")
    assert configured.variance == 0.9 and configured.spec == "svcca[variance=0.9]"
    assert BUILT_IN.get("indices", "svcca").variance == 0.99


@pytest.mark.parametrize(
    "spec", ["svcca", "svcca[variance=0.9]", "cka[estimator=debiased,kernel=rbf]", "r2_lr[centred=false]"]
)
def test_the_spec_of_a_plugin_names_it_again(spec):
    found = BUILT_IN.get("indices", spec)
    assert found.spec == spec and BUILT_IN.get("indices", found.spec) == found


def test_the_spec_of_a_plugin_is_its_own_when_others_came_and_went():
    """Specs are kept by the identity of objects, which Python gives to new ones again."""
    kind = type(simbench.load().get("indices", "svcca"))
    assert [kind(variance=share / 1000).spec for share in range(1, 500)] == [
        f"svcca[variance={share / 1000}]" for share in range(1, 500)
    ]


def test_a_parameter_given_its_default_is_left_out_of_the_spec():
    assert BUILT_IN.get("indices", "svcca[variance=0.99]").spec == "svcca"


def test_unknown_names_are_rejected_with_near_matches():
    message = r"stitcher 'procrustis' is unknown; did you mean 'procrustes'\?.*list stitchers"
    with pytest.raises(InputError, match=message):
        BUILT_IN.get("stitchers", "procrustis")


def test_nested_parameters_are_resolved_to_configured_objects():
    registry = load(extra=[plugin(Penalty(), Twice())])
    default = registry.get("indices", "penalty")
    assert default.index.spec == "svcca[variance=0.9]" and default.index.variance == 0.9
    given = registry.get("indices", "penalty[weight=2,index=cka[estimator=debiased,kernel=rbf]]")
    assert (given.weight, given.index.estimator, given.index.kernel) == (2.0, "debiased", "rbf")
    assert given.spec == "penalty[weight=2.0,index=cka[estimator=debiased,kernel=rbf]]"
    assert registry.get("indices", given.spec) == given
    deep = registry.get("indices", "twice[outer=penalty[index=svcca[variance=0.5]]]")
    assert deep.outer.index.variance == 0.5 and registry.get("indices", "twice").outer.index.variance == 0.9


def test_a_nested_name_that_is_unknown_is_rejected_with_near_matches():
    registry = load(extra=[plugin(Penalty())])
    with pytest.raises(InputError, match="index 'ckaa' is unknown; did you mean 'cka'"):
        registry.get("indices", "penalty[index=ckaa]")


def test_the_identity_of_a_plugin_holds_that_of_the_nested_one():
    registry = load(extra=[plugin(Penalty())])
    first, second = (registry.get("indices", f"penalty[index={inner}]").identity for inner in ("cka", "cca"))
    assert first["params"]["index"]["name"] == "cka" and first["params"]["index"]["version"] == 1
    assert first != second


def specs(kind, *texts, registry=BUILT_IN):
    return [found.spec for found in registry.select(kind, texts)]


def test_all_is_every_plugin_in_its_default_configuration():
    assert specs("indices", "all") == specs("indices", "*") == sorted(BUILT_IN.entries["indices"])


def test_patterns_match_names():
    assert specs("indices", "*cca") == ["cca", "pwcca", "svcca"]
    assert specs("indices", "??cca", "c?a") == ["pwcca", "svcca", "cca", "cka"]
    assert specs("stitchers", "*rank") == ["reduced_rank"]


def test_a_selection_keeps_the_order_given_and_each_plugin_once():
    assert specs("indices", "r2_lr,svcca[variance=0.9]", "cka", "svcca[variance=0.9],r2_lr") == [
        "r2_lr",
        "svcca[variance=0.9]",
        "cka",
    ]
    assert specs("indices", "svcca", "svcca[variance=0.99]") == ["svcca"]
    assert specs("indices", "cka[estimator=debiased],cka") == ["cka[estimator=debiased]", "cka"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("z*", r"index pattern 'z\*' is unknown"),
        ("*cca[variance=1]", "to a pattern"),
        ("all[variance=1]", "to a pattern"),
        ("cka,", "empty part"),
        ("cka,ccaa", "'ccaa' is unknown; did you mean"),
    ],
)
def test_selections_that_name_nothing_are_rejected(text, message):
    with pytest.raises(InputError, match=message):
        BUILT_IN.select("indices", [text])


def test_a_plugin_that_forgot_the_marker_is_reported():
    class Forgot:
        def simbench_indices(self):
            return []

    broken = simbench.load([Forgot()]).broken
    assert [item.name for item in broken] == ["Forgot"] and "@simbench.hookimpl" in broken[0].reason


def test_a_direction_beside_the_claims_is_reported():
    class Distance(Index):
        name, source, direction = "distance", "made by the tests", -1

    class Plugin:
        @hookimpl
        def simbench_indices(self):
            return [Distance()]

    broken = simbench.load([Plugin()]).broken
    assert "it is claimed by `Claims(direction=...)`" in broken[0].reason


def test_an_unknown_invariance_is_one_clear_line():
    with pytest.raises(InputError, match="invariance 'ortogonal' is unknown; did you mean 'orthogonal'"):
        simbench.invariant("ortogonal")
