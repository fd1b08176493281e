"""Declarations of installed plugins: what is run by default and where, and the columns of the leaderboard."""

from __future__ import annotations

from simbench.columns import LEADERBOARD, added
from simbench.contracts import BoardColumn, Executor
from simbench.errors import InputError
from simbench.registry import Registry


def default_experiments(registry: Registry) -> tuple[str, ...]:
    """Names of the experiments that are run when none is named: those that only add columns to the leaderboard last.

    >>> import simbench
    >>> default_experiments(simbench.load())
    ('matching', 'cka_penalty')
    """
    experiments = [entry.plugin for entry in registry.entries["experiments"].values() if entry.plugin.default]
    return tuple(plugin.name for plugin in sorted(experiments, key=lambda plugin: (bool(plugin.board), plugin.name)))


def default_executor(registry: Registry) -> Executor | None:
    """The executor that the command line uses when none is named, the first by name; None, for its own process, if no
    installed one declares it.

    >>> import simbench
    >>> default_executor(simbench.load()).spec
    'local'
    """
    executors = [entry.plugin for _, entry in sorted(registry.entries["executors"].items()) if entry.plugin.default]
    return executors[0] if executors else None


def board_columns(registry: Registry) -> dict[str, BoardColumn]:
    """Quantity -> the column of the leaderboard that an installed experiment declares for it.

    Raises InputError if a name is taken, by a column of the leaderboard or by another experiment's column.
    """
    columns: dict[str, BoardColumn] = {}
    owner = dict.fromkeys(LEADERBOARD, "the leaderboard")
    for name, entry in sorted(registry.entries["experiments"].items()):
        for quantity, column in entry.plugin.board.items():
            if columns.get(quantity) == column:
                continue
            for each in added(quantity, column):
                if each in owner:
                    raise InputError(
                        f"experiment {name!r} declares a column {each!r} that {owner[each]} has already; rename it"
                    )
                owner[each] = f"experiment {name!r}"
            columns[quantity] = column
    return columns
