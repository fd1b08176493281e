"""`simbench check`"""

from __future__ import annotations

import click


@click.command("check")
@click.argument("names", nargs=-1, required=True)
@click.option("--verbose", "-v", is_flag=True, help="Show passed checks, too.")
def check_command(names: tuple[str, ...], verbose: bool) -> int:
    """Check indices and stitchers (contract, claims that are made or not made, known answers), models (exact cuts),
    data sets (splits) and executors (results, deaths).

    NAMES are selections such as cka or 'svcca[variance=0.9]'; `all` checks every installed index, stitcher and model.
    A data set or an executor is checked where it is named, since that may download or start something; so is a model of
    a source, such as torchvision:resnet18.
    """
    from simbench import sourced
    from simbench.check import checks
    from simbench.cli.installed import installed
    from simbench.errors import InputError, unknown
    from simbench.grammar import parse, split_list
    from simbench.registry import Registry
    from simbench.system.names import halves

    registry: Registry = installed()
    kinds = ("indices", "stitchers", "models", "datasets", "executors")
    known = [name for kind in kinds for name in registry.entries[kind]]
    plugins = []
    for part in (part for text in names for part in split_list(text)):
        name = parse(part)[0]
        here = [
            kind
            for kind in kinds
            if name in registry.entries[kind] or (name == "all" and kind not in ("datasets", "executors"))
        ]
        given = registry.sources.get(halves(name)[0])
        here += [kind for kind in sourced.GIVES if given is not None and sourced.gives(given, kind)]
        if not here:
            raise unknown("index, stitcher, model, data set or executor", name, known, "simbench list shows all")
        chosen, refusals = [], []
        for kind in here:  # an index and a stitcher may share a name, and have other parameters
            try:
                chosen += registry.select(kind, [part])
            except InputError as refusal:
                refusals.append(refusal)
        if not chosen:
            raise refusals[0]
        plugins += chosen
    failed = 0
    for plugin in plugins:
        outcomes = [(check.name, check.run()) for check in checks(plugin)]
        counts = {
            status: sum(outcome.status == status for _, outcome in outcomes)
            for status in ("passed", "failed", "skipped")
        }
        click.echo(f"{plugin.spec}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
        for name, outcome in outcomes:
            if verbose or outcome.status != "passed":
                click.echo(f"  {outcome.status:7} {name}: {outcome.reason}")
        failed += counts["failed"]
    return 1 if failed else 0
